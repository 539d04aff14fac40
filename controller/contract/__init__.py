"""The public models: events, commands, cautions and features. Interfaces such as MQTT depend on these alone."""
