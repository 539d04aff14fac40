"""The controller: routines, sessions, safety, and the watchers (MQTT) that tell others about them."""
