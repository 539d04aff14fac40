"""The web page and the HTTP API: an interface beside MQTT. Knows events and commands, never devices."""
