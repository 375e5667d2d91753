"""HTTP nodes: one request, to public addresses only."""

from workers.http.allow import AllowList
from workers.http.requests import HttpClient

__all__ = ["AllowList", "HttpClient"]
