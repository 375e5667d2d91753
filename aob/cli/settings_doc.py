"""Every setting of every process, read from the settings classes themselves."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Literal, NamedTuple, get_args, get_origin

from pydantic import SecretStr
from pydantic_core import PydanticUndefined

from storage.settings import Settings

if TYPE_CHECKING:
    from pydantic.fields import FieldInfo

CLASSES = {
    "api": "api.settings:ApiSettings",
    "admission, materializer, coordinator, timers, outbox": "streams.runtime.settings:StreamSettings",
    "fanout": "fanout.settings:FanoutSettings",
    "runner": "workers.settings:RunnerSettings",
}
"""Whose settings stand where."""

CLIENT = (
    ("AOB_API_URL", "", "Where the api is; without it a running `aob dev` is looked for."),
    ("AOB_API_KEY", "", "The API key."),
    ("AOB_FANOUT_URL", "", "Where the live feed is; without it that of `aob dev`, or behind the api's URL."),
    ("AOB_DATA_DIR", ".aob", "Folder of `aob dev`, whose `dev.json` names URLs and key."),
    ("AOB_OUTPUT", "pretty", "How the command line writes results: `pretty`, `json` or `compact`."),
    ("NO_COLOR", "", "Set, there are no colors."),
)


class Setting(NamedTuple):
    """One variable: its default (None: it must be set), what values it takes, and what it means."""

    variable: str
    default: str | None
    values: str
    description: str


def load_class(path: str) -> type[Settings]:
    """The settings class at `module:name`."""
    module, _, name = path.partition(":")
    found: type[Settings] = getattr(import_module(module), name)
    return found


def sections() -> dict[str, list[Setting]]:
    """Settings of every process, then what each process adds or sees otherwise."""
    shared = _settings(Settings)
    own = {
        f"{process}": [item for item in _settings(load_class(path)) if item not in shared]
        for process, path in CLASSES.items()
    }
    client = [Setting(variable, default, "", meaning) for variable, default, meaning in CLIENT]
    return {"Every process": shared, **own, "The command line and the Python client": client}


def descriptions() -> dict[str, str]:
    """What each variable means."""
    return {item.variable: item.description for items in sections().values() for item in items}


def markdown() -> str:
    """The document `docs/settings.md`."""
    lines = [
        "# Settings",
        "",
        "Read from the environment and checked at start. `aob settings` prints this list;",
        "`aob settings --markdown > docs/settings.md` writes this page.",
    ]
    for title, settings in sections().items():
        lines += ["", f"## {title}", "", "| variable | default | values | meaning |", "|---|---|---|---|"]
        lines += [
            "| "
            + " | ".join((f"`{s.variable}`", _cell(s.default), _escape(s.values), _escape(s.description)))
            + " |"
            for s in settings
        ]
    return "\n".join(lines) + "\n"


def _cell(default: str | None) -> str:
    if default is None:
        return "must be set"
    return f"`{_escape(default)}`" if default else "none"


def _escape(text: str) -> str:
    return text.replace("|", "\\|")


def _settings(kind: type[Settings]) -> list[Setting]:
    return [
        Setting(f"AOB_{name.upper()}", _default(field), _values(field), field.description or "")
        for name, field in kind.model_fields.items()
    ]


def _default(field: FieldInfo) -> str | None:
    if field.default is PydanticUndefined:
        return None
    value = field.default
    if value is None:
        return ""
    return value.get_secret_value() if isinstance(value, SecretStr) else str(value)


_BOUNDS = {"ge": "at least {}", "gt": "above {}", "le": "at most {}", "lt": "below {}"}
_LENGTHS = {
    "min_length": "{} characters at least",
    "max_length": "{} characters at most",
    "pattern": "like `{}`",
}


def _values(field: FieldInfo) -> str:
    if get_origin(field.annotation) is Literal:
        return ", ".join(f"`{value}`" for value in get_args(field.annotation))
    parts = []
    for item in field.metadata:
        for name, text in (_BOUNDS | _LENGTHS).items():
            bound = getattr(item, name, None)
            if bound is not None:
                parts.append(text.format(bound))
    return ", ".join(parts)
