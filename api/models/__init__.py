"""Bodies of requests and answers: msgspec structs, from which the OpenAPI document is made too."""
