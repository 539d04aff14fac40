"""A controller of a fleet: it serves those stations that it receives and owns, each as a home would."""
