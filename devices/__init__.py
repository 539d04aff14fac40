"""Devices: Bluetooth links, drivers and the three roles Pump, Warmer and Massager. Knows nothing of routines."""
