"""Profiles held against buttplug's device configuration and drivers. README.md says how."""
