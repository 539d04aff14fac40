"""Tuya BLE: one engine for many products, each described by the `tuya:` section of its model file."""
