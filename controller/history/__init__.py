"""What is kept of sessions, for the person: records, their database, and what is made of them."""
