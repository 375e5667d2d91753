"""Postgres: migrations, the projection that the outbox writes, what api and fanout read and the api keeps."""
