"""Numbered SQL migrations of the Postgres schema."""
