"""What must survive a crash, in one small SQLite file. `store` is the way in; SQLAlchemy is imported when one opens."""
