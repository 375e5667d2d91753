from dataclasses import dataclass, field

from aob.dev.process import ProcessSpec


@dataclass(frozen=True, slots=True)
class Service:
    """A broker or a database that the processes use.

    Args:
        address: Bootstrap servers or a DSN; a DSN may hold a password, so repr leaves it out.
        description: One line for a person.
        spec: The process to run; None when somebody else runs it.
        durable: Its data survive a restart.
    """

    address: str = field(repr=False)
    description: str
    spec: ProcessSpec | None = None
    durable: bool = True
