"""Adapters for Postgres, the content-addressed store and the cache, each with an in-memory twin."""
