"""What is wrong on this machine, and what to do: `letdown doctor`."""
