"""A database, SQLite or PostgreSQL, behind one interface: plain SQL that both understand, and numbered migrations."""
