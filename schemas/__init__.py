"""Published schemas: Avro records and the JSON Schema of a workflow."""
