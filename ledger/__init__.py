"""The ledger: commands in, events out, kept for ever.

from etsledger.ledger import Ledger

What the front door offers is listed in ``front.py``, and loaded when it is asked for.
"""

from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from etsledger.ledger.front import *  # noqa: F403  # pyright: ignore[reportWildcardImportFromLibrary]


def __getattr__(name: str) -> Any:
    # `from etsledger.ledger import journal` asks here first: a module is no name of the door.
    if name.startswith("__") or find_spec(f"{__name__}.{name}") is not None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    front = import_module("etsledger.ledger.front")
    if name in front.__all__:
        return getattr(front, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
