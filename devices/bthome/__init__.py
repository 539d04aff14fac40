"""Devices that advertise what they measure in the open format BTHome, version 2 (https://bthome.io/format)."""
