"""Fuzzed command lines: whatever comes in, every line is answered and nothing breaks."""

import json
import random
from collections import Counter
from collections.abc import Callable
from typing import Any, Final

from causes.common import answers, etsledger, expect, whole
from etsledger.domain.catalogue import MODELS
from etsledger.ledger.commandfile import MAX_LINE
from helpers import command, trial_registry

_TEXTS: Final = (
    "", " ", "\x00", "a\x00b", "\ud800", "\udfff\ud800", "\u202e", "🏭" * 50, "é" * 70, "a" * 65,
    "a" * 10_000, "' OR 1=1 --", "../../x", "*", "CEA:2023", "CEA:", ":::", "2024-13-45", "NaN",
    "١٢٣", "1e5", "\r\n", "\\u0000", "trial", "open", "issue-1", "crrc-1", "crrc", "authority",
    "issuance", "retired",
)  # fmt: skip
_NUMBERS: Final = (
    0, -1, 1, 10**6, 2**31, 2**53 + 1, 2**63 - 1, 2**63, -(2**63) - 1, 10**30, 10**400, 1.5, -0.0,
    1e308, 1e-320, float("nan"), float("inf"), -float("inf"), True, False, None,
)  # fmt: skip
_TIMES: Final = (
    "2024-01-01", "2024-02-30", "0001-01-01", "9999-12-31T23:59:59.999999+08:00",
    "2024-06-01T24:00",
    "2024-06-01T10:00:00Z", "2024-06-01T10:00:00+25:00", "-2024-01-01", "2024-W01", "20240101",
    "2024-06-01T10:00:00.123456789+08:00", "1969-12-31T00:00:00-12:00", "now", "",
)  # fmt: skip


def fuzz(url: str, *, seed: int, lines: int, longest: int = 1_000_000, huge: bool = False) -> str:
    """Applies so many lines of garbage, up to ``longest`` bytes each.

    ``huge`` adds one that is longer than any line that is taken.
    """
    choose = random.Random(seed)
    made = [json.dumps(one).encode() for one in trial_registry()]
    made += [_line(choose, number, longest) for number in range(lines)]
    if huge:
        made.append(b'{"command": "issue", "id": "huge", "reason": "' + b"x" * MAX_LINE + b'"}')
        made.append(json.dumps(command("issue", "after", unit="CEA:2023", quantity=1)).encode())
    given = b"\n".join(made) + b"\n"
    expected = [number for number, line in enumerate(made, 1) if line and not line.isspace()]
    done = etsledger(
        url, "apply", "--keep-going", "--format", "jsonl", "-", given=given, timeout=1800
    )
    expect(done.code in {0, 1}, f"exit code {done.code}: {done.err[-300:]}")
    found = answers(done.out)
    counted = [answer["line"] for answer in found]
    if counted != expected:
        missing = sorted(set(expected) - set(counted))[:3]
        shown = [made[number - 1][:200] for number in missing]
        expect(
            False, f"{len(found)} answers for {len(expected)} lines; none for {missing}: {shown}"
        )
    outcomes = Counter(answer["outcome"] for answer in found)
    codes = Counter(answer["refusal"]["code"] for answer in found if "refusal" in answer)
    expect(set(outcomes) <= {"accepted", "duplicate", "refused"}, str(outcomes))
    expect(len(done.err.splitlines()) == outcomes["refused"], "not one line a refusal")
    told = {p for answer in found if answer["outcome"] == "accepted" for p in answer["positions"]}
    events = whole(url)
    expect(told == set(range(1, events + 1)), "the log is not what was accepted")
    return (
        f"{len(expected):,} lines: {outcomes['accepted']:,} accepted, {outcomes['duplicate']:,} "
        f"duplicates, {outcomes['refused']:,} refused by {len(codes)} codes"
    )


def _line(choose: random.Random, number: int, longest: int) -> bytes:
    kinds: list[tuple[int, Callable[[], bytes]]] = [
        (30, lambda: _dump(choose, _mutated(choose, number))),
        (10, lambda: _cut(choose, _dump(choose, _command(choose, number)))),
        (10, lambda: _edited(choose, _dump(choose, _command(choose, number)))),
        (15, lambda: _dump(choose, _command(choose, number))),
        (8, lambda: choose.randbytes(choose.randint(0, 200)).replace(b"\n", b"")),
        (6, lambda: _dump(choose, _value(choose, 4))),
        (5, lambda: _twice(choose, number)),
        (4, lambda: _nested(choose)),
        (4, lambda: _dump(choose, _batch(choose, number))),
        (1, lambda: _long(choose, number, longest)),
    ]
    return choose.choices([make for _, make in kinds], [weight for weight, _ in kinds])[0]()


