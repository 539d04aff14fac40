"""What has nothing to do with devices: the clock, YAML files, and the files that are shipped."""
