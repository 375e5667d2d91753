"""The embedded stack behind `aob dev`: broker, database and every process, on one machine from packages alone."""
