"""Runners: what executes the nodes of a run."""
