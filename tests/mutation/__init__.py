"""Whether tests notice when a limit in `controller/safety/limits.py` is changed a little. Run with `make mutation`."""
