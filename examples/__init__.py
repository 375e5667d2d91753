"""Workflows on real input."""
