"""Rulebooks of a user's own, as objects: ``open`` with one thing changed."""

import json
from typing import Any

from etsledger.domain.rulebook import bundled


def open_rulebook(**changed: Any) -> dict[str, Any]:
    """The content of the bundled ``open``, to be changed at will."""
    return {**json.loads(bundled("open").text), **changed}


def confirming_rulebook() -> dict[str, Any]:
    """A surrender is pending until it is confirmed or rejected."""
    return open_rulebook(
        name="confirming", version="1", surrender={"confirmation": True, "source": "ets"}
    )


def exchange_only_rulebook() -> dict[str, Any]:
    """No free transfer, and no other units than ``CEA:YEAR``."""
    book = open_rulebook(name="exchange-only", version="1")
    book["routes"] = [r for r in book["routes"] if r["movement"] != "transfer.free"]
    book["unit_kinds"] = [{"name": "cea", "pattern": "CEA:[0-9]{4}", "source": "ets"}]
    return book
