"""What controllers of a fleet share: who owns a station, what safety must remember, and their settings.

Kept in the key-value store of a nats-server cluster.
"""
