"""Prometheus metrics of a controller: counted from the stream and from commands. Not loaded where they are off."""
