"""Where the api and the live feed are, and the key: from the environment, or from a running `aob dev`."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from aob.errors import NotConfiguredError

if TYPE_CHECKING:
    from collections.abc import Mapping

DATA_DIR = ".aob"
DEV_FILE = "dev.json"


@dataclass(frozen=True, slots=True)
class Connection:
    """Base URLs and the API key. `from_dev` says that they come from a file that `aob dev` wrote."""

    api_url: str
    fanout_url: str
    api_key: str
    from_dev: bool = False


def find_connection(environ: Mapping[str, str] | None = None) -> Connection:
    """What AOB_API_URL, AOB_FANOUT_URL and AOB_API_KEY say; what they leave open, `DATA_DIR/dev.json` says.

    Without AOB_FANOUT_URL the feed is expected behind the api's URL. NotConfiguredError when URL or key is
    not known.
    """
    env = os.environ if environ is None else environ
    dev_file = Path(env.get("AOB_DATA_DIR") or DATA_DIR) / DEV_FILE
    dev = _read(dev_file)
    asked = env.get("AOB_API_URL")
    if asked and asked.rstrip("/") != dev.get("api_url", "").rstrip("/"):
        dev = {}
    api_url = asked or dev.get("api_url")
    api_key = env.get("AOB_API_KEY") or dev.get("api_key")
    if not api_url:
        raise NotConfiguredError(f"no api is known: there is no {dev_file}, and AOB_API_URL is not set")
    if not api_key:
        raise NotConfiguredError(f"no API key is known for {api_url}: set AOB_API_KEY")
    fanout_url = env.get("AOB_FANOUT_URL") or dev.get("fanout_url") or api_url
    return Connection(api_url.rstrip("/"), fanout_url.rstrip("/"), api_key, from_dev=bool(dev))


def _read(path: Path) -> dict[str, str]:
    try:
        found = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return {}
    return (
        {name: value for name, value in found.items() if isinstance(value, str)}
        if isinstance(found, dict)
        else {}
    )
