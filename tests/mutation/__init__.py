"""Whether the tests of `controller/safety.py` notice when a limit is changed a little. Run with `make mutation`."""
