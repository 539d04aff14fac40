"""What every driver shares: the device model, the base of devices, roles, stopping, and how values are encoded."""
