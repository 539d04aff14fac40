"""The web page and the HTTP API: a watcher beside MQTT. Knows events and commands, never devices."""
