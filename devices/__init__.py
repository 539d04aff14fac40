"""Devices: Bluetooth links, device profiles and the three roles Pump, Warmer and Massager. Knows nothing of routines."""
