"""Benchmarks of the whole pipeline."""
