"""Devices: Bluetooth links, profiles and the three roles Pump, Warmer and Massager. Knows nothing of routines."""
