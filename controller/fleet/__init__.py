"""A controller of a fleet: it serves those stations that it hears and owns, each as a home would."""
