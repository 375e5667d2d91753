"""The HTTP edge: turns requests into commands and reads Postgres."""
