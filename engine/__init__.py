"""The pure core: model, graph, expressions, decide, apply, effects; no clock, no randomness, no I/O."""
