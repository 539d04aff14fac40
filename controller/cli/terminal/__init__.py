"""The parent at the terminal: what is shown, and the keys. But for `local_session`, it knows the contract alone."""
