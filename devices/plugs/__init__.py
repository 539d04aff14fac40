"""Smart plugs over MQTT, as a warm compress that is only on or off."""
