"""The running service: stations, the commands carried out on them, and the watchdogs."""
