"""Reminders: the next session, cleaning the parts, charging a pump. They start nothing, and are off by default."""
