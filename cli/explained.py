"""An explanation as a tree that people read from the top."""

import sys
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

from rich.console import Console
from rich.text import Text
from rich.tree import Tree

from etsledger.cli.calculation import Notes
from etsledger.cli.failures import one_line
from etsledger.cli.tables import readable
from etsledger.domain.times import parse_instant

Node = Mapping[str, Any]
_SIGNS = {1: "+ ", -1: "- ", None: ""}
_KNOWN = {
    "later": "later",
    "known_later": "known later",
    "back_dated": "back-dated",
    "restatement": "restated",
    "reversal": "reversed",
}
"""What kind of news a fact under "since then" is."""
_DAY = 86_400
_INDENT = 12
"""Columns of guides that the deepest branches may take from a window."""


def in_words(told: Node) -> str:
    """The tree, then the sources and rulebooks that it cites."""
    drawing = _Drawing()
    tree = drawing.tree(told)
    after = [*drawing.notes.lines(), *drawing.documents(), *drawing.rulebooks()]
    parts = ["\n".join([*_asked(told), *_drawn(tree), *_pages(told)]), "\n".join(after)]
    return "\n\n".join(part for part in parts if part)


class _Drawing:
    """One tree; what a fact consists of is told once, where it is met first."""

    def __init__(self) -> None:
        self.notes = Notes()
        self._books: dict[str, str] = {}
        self._documents: dict[tuple[str, str], None] = {}
        self._told: set[int] = set()

    def tree(self, told: Node) -> Tree:
        tree = Tree(self._label(told), highlight=False, guide_style="")
        self._branches(tree, told)
        if told.get("of_which"):
            free = tree.add("of which")
            for one in told["of_which"]:
                self._branches(free.add(self._label(one)), one)
        return tree

    def documents(self) -> Iterator[str]:
        """What the documents are that the sources name by their keys."""
        for key, title in sorted(self._documents):
            yield one_line(f"{key}: {title}")

    def rulebooks(self) -> Iterator[str]:
        for digest, name in self._books.items():
            yield f"rulebook {name}, hash {digest}"

    def _branches(self, tree: Tree, told: Node) -> None:
        event, because = told["event"], told["because"]
        if event is not None and because and not self._is_new(event["position"]):
            tree.add("as told above")
        else:
            for one in because:
                self._branches(tree.add(self._label(one)), one)
        if told["since"]:
            since = tree.add("since then")
            for one in told["since"]:
                self._branches(since.add(self._label(one)), one)

    def _is_new(self, position: int) -> bool:
        new = position not in self._told
        self._told.add(position)
        return new

    def _label(self, told: Node) -> Text:
        """The number and what it is; below it where the fact stands and on what ground."""
        number = _number(told)
        first = f"{_SIGNS[told['sign']]}{number}  {told['what']}" if number else told["what"]
        if told["key"] in _KNOWN and told["event"]:
            first = f"{_KNOWN[told['key']]}: {first}"
        return Text("\n".join([one_line(first), *self._grounds(told)]))

    def _grounds(self, told: Node) -> Iterator[str]:
        event, said = told["event"], list[str]()
        documents: Mapping[str, str] = told["sources"] or {}
        self._documents.update(dict.fromkeys(documents.items()))
        if event is not None:
            yield one_line(", ".join(_fact(event)))
        if told["rule"]:
            said.append(f"rule {told['rule']} {self.notes.cite(told['source'])}".rstrip())
        elif told["source"]:
            said.append(self.notes.cite(told["source"]))
        book = told["rulebook"]
        if book:
            name = f"{book['name']} {book['version']}"
            self._books[book["hash"]] = name
            said.append(f"rulebook {name}")
        if said:
            yield one_line(", ".join(said))


def _asked(told: Node) -> Iterator[str]:
    if "as_of" in told:
        yield (
            f"in {told['registry']} as of {readable(told['as_of'])} (+08:00), as known at "
            f"position {told['known_at']}"
        )


def _pages(told: Node) -> Iterator[str]:
    page = told.get("page")
    if page is None:
        return
    for way in ("previous", "next"):
        if page[way] is not None:
            yield f"{way} page: --after {page[way]} --limit {page['limit']}"


def _number(told: Node) -> str:
    value, unit = told["value"], told["unit"]
    match value:
        case None:
            return ""
        case int():
            shown = f"{value:,}"
        case _ if unit is not None:
            shown = f"{Decimal(value):,f}"
        case _:
            shown = str(value)
    if told["key"] == "deadline":
        return readable(shown)
    return f"{shown} {unit}" if unit else shown


def _fact(event: Node) -> Iterator[str]:
    yield f"{event['type']} at position {event['position']}"
    yield f"effective {readable(event['effective_at'])}"
    late = parse_instant(event["recorded_at"]) - parse_instant(event["effective_at"])
    days = int(late.total_seconds()) // _DAY
    yield f"recorded {readable(event['recorded_at'])}" + (f" ({days} d later)" if days > 0 else "")
    yield f"command {event['command_id']}"
    for name, said in (("actor", "by "), ("approved_by", "approved by "),
                       ("reference", "reference "), ("reason", "reason: ")):  # fmt: skip
        if event[name]:
            yield f"{said}{event[name]}"


def _drawn(tree: Tree) -> Iterator[str]:
    """The lines of the tree: as wide as they are, folded to the window of a terminal."""
    console = Console(file=sys.stdout, highlight=False, markup=False, emoji=False)
    if not console.is_terminal:
        console.width = 100_000
    console.width = max(console.width, 60 + _INDENT)
    with console.capture() as captured:
        console.print(tree, no_wrap=False)
    return (line.rstrip() for line in captured.get().splitlines())
