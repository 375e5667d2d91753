"""The embedded stack behind `aob dev`: broker, database and every process, from packages alone."""
