"""Tuya BLE: one engine for the many products that speak it, each described by a `tuya:` section of its profile."""
