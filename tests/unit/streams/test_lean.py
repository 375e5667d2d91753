"""What a processor leaves out of quixstreams."""

from __future__ import annotations

import subprocess
import sys

SCRIPT = """
import sys, streams, quixstreams
from confluent_kafka.schema_registry import SchemaRegistryClient
assert "authlib" not in sys.modules, "the schema-registry client was loaded"
try:
    SchemaRegistryClient({"url": "http://127.0.0.1:1"})
except NotImplementedError as error:
    print(error)
"""


def test_a_processor_does_not_load_the_schema_registry_client() -> None:
    done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("SchemaRegistryClient: the schema-registry client is left out")
