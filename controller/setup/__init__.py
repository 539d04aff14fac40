"""Setting up: what is near, what a device needs, and writing it all into the settings file. No terminal here."""
