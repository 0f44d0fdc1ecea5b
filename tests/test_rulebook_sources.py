"""Every number of ``cn-national`` has its source, and none stands in Python as well."""

import ast
import json
import re
from collections.abc import Iterator
from decimal import Decimal
from importlib import resources
from pathlib import Path
from typing import Any

from reports import NATIONAL

DATA = NATIONAL.data
FOLDER = Path(str(resources.files("etsledger.domain") / "errors.py")).resolve().parent


def _sources(of: Any, path: str = "") -> Iterator[tuple[str, str]]:
    if isinstance(of, dict):
        for key, value in of.items():
            where = f"{path}.{key}".lstrip(".")
            if (key == "source" or key.endswith("_source")) and isinstance(value, str):
                yield where, value
            elif key != "sources":
                yield from _sources(value, where)
    elif isinstance(of, list):
        for i, value in enumerate(of):
            yield from _sources(value, f"{path}.{i}")


KEY = re.compile(r"\b(?:[A-Z]{1,3}\d*b?|ets)\b(?![-.\d])")
NOT_KEYS = {"ADOPTED", "CEA", "DRAFT", "I", "II", "MW"}


def test_every_source_is_a_key_of_sources_and_every_key_is_used() -> None:
    used: set[str] = set()
    for where, text in _sources(json.loads(NATIONAL.text)):
        keys = {key for key in KEY.findall(text) if key not in NOT_KEYS}
        unknown = keys - set(DATA.sources)
        assert not unknown, f"{where}: {unknown}"
        assert keys or "[unsourced]" in text or "[ADOPTED]" in text, f"{where}: {text}"
        used |= keys
    assert used == set(DATA.sources)


def test_every_draft_says_so_and_nothing_else_that_is_computed_does() -> None:
    for table in (*DATA.allocation, *DATA.pre_allocation):
        from_draft = table.draft or table.rule == "N-IND-2025"  # its numbers are the draft's
        base_of_2021 = table.years == (2021, 2022) and table.sectors == ("power",)
        if not base_of_2021:
            assert ("DRAFT" in table.source) is from_draft, table.source
    assert "DRAFT" in NATIONAL.corrections["load-factor-2025-26"].source
    assert "DRAFT" in NATIONAL.corrections["heat-supply-gas-2019-22"].source
    for name in ("load-factor-2019-22", "cooling-2019-22", "heat-supply-coal-2019-22"):
        assert "[unsourced]" in NATIONAL.corrections[name].source


def test_choices_of_this_ledger_say_so() -> None:
    rounding = DATA.rounding
    assert rounding is not None
    adopted = [
        *(NATIONAL.years[year].deadline_source for year in range(2021, 2027)),
        *(NATIONAL.years[year].units_source for year in (2021, 2022)),
        *(step["source"] for step in rounding.model_dump().values()),
        NATIONAL.exemptions["gas-2021-22"].source,
        DATA.custody.source if DATA.custody else "",
    ]
    assert [text for text in adopted if "[ADOPTED]" not in text] == []


def test_no_source_is_a_place_on_a_machine() -> None:
    text = (resources.files("etsledger.domain") / "rulebooks" / "cn-national.toml").read_text(
        "utf-8"
    )
    assert re.findall(r"github|https?:|/work|/tmp|\.md\b|\.txt\b", text, re.IGNORECASE) == []


def _numbers(of: Any) -> Iterator[Decimal]:
    if isinstance(of, dict):
        for key, value in of.items():
            if key not in ("year", "years", "base_year", "places"):
                yield from _numbers(value)
    elif isinstance(of, list):
        for value in of:
            yield from _numbers(value)
    elif not isinstance(of, bool) and re.fullmatch(r"\d+(\.\d+)?", str(of)):
        yield Decimal(of)


def _literals(path: Path) -> Iterator[tuple[int, Decimal]]:
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Constant) and not isinstance(node.value, bool):
            value = node.value
            number = isinstance(value, int | float)
            text = isinstance(value, str) and re.fullmatch(r"\d+(\.\d+)?", value)
            if number or text:
                yield node.lineno, Decimal(str(value))


# A program has uses of its own for these: lengths of texts, limits of input, what a load
# factor can plausibly be.
ROUND = {40, 80, 10_000, 100_000, 1_000_000, Decimal("1.5")}


def test_no_number_of_the_regulation_stands_in_python() -> None:
    numbers = set(_numbers(json.loads(NATIONAL.text)))
    regulation = {n for n in numbers if (n > 20 or n % 1) and n not in ROUND}
    assert {Decimal("0.7950"), Decimal("1.015"), Decimal(26_000), Decimal("0.8")} <= regulation
    files = sorted(FOLDER.glob("*.py"))
    assert len(files) > 15
    found = [
        f"{file.name}:{line}: {number}"
        for file in files for line, number in _literals(file) if number in regulation
    ]  # fmt: skip
    assert found == []
