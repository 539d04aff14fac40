"""The command line: each command of `letdown`, and what it prints."""
