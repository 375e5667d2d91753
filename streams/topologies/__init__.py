"""One file a topology."""
