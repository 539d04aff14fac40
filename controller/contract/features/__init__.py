"""The features of stations and devices: what they publish and accept, declared once."""
