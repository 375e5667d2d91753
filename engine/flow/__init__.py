"""The flow of a run: what follows from what. Reads state, emits events, sends effects; pure."""
