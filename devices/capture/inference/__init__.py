"""From the traffic of one device, and labels of what was pressed, to a draft profile. Pure: bytes and labels in."""
