from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import orjson

from aob.dev.data_dir import write_private
from aob.dev.errors import DevError

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class Keys:
    """Secrets of one embedded stack, never shown by repr.

    Args:
        api_key: The administrator's API key, `aob_` and 32 url-safe characters.
        jwt_secret: Signs the tokens in record headers.
    """

    api_key: str = field(repr=False)
    jwt_secret: str = field(repr=False)


def load_keys(path: Path) -> Keys:
    """Read the secrets, which are made at the first call.

    Raises:
        DevError: The file holds something else.
    """
    if not path.exists():
        made = {
            "AOB_API_KEY": f"aob_{secrets.token_urlsafe(24)}",
            "AOB_JWT_SECRET": secrets.token_urlsafe(48),
        }
        write_private(path, orjson.dumps(made, option=orjson.OPT_INDENT_2))
    try:
        stored = orjson.loads(path.read_bytes())
        return Keys(str(stored["AOB_API_KEY"]), str(stored["AOB_JWT_SECRET"]))
    except (orjson.JSONDecodeError, KeyError, TypeError) as error:
        raise DevError(
            f"{path} does not hold AOB_API_KEY and AOB_JWT_SECRET: remove it to get new ones"
        ) from error
