"""Stream processors: topologies, their state, serdes and topics."""
