"""The live feed of a run's events."""
