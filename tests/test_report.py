"""The page for a regulator: what stands on it, that it is whole, and that it is always the same."""

import os
import re
import subprocess
import sys
from html import unescape
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

import a_year
from command_line import PROGRAM, run
from etsledger.domain.catalogue import EVENT_TYPES
from etsledger.ledger import Ledger
from etsledger.projections import years
from etsledger.projections.report import messages
from etsledger.projections.report.flows import POINTS, series, thinned
from helpers import BEGIN, REGISTRY, UNIT, DayBook, SteppingClock, send_all, trial_registry
from national import SUMMER, NationalBook, coal
from rulebooks import open_rulebook

AS_OF = "2026-01-31"
BAD = '<script>alert("x")</script>'


def text_of(page: str) -> str:
    """What a reader sees."""
    body = re.sub(r"(?s)<style.*?</style>", "", page)
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", " ", body)))


@pytest.fixture(scope="module")
def books(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A plant's year: a back-dated report, a restatement, a re-approval, part of it met."""
    path = tmp_path_factory.mktemp("report") / "books.db"
    clock = SteppingClock("2025-07-01T09:00:00+08:00")
    with Ledger.open(path, create=True, clock=clock) as ledger:
        book = NationalBook(ledger)
        book.plant(name=f"Plant {BAD} 电厂", uscc="91110000100000000X")
        book.fund("CEA:2024", 3_000_000)
        unit = coal(mwh=3_000_000, gj=1_200_000)
        book.verified(2_600_000, units=[unit], at="2025-06-20", reference=f"doc {BAD}")
        book.finalise(id="first")
        clock.advance(days=10)
        book.verified(2_700_000, units=[unit], reason="a wrong sample")
        book.finalise(id="second", supersedes="first", reference="letter & <b>9</b>")
        clock.advance(days=30)
        book.met(1_000_000, at="2025-08-10")
        book.surrender(200_000)
    return path


@pytest.fixture(scope="module")
def plant(books: Path) -> Ledger:
    return Ledger.open(books, read_only=True, clock=SteppingClock("2025-09-01"))


class _Reader(HTMLParser):
    """Finds every tag and attribute, and whether tags are closed in order."""

    VOID = frozenset({"meta", "br"})

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: list[tuple[str, dict[str, str | None]]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


# -- what stands on it -------------------------------------------------------------------------


def test_the_numbers_of_an_entity_stand_on_its_page(plant: Ledger) -> None:
    said = text_of(plant.report("plant", as_of=AS_OF))
    row = plant.compliance(entity="plant", year=2024, as_of=AS_OF)[0]
    for name in ("verified_emissions", "entitlement", "obligation", "surrendered", "outstanding"):
        assert row[name], name
        assert f" {row[name]:,} " in said, name
    for held in plant.balances(entity="plant", as_of=AS_OF):
        assert f"{held['quantity']:,} {held['available']:,}" in said
    allocation = plant.allocation("plant", 2024, as_of=AS_OF)
    assert allocation is not None
    for line in allocation["lines"]:
        assert line["source"] in said
        assert f" {line['amount']:,} " in said
    for move in plant.statement("plant-1", as_of=AS_OF):
        assert f" {move['balance']:,} " in said
    assert "not compliant" in said


def test_back_dated_and_restated_facts_stand_on_it(plant: Ledger) -> None:
    said = text_of(plant.report("plant", as_of=AS_OF))
    late = said.split("Back-dated facts")[1].split("Restated facts")[0]
    assert "emissions verified 2025-06-20 00:00 2025-07-01 09:00 11 days" in late
    restated = said.split("Restated facts")[1].split("How to check")[0]
    assert "2,600,000 2,700,000" in restated
    assert "a wrong sample" in restated
    assert "allocation finalised 2024" in restated


def test_the_two_clocks_are_said_in_words(plant: Ledger) -> None:
    position = plant.head().position
    now = text_of(plant.report("plant"))
    assert "taken effect by 2025-09-01 00:00, as the books knew them at position" in now
    assert f"position {position} of the log, which was recorded at 2025-08-10 09:00" in now
    then = text_of(plant.report("plant", as_of="2025-07-05", known_at="2025-07-02"))
    assert "taken effect by 2025-07-05 24:00, as the books knew them" in then
    assert "2,700,000" not in then
    assert "2,600,000" in then


def test_the_head_is_that_of_the_position_asked(plant: Ledger, tmp_path: Path) -> None:
    for known_at in (None, 5, 9):
        page = plant.report("plant", known_at=known_at)
        (pre, *_) = re.findall(r"<pre>(.*?)</pre>", page)
        kept = tmp_path / "head.json"
        kept.write_text(unescape(pre), "utf-8")
        done = run(plant.store.url.removeprefix("sqlite:///"), "verify", "--head", str(kept))
        assert done.exit_code == 0, done.output
        if known_at:
            assert f'"position": {known_at}' in unescape(pre)


def test_the_documents_behind_the_calculation_are_named(plant: Ledger) -> None:
    said = text_of(plant.report("plant", as_of=AS_OF))
    assert "国环规气候〔2024〕1号" in said
    assert "this ledger's own choice" in said


def test_the_page_of_a_registry(plant: Ledger) -> None:
    said = text_of(plant.report("cn-national", as_of=AS_OF))
    (row,) = plant.supply(as_of=AS_OF)
    for name in ("issued", "province", "retired"):
        assert f" {row[name]:,} " in said
    assert "Allocation, line by line" not in said
    assert "surrender confirmed CEA:2024 1 1,000,000" in said


def test_an_entity_without_any_fact_has_a_page(ledger: Ledger) -> None:
    NationalBook(ledger).plant("empty")
    said = text_of(ledger.report("empty"))
    for nothing in ("No units are held", "No compliance year", "No allocation", "Nothing moved"):
        assert nothing in said


def test_a_year_of_a_trial_registry_has_a_page_in_both_languages(
    ledger: Ledger, clock: SteppingClock
) -> None:
    book = a_year.write(ledger)
    book.send("reverse", reverses=book.transfer(5, "crrc-1", "desk-1").id)
    for lang in messages.LANGUAGES:
        for subject in ("crrc", REGISTRY, "other"):
            assert _Reader(ledger.report(subject, lang=lang)).open == []
    assert "reversed" in text_of(ledger.report("crrc")).split("Restated facts")[1]


# -- who is meant ------------------------------------------------------------------------------


def test_whom_the_page_is_about_must_be_known_and_one(book: DayBook) -> None:
    book.send("open_registry", registry="crrc", rulebook="open")
    book.send("register_entity", registry="crrc", entity="baosteel", name="Bao", sector="steel")
    report = book.ledger.report
    for subject, question, said in (
        ("nobody", {}, "no entity or registry 'nobody'"),
        ("crrc", {"registry": "nowhere"}, "no registry 'nowhere'"),
        ("crrc", {}, "a registry and an entity"),
        ("baosteel", {}, "in the registries crrc, trial"),
        ("baosteel", {"known_at": 2}, "no entity or registry 'baosteel'"),
        ("crrc", {"registry": REGISTRY, "lang": "fr"}, "'fr' is no language"),
    ):
        with pytest.raises(ValueError, match=said):
            report(subject, **question)  # pyright: ignore[reportArgumentType]
    assert "Entity crrc" in text_of(report("crrc", registry=REGISTRY))
    assert "Ledger report · Registry" in text_of(report("crrc", registry="crrc"))


# -- the same bytes ----------------------------------------------------------------------------


def test_the_same_question_gives_the_same_text(plant: Ledger) -> None:
    for lang in messages.LANGUAGES:
        first = plant.report("plant", as_of=AS_OF, lang=lang)
        assert plant.report("plant", as_of=AS_OF, lang=lang) == first


@pytest.mark.parametrize("zone", ["America/Lima", "Pacific/Kiritimati"])
def test_another_process_in_another_time_zone_gives_the_same_bytes(
    books: Path, plant: Ledger, zone: str, tmp_path: Path
) -> None:
    environment = {**os.environ, "TZ": zone, "PYTHONHASHSEED": "7", "LC_ALL": "C"}
    for subject in ("plant", "cn-national"):
        page = tmp_path / "page.html"
        words = ["report", subject, "--as-of", AS_OF, "--known-at", "@12", "--lang", "zh"]
        subprocess.run(
            [*PROGRAM, "--store", str(books), *words, "--html", str(page)],
            env=environment, check=True, timeout=60, capture_output=True,
        )  # fmt: skip
        same = plant.report(subject, as_of=AS_OF, known_at=12, lang="zh")
        assert page.read_bytes() == same.encode()


def test_a_later_fact_does_not_change_an_earlier_answer(ledger: Ledger) -> None:
    book = a_year.write(ledger)
    asked: dict[str, Any] = {"as_of": "2024-01-01", "known_at": 22}
    before = {subject: ledger.report(subject, **asked) for subject in ("crrc", REGISTRY)}
    book.transfer(5, "crrc-1", "desk-1", at="2023-12-01")
    assert {subject: ledger.report(subject, **asked) for subject in before} == before
    assert ledger.report("crrc", as_of="2024-01-01") != before["crrc"]


# -- whole, and harmless -----------------------------------------------------------------------


@pytest.mark.parametrize("subject", ["plant", "cn-national"])
@pytest.mark.parametrize("lang", messages.LANGUAGES)
def test_nothing_is_loaded_and_nothing_runs(plant: Ledger, subject: str, lang: str) -> None:
    page = plant.report(subject, as_of=AS_OF, lang=lang)
    reader = _Reader(page)
    assert reader.open == []
    tags = {tag for tag, _ in reader.seen}
    assert not tags & {"script", "link", "img", "iframe", "object", "embed", "base", "form", "a"}
    for _, attributes in reader.seen:
        assert not [name for name in attributes if name.startswith("on") or name in
                    ("src", "href", "xlink:href")]  # fmt: skip
    assert "url(" not in page
    assert "@import" not in page
    assert "default-src 'none'" in page
    assert "svg" in tags


def test_the_texts_of_users_are_escaped(plant: Ledger) -> None:
    for subject in ("plant", "cn-national"):
        page = plant.report(subject, as_of=AS_OF)
        assert "<script" not in page
        assert "<b>9</b>" not in page
    page = plant.report("plant", as_of=AS_OF)
    assert page.count("&lt;script&gt;alert(&#34;x&#34;)&lt;/script&gt;") >= 3  # title, head, doc
    assert "letter &amp; &lt;b&gt;9&lt;/b&gt;" in page


def test_characters_that_cannot_be_seen_are_shown(book: DayBook) -> None:
    book.issue(5, reference="a\u202eb\x07c")
    page = book.ledger.report("crrc")
    assert "\u202e" not in page
    assert r"a\u202eb\x07c" in page


def test_a_unit_may_have_any_name(ledger: Ledger) -> None:
    any_name = {"name": "any", "pattern": ".*", "source": "own"}
    send_all(ledger, trial_registry(open_rulebook(unit_kinds=[any_name])))
    DayBook(ledger).issue(5, unit="<i>&amp;\u2028")
    page = ledger.report("crrc")
    assert "<i>&amp;" not in page
    assert "&lt;i&gt;" in page
    assert _Reader(page).open == []


# -- words -------------------------------------------------------------------------------------


def test_every_event_and_status_has_its_words() -> None:
    assert set(EVENT_TYPES) <= set(messages.EVENTS)
    from etsledger.cli.options import STATUSES

    assert set(messages.STATUSES) == set(STATUSES)


def test_chinese_pages_have_no_english_texts_left(plant: Ledger) -> None:
    english = text_of(plant.report("plant", as_of=AS_OF))
    chinese = text_of(plant.report("plant", as_of=AS_OF, lang="zh"))
    for title in ("Holdings", "Movements", "Restated facts", "How to check this page"):
        assert title in english
        assert title not in chinese
    assert "未履约" in chinese
    assert 'lang="zh-Hans"' in plant.report("plant", lang="zh")


# -- plots -------------------------------------------------------------------------------------


def test_a_series_is_the_running_sum_by_day() -> None:
    changes = [(3, "b", 5), (1, "a", 10), (1, "a", -4), (2, "a", 1), (9, "b", -5)]
    assert series(changes) == {"a": [(1, 6), (2, 7)], "b": [(3, 5), (9, 0)]}


@pytest.mark.parametrize("days", [POINTS, POINTS + 1, 5 * POINTS])
def test_a_long_history_is_thinned_and_keeps_both_ends(days: int) -> None:
    points = [(day, day * 7) for day in range(days)]
    kept = thinned(points)
    assert (kept[0], kept[-1]) == (points[0], points[-1])
    assert len(kept) <= POINTS
    assert set(kept) <= set(points)


# -- the command line --------------------------------------------------------------------------


def test_the_command_writes_the_page(books: Path, plant: Ledger, tmp_path: Path) -> None:
    words = ("report", "plant", "--as-of", AS_OF, "--html")
    done = run(books, *words, str(tmp_path / "p.html"))
    assert (done.exit_code, done.stdout) == (0, "")
    page = (tmp_path / "p.html").read_text("utf-8")
    assert page == plant.report("plant", as_of=AS_OF)
    assert run(books, *words, "-").stdout == page


def test_a_name_that_nobody_has_is_wrong_usage_and_writes_nothing(
    books: Path, tmp_path: Path
) -> None:
    done = run(books, "report", "nobody", "--html", str(tmp_path / "p.html"))
    assert done.exit_code == 2
    assert "no entity or registry 'nobody'" in done.stderr
    assert not (tmp_path / "p.html").exists()
    assert run(books, "report", "plant").exit_code == 2  # --html is needed


def test_other_commands_do_not_load_what_draws_the_page() -> None:
    program = (
        "import sys; from etsledger.cli.main import cli; "
        "cli(['--store', sys.argv[1], 'balances'], standalone_mode=False); "
        "assert not {'jinja2', 'pygal', 'markupsafe'} & set(sys.modules), sys.modules"
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("ETSLEDGER_STORE", raising=False)
        done = subprocess.run(
            [sys.executable, "-c", program, "absent.db"], capture_output=True, text=True,
            timeout=60, check=False,
        )  # fmt: skip
    assert "AssertionError" not in done.stderr


def test_the_page_of_a_long_history_lists_the_latest(book: DayBook) -> None:
    book.issue(10_000, to="crrc-1")
    commands = [
        {"command": "transfer", "id": f"m{n}", "registry": REGISTRY, "unit": UNIT, "quantity": 1,
         "from": "crrc-1", "to": "desk-1", "kind": "free", "effective_at": BEGIN}
        for n in range(510)
    ]  # fmt: skip
    assert all(done.outcome == "accepted" for done in book.ledger.apply(commands))
    for subject in ("crrc", REGISTRY):
        page = book.ledger.report(subject)
        assert "The latest 500 of 511 movements are listed" in text_of(page)
        assert ">m509<" in page
        assert ">m9<" not in page


def test_of_many_back_dated_facts_the_latest_are_listed(book: DayBook) -> None:
    book.issue(10_000, to="crrc-1", at="2024-01-02")
    late = [
        {"command": "transfer", "id": f"m{n}", "registry": REGISTRY, "unit": UNIT, "quantity": 1,
         "from": "crrc-1", "to": "desk-1", "kind": "free", "effective_at": "2024-01-03"}
        for n in range(510)
    ]  # fmt: skip
    assert all(done.outcome == "accepted" for done in book.ledger.apply(late))
    opening = len(trial_registry())  # effective in 2020, recorded today
    for subject, all_of_it in (("crrc", 511 + 2), (REGISTRY, 511 + opening)):
        page = book.ledger.report(subject)
        part = page[page.index('<section id="late">') : page.index('<section id="restated">')]
        assert f"The latest 500 of {all_of_it} are listed" in text_of(part)
        assert part.count("<tr>") == 501
        assert ">m509<" in part
        assert ">m9<" not in part


def test_what_is_restated_is_told_where_the_page_knows_what_it_replaced(
    national: NationalBook,
) -> None:
    national.fund("CEA:2024", 3_000_000)
    national.verified(900, at="2025-05-01", id="first")
    national.finalise(entitlement=800, at="2025-05-02", id="approved")
    national.verified(950, at="2025-04-01", id="corrected")
    national.finalise(entitlement=850, at="2025-05-03", supersedes="approved", id="again")
    moved = {"unit": "CEA:2024", "from_": "hubei", "to": "plant-1", "kind": "release"}
    national.send("transfer", quantity=7, at="2025-05-04", id="moved", **moved)
    national.send("reverse", reverses="moved", at="2025-05-05", id="back")
    for subject in ("plant", "cn-national"):
        for as_of, told in (
            ("2025-04-15", []),  # the correction is in effect, the report it corrects is not
            ("2025-05-02", ["corrected"]),
            ("2025-05-03", ["corrected", "again"]),
            ("2025-05-05", ["corrected", "again", "back"]),
        ):
            page = national.ledger.report(subject, as_of=as_of)
            part = page[page.index('<section id="restated">') : page.index('<section id="trust">')]
            assert re.findall(r"<small>(.*?)</small>", part) == told, (subject, as_of)


@pytest.fixture
def many(national: NationalBook, monkeypatch: pytest.MonkeyPatch) -> NationalBook:
    """Seven plants with years, kept in the tables; others of them stand in the log only."""
    monkeypatch.setattr(years, "LAG", 10)
    for number in range(6):
        name = f"p{number}"
        national.plant(name)
        for year in (2023, 2024):
            national.verified(1000 * number + year, year, name, at=f"{year + 1}-05-01")
    assert len(national.ledger.compliance()) == 12
    national.plant("late")
    national.verified(77, 2024, "late", at="2025-05-02")
    national.verified(78, 2024, "p3", at="2025-05-03")
    return national


@pytest.mark.parametrize("part", [1, 2, 3, 500])
def test_the_page_is_the_same_however_many_entities_are_read_at_a_time(
    many: NationalBook, monkeypatch: pytest.MonkeyPatch, part: int
) -> None:
    from_memory = many.ledger.report("cn-national")
    monkeypatch.setattr(years, "PART", part)
    url = many.ledger.store.url
    with Ledger.open(url, read_only=True, clock=SteppingClock(SUMMER)) as other:
        assert other.report("cn-national") == from_memory
        asked = {"registry": "cn-national", "as_of": AS_OF, "known_at": None}
        books: Any = other._books
        assert list(books._each_year(**asked)) == other.compliance(as_of=AS_OF)
