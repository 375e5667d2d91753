"""Stands for the `aob` command: `fake_aob.py NAME` serves /readyz where the real process would.

It writes its environment to AOB_DATA_DIR/env/INSTANCE.json and, as real processes do, one JSON log line.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

PORTS = {"api": "AOB_API_PORT", "fanout": "AOB_FANOUT_PORT"}
ONE_SHOTS = {"migrate", "topics"}


class Ready(BaseHTTPRequestHandler):
    def do_GET(self) -> None:  # the name is http.server's
        self.send_response(200 if self.path == "/readyz" else 404)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 # the name is http.server's
        pass


def main(name: str) -> None:
    instance = os.environ["AOB_INSTANCE_ID"]
    record = Path(os.environ["AOB_DATA_DIR"]) / "env" / f"{instance}.json"
    record.parent.mkdir(exist_ok=True)
    record.write_text(json.dumps({"argv": sys.argv[1:], "env": dict(os.environ)}))
    sys.stdout.write(json.dumps({"event": "process.started", "level": "info", "instance": instance}) + "\n")
    sys.stdout.flush()
    if name in ONE_SHOTS:
        sys.exit(int(os.environ.get(f"FAKE_EXIT_{name.upper()}", "0")))
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    port = int(os.environ[PORTS.get(name, "AOB_HEALTH_PORT")])
    HTTPServer(("127.0.0.1", port), Ready).serve_forever()


if __name__ == "__main__":
    main(sys.argv[1])
