"""Breast pumps of makers who do not exist: what each sends, what its app does, and a recording of both."""
