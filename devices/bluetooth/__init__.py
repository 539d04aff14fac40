"""Bluetooth LE over bleak: adapters and proxies, advertisements, and one link for each device."""
