"""The worked ledger of ``demo``: two plants of one province and their allowances of 2023.

Commands stand under the day on which the ledger is told them; some took effect earlier.
"""

from typing import Any, Final, NamedTuple

REGISTRY: Final = "demo"
PLANT: Final = "yangtze-1"
UNIT: Final = "CEA:2023"


class Day(NamedTuple):
    """What was recorded on one day (start of office hours, Asia/Shanghai)."""

    date: str
    title: str
    commands: tuple[dict[str, Any], ...]


def _command(command: str, number: str, **fields: Any) -> dict[str, Any]:
    source = {"from": fields.pop("source")} if "source" in fields else {}
    return {"command": command, "id": number, "registry": REGISTRY, **fields, **source}


STORY: Final = (
    Day(
        "2024-01-02",
        "a registry opens, with a province and two plants",
        (
            _command("open_registry", "1", rulebook="open", effective_at="2024-01-01"),
            _command("open_account", "2", account="hubei", kind="province"),
            _command("register_entity", "3", entity="yangtze", name="Yangtze", sector="power"),
            _command("register_entity", "4", entity="wuhan", name="Wuhan", sector="steel"),
            _command("open_account", "5", account=PLANT, kind="entity", entity="yangtze"),
            _command("open_account", "6", account="wuhan-1", kind="entity", entity="wuhan"),
        ),
    ),
    Day(
        "2024-01-20",
        "the authority issues and distributes, the province allocates",
        (
            _command("issue", "7", unit=UNIT, quantity=12_000, actor="authority"),
            _command(
                "distribute", "8", unit=UNIT, quantity=10_000, source="authority", to="hubei"
            ),
            _command(
                "transfer", "9", unit=UNIT, quantity=6_000, source="hubei", to=PLANT,
                kind="release", reference="allocation 2023",
            ),
            _command(
                "transfer", "10", unit=UNIT, quantity=3_000, source="hubei", to="wuhan-1",
                kind="release", reference="allocation 2023",
            ),
        ),
    ),
    Day(
        "2024-06-11",
        "the power plant sells 800 t to the steel works",
        (
            _command(
                "transfer", "11", unit=UNIT, quantity=800, source=PLANT, to="wuhan-1", kind="free"
            ),
        ),
    ),
    Day(
        "2024-12-10",
        "it surrenders 4,500 t for 2023, and can sell no more than it has left",
        (
            _command("surrender", "12", entity="yangtze", year=2023, unit=UNIT, quantity=4_500),
            _command(
                "transfer", "13", unit=UNIT, quantity=5_000, source=PLANT, to="wuhan-1", kind="free"
            ),
        ),
    ),
    Day(
        "2024-12-18",
        "it sells 120 t",
        (
            _command(
                "transfer", "14", unit=UNIT, quantity=120, source=PLANT, to="wuhan-1", kind="free"
            ),
        ),
    ),
    Day(
        "2025-02-17",
        "found late: 250 t that it was owed since 30 November",
        (
            _command(
                "transfer", "15", unit=UNIT, quantity=250, source="wuhan-1", to=PLANT,
                kind="correction", effective_at="2024-11-30", reason="entered late",
                reference="letter 7",
            ),
        ),
    ),
    Day(
        "2025-03-10",
        "the sale of 18 December is taken back as of 20 December",
        (
            _command(
                "reverse", "16", reverses="14", effective_at="2024-12-20", reference="letter 9"
            ),
        ),
    ),
    Day(
        "2025-03-28",
        "the steel works surrenders and cancels; the power plant's balance is asserted",
        (
            _command("surrender", "17", entity="wuhan", year=2023, unit=UNIT, quantity=3_200),
            _command("cancel", "18", account="wuhan-1", unit=UNIT, quantity=100),
            _command("assert_balance", "19", account=PLANT, unit=UNIT, quantity=950),
        ),
    ),
)  # fmt: skip

AS_OF: Final = "2024-12-31"
KNOWN: Final = ("2024-12-31", "2025-02-28", "2025-03-31")
"""The same question, asked with what was known on these days."""
