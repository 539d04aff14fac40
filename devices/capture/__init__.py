"""From a Bluetooth capture to a draft profile: reading files, the GATT conversation in them, labels, inference."""
