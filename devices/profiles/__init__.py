"""Device profiles: a device model described in YAML, and the driver that uses it."""