def _command(choose: random.Random, number: int) -> dict[str, Any]:
    """A command that may well be accepted."""
    if choose.random() < 0.5:
        one = choose.choice(list(MODELS.values()))
        given = json.loads(one.example)
        return {**given, "id": choose.choice([given["id"], f"f{number}"])}
    accounts = ["crrc-1", "baosteel-1", "desk-1", "wang-1", "authority", "hubei"]
    if choose.random() < 0.4:
        return command("issue", f"f{number}", unit="CEA:2023", quantity=choose.randint(1, 999),
                       to=choose.choice(accounts))  # fmt: skip
    return command(
        "transfer", f"f{choose.randint(0, number + 1)}", unit="CEA:2023",
        quantity=choose.randint(1, 999), from_=choose.choice(accounts),
        to=choose.choice(accounts), kind="free", at=choose.choice([None, "2024-03-01"]),
    )  # fmt: skip


def _value(choose: random.Random, depth: int) -> Any:
    match choose.randrange(7 if depth else 5):
        case 0:
            return choose.choice(_TEXTS)
        case 1:
            return choose.choice(_NUMBERS)
        case 2:
            return choose.choice(_TIMES)
        case 3:
            return choose.randint(-1000, 1000)
        case 4:
            return "".join(chr(choose.randrange(0x11000)) for _ in range(choose.randint(0, 8)))
        case 5:
            return [_value(choose, depth - 1) for _ in range(choose.randint(0, 4))]
        case _:
            names = [choose.choice(_TEXTS) for _ in range(choose.randint(0, 4))]
            return {name: _value(choose, depth - 1) for name in names}


def _mutated(choose: random.Random, number: int) -> dict[str, Any]:
    one = _command(choose, number)
    for _ in range(choose.randint(1, 3)):
        name = choose.choice(list(one) or ["command"])
        match choose.randrange(4):
            case 0:
                one[name] = _value(choose, 2)
            case 1:
                one.pop(name, None)
            case 2:
                one[choose.choice([*_TEXTS, "effective_at", "quantity"])] = _value(choose, 1)
            case _:
                one["effective_at"] = choose.choice(_TIMES)
    return one


def _batch(choose: random.Random, number: int) -> dict[str, Any]:
    size = choose.randint(0, 5)
    inside = [_command(choose, number * 10 + i) for i in range(size)]
    if choose.random() < 0.5:
        inside.append(choose.choice([_mutated(choose, number), _value(choose, 2)]))
    return {"command": "batch", "id": f"b{number}", "commands": inside}


def _dump(choose: random.Random, value: Any) -> bytes:
    """JSON, sometimes in an encoding of its own."""
    text = json.dumps(value, ensure_ascii=choose.random() < 0.5)
    data = text.encode("utf-8", "surrogatepass")
    if choose.random() < 0.02:
        data = choose.choice([b"\xef\xbb\xbf" + data, text.encode("utf-16", "surrogatepass")])
    return data.replace(b"\n", b"")


def _cut(choose: random.Random, line: bytes) -> bytes:
    return line[: choose.randrange(len(line))]


def _edited(choose: random.Random, line: bytes) -> bytes:
    data = bytearray(line)
    for _ in range(choose.randint(1, 5)):
        data[choose.randrange(len(data))] = choose.choice(b'{}[]",:0\\\x00\xff\x80 ux')
    return bytes(data)


def _twice(choose: random.Random, number: int) -> bytes:
    """The same field twice; or two objects; or something after the object."""
    line = _dump(choose, _command(choose, number))
    name = choose.choice(["id", "quantity", "command", "registry", "x"])
    return choose.choice([
        line[:-1] + f', "{name}": 1}}'.encode(), b'{"' + name.encode() + b'": "y", ' + line[1:],
        line + line, line + b" x", line[:-1] + b",}", b"[" + line + b"]",
    ])  # fmt: skip


def _nested(choose: random.Random) -> bytes:
    depth = choose.choice([10, 900, 1_100, 5_000, 100_000])
    opened, closed = choose.choice([(b"[", b"]"), (b'{"a":', b"}")])
    inside = opened * depth + b"1" + closed * depth
    return choose.choice([
        inside, opened * depth,
        b'{"command": "issue", "id": "n", "quantity": ' + inside + b"}",
        b'{"command": "open_registry", "id": "n", "registry": "r", "rulebook": ' + inside + b"}",
        b'{"command": "batch", "id": "n", "commands": ' + inside + b"}",
    ])  # fmt: skip


def _long(choose: random.Random, number: int, longest: int) -> bytes:
    size = choose.randint(longest // 10, longest)
    match choose.randrange(4):
        case 0:
            return b"9" * size
        case 1:
            one = {**_command(choose, number), "reason": "x" * size}
            return json.dumps(one).encode()
        case 2:
            return b'{"command": "issue", "id": "h", "quantity": ' + b"1" * size + b"}"
        case _:
            return b" " * size + json.dumps(_command(choose, number)).encode()
