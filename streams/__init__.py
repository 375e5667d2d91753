"""Stream processors: topologies, their state, serdes and topics."""

from streams.lean import leave_out_schema_registry

leave_out_schema_registry()
