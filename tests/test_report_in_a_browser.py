"""The page opened, photographed and printed in a headless Chromium, where there is one."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from browser import Browser, browser, program
from etsledger.ledger import Ledger
from helpers import SteppingClock
from national import NationalBook, coal

AS_OF = "2026-01-31"


@pytest.fixture(scope="module")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    executable = program()
    if executable is None:
        pytest.skip("there is no chromium here: apt-get install chromium fonts-wqy-zenhei")
    with browser(executable, tmp_path_factory.mktemp("profile")) as opened:
        yield opened


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the pages of a plant and of its registry, in both languages."""
    folder = tmp_path_factory.mktemp("pages")
    clock = SteppingClock("2025-07-01T09:00:00+08:00")
    with Ledger.open(folder / "books.db", create=True, clock=clock) as ledger:
        book = NationalBook(ledger)
        book.plant(name="汉江电厂 Hanjiang")
        book.fund("CEA:2024", 3_000_000)
        units = [coal(str(n), mwh=1_500_000, gj=600_000, load_factor="0.61") for n in (1, 2)]
        book.verified(2_600_000, units=units, at="2025-06-20")
        book.finalise(id="first")
        clock.advance(days=10)
        book.verified(2_700_000, units=units, reason="a wrong sample " * 8, reference="d" * 150)
        book.finalise(id="second-" + "x" * 100, supersedes="first")
        clock.advance(days=30)
        book.met(1_000_000)
        for subject in ("plant", "cn-national"):
            for lang in ("en", "zh"):
                text = ledger.report(subject, as_of=AS_OF, lang=lang)
                (folder / f"{subject}-{lang}.html").write_text(text, "utf-8")
    return folder


@pytest.mark.parametrize("lang", ["en", "zh"])
@pytest.mark.parametrize("subject", ["plant", "cn-national"])
def test_the_page_opens_fits_and_shows_its_numbers(
    chromium: Browser, pages: Path, subject: str, lang: str
) -> None:
    page = pages / f"{subject}-{lang}.html"
    for width, media in ((1280, "screen"), (800, "screen"), (688, "print")):
        chromium.complaints.clear()
        chromium.requests.clear()
        chromium.open(page, width, media=media)
        assert chromium.ask("document.documentElement.scrollWidth") == width, (width, media)
        shown = chromium.ask("document.body.innerText")
        for number in ("2,700,000", "1,000,000", "1,700,000", AS_OF):
            assert number in shown, (width, media, number)
        drawn = chromium.ask(
            "[...document.querySelectorAll('svg')].map(e => Math.round(e.getBoundingClientRect()"
            ".width))"
        )
        assert len(drawn) == 2
        assert all(200 < one <= width for one in drawn)
        assert len(chromium.photograph(pages / f"{subject}-{lang}-{width}.png")) > 20_000
        assert chromium.complaints == []
        assert chromium.requests == [page.as_uri()]


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_the_page_prints_on_a4_and_nothing_is_cut_off(
    chromium: Browser, pages: Path, lang: str
) -> None:
    chromium.open(pages / f"plant-{lang}.html", 688, media="print")
    # A4 less the margins that the page asks for is 688 px wide.
    wide = chromium.ask(
        "Math.max(...[...document.querySelectorAll('table, pre, svg')].map(e => e.scrollWidth || "
        "e.getBoundingClientRect().width))"
    )
    assert wide <= 689
    printed = chromium.print(pages / f"plant-{lang}.pdf")
    boxes = {tuple(map(float, box)) for box in
             re.findall(rb"/MediaBox \[0 0 ([\d.]+) ([\d.]+)\]", printed)}  # fmt: skip
    assert boxes
    for width, height in boxes:
        assert (round(width), round(height)) in {(595, 842), (595, 841), (596, 842)}
