"""What a station and its devices show and accept, declared once."""
