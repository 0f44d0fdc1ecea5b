"""Every command explains itself, with an example; wrong usage is exit code 2."""

import re

import click
import pytest

from command_line import ok, process, run
from etsledger.cli.main import COMMANDS, cli

EVERY = [[name] for name in COMMANDS] + [["convert", "eutl"], ["convert", "table"]]


def _command(path: list[str]) -> click.Command:
    found: click.Command = cli
    for name in path:
        assert isinstance(found, click.Group)
        inner = found.get_command(click.Context(found), name)
        assert inner is not None
        found = inner
    return found


@pytest.mark.parametrize("path", EVERY, ids=" ".join)
def test_help_says_what_a_command_does_with_an_example(path: list[str]) -> None:
    text = ok(None, *path, "--help")
    assert re.search(r"Example:\n +.*etsledger .*\b" + path[-1], text), text


@pytest.mark.parametrize("path", EVERY, ids=" ".join)
def test_every_option_is_explained(path: list[str]) -> None:
    for option in _command(path).params:
        if isinstance(option, click.Option):
            assert option.help, f"{path} {option.opts}"


def test_the_front_page_lists_every_command_of_the_contract() -> None:
    text = ok(None, "--help")
    listed = re.findall(r"^  ([\w-]+) {2,}", text.split("Commands:")[1], re.MULTILINE)
    assert listed == list(COMMANDS)
    contract = "demo apply balances statement supply events verify head export import convert"
    assert set(f"{contract} rebuild schema".split()) <= set(listed)


def test_version() -> None:
    assert ok(None, "--version").startswith("etsledger ")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nonsense"], "No such command 'nonsense'"),
        (["--nonsense"], "--nonsense"),
        (["balances", "--nonsense"], "--nonsense"),
        (["balances", "--as-of", "yesterday"], "'yesterday' is not an ISO 8601 time"),
        (["balances", "--as-of", "2024-02-30"], "'2024-02-30' is not an ISO 8601 time"),
        (["balances", "--known-at", "@x"], "'@x' is no position"),
        (["balances", "--known-at", "@-1"], "'@-1' is no position"),
        (["balances", "--as-of", "@17"], "'@17' is not an ISO 8601 time"),
        (["balances", "--format", "xml"], "'xml'"),
        (["statement"], "ACCOUNT"),
        (["statement", "a", "--from", "1899-12-31"], "is not an ISO 8601 time"),
        (["events", "--limit", "-1"], "-1"),
        (["events", "--from-position", "0"], "0"),
        (["events", "--type", "UnitsEaten"], "no event type 'UnitsEaten'"),
        (["events", "--follow", "--known-at", "@1"], "--known-at"),
        (["events", "--follow", "--format", "csv"], "--format jsonl"),
        (["apply"], "FILE"),
        (["apply", "no-such-file.jsonl"], "no-such-file.jsonl"),
        (["apply", "."], "is a directory"),
        (["apply", "--atomic", "--keep-going", "-"], "--keep-going"),
        (["convert", "eutl", "no-such-table.csv"], "no-such-table.csv"),
        (["import", "no-such-log.jsonl"], "no-such-log.jsonl"),
        (["verify", "--head", "no-such-head.json"], "no-such-head.json"),
        (["schema", "people"], "'people'"),
        (["completion", "cmd"], "'cmd'"),
    ],
)
def test_wrong_usage_is_exit_code_2_and_one_line_of_why(arguments: list[str], said: str) -> None:
    result = run("never-made.db", *arguments)
    assert result.exit_code == 2
    assert result.stdout == ""
    first = result.stderr.splitlines()[0]
    assert first.startswith("error: usage: ")
    assert said in first


def test_a_bare_call_shows_the_front_page_as_wrong_usage() -> None:
    for path in ([], ["convert"]):
        result = run(None, *path)
        assert result.exit_code == 2
        assert result.stdout == ""
        assert "\nCommands:\n" in result.stderr


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_completion_prints_a_script_for_the_shell(shell: str) -> None:
    script = ok(None, "completion", shell)
    assert f"_ETSLEDGER_COMPLETE={shell}_complete" in script


def test_the_shell_completes_commands_and_options() -> None:
    def complete(words: str, number: int) -> list[str]:
        asked = {"COMP_WORDS": words, "COMP_CWORD": str(number)}
        done = process(None, environment={"_ETSLEDGER_COMPLETE": "bash_complete", **asked})
        return [line.partition(",")[2] for line in done.stdout.decode().splitlines()]

    assert complete("etsledger bal", 1) == ["balances"]
    assert complete("etsledger balances --kn", 2) == ["--known-at"]
    assert complete("etsledger balances --format j", 3) == ["json", "jsonl"]
