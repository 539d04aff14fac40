"""Traces of commands, for OpenTelemetry. Not loaded where the environment names no exporter."""
