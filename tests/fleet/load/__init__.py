"""What a fleet costs, measured: messages, stores, processor time and memory, and how soon a stop is carried out."""
