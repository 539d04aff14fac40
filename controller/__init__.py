"""The controller: routines, sessions, safety, and the interfaces (MQTT, terminal) that watch and command them."""
