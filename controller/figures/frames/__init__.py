"""The frames of a Bluetooth capture as HTML: each byte by its role."""
