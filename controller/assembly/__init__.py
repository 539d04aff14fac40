"""What a service is built of: the settings file, the radio, devices, stations and the web server."""
