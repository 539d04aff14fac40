"""MQTT: topics, the bridge to any broker, and the embedded broker."""
