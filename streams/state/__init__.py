"""Typed views over the processors' state."""
