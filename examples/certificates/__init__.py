"""Audit the root certificates that this machine trusts: fetch, map, filter, aggregate, branch, retry."""
