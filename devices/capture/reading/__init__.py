"""Reading captures: file formats, then HCI or the link layer, L2CAP, ATT and GATT. `capture_file` has the way in."""
