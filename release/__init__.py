"""Build and check a release: `make release`. docs/releases.md describes it; nothing of this is in the wheel."""
