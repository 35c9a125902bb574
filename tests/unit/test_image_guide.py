"""The table of the image guide names what there is: checks, commands, policies, tests; and leaves no check out."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest
from tests.checks.harness import catalogue, table_of

from imagegate.cli import available
from imagegate.model import Fix, Level

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "docs" / "image-guide.md").read_text("utf-8")
WORDS = re.findall(r"`([^`\n]+)`", TEXT)
TESTS = sorted({word for word in WORDS if word.startswith("tests/") and "::" in word})
CHECKS = catalogue().checks
TO_COME = {
    "tests/real/test_capture_story.py", "tests/unit/test_capturing.py", "tests/unit/test_clones.py",
    "tests/unit/openstack/test_capture.py", "tests/unit/openstack/test_prove.py",
} if "capture" not in available() else set()  # fmt: skip
"""Tests of imagegate capture and prove, which need not be there as long as these commands are not."""


@cache
def functions(file):
    """The test functions of a file, with those that a table of cases makes."""
    tree = ast.parse((ROOT / file).read_text("utf-8"))
    made = {name.id for node in ast.walk(tree) if isinstance(node, ast.Assign) for target in node.targets
            for name in ast.walk(target) if isinstance(name, ast.Name)}  # fmt: skip
    return made | {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}


@cache
def titles():
    """The cases of each check's table, those that the harness adds too, by the table's file."""
    found = {}
    for entry in catalogue().entries.values():
        table = table_of(entry)
        file = f"tests/checks/{entry.path.parent.name}/test_{entry.path.stem}.py"
        found[file] = {case.title for case in (*table.cases, *table._generated())}
    return found


@pytest.mark.parametrize("word", TESTS)
def test_a_test_that_is_named_exists(word):
    file, _, name = word.partition("::")
    if file in TO_COME:
        return
    assert (ROOT / file).is_file()
    name, bracket, case = name.partition("[")
    assert name in functions(file)
    assert not bracket or case.removesuffix("]") in titles()[file]


def rows():
    """The rows of all tables, as cells."""
    lines = [line for line in TEXT.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines if not line.startswith("|---")]


def test_every_row_says_what_it_does_and_names_a_test():
    for row in rows():
        assert len(row) == 3, row
        assert all(row), row
        if row[2] != "shown by":
            assert re.fullmatch(r"`tests/[^`]+::[^`]+`(, `tests/[^`]+::[^`]+`)*", row[2]), row


@pytest.mark.parametrize("name", sorted(CHECKS))
def test_every_check_is_in_the_table_with_a_case_of_its_own(name):
    entry = catalogue().entries[name]
    file = f"tests/checks/{entry.path.parent.name}/test_{entry.path.stem}.py::"
    assert any(f"`{name}`" in row[1] and file in row[2] for row in rows())


def test_every_check_that_is_named_exists():
    families = {name.partition("-")[0] for name in CHECKS}
    named = {word for word in WORDS if re.fullmatch(rf"({'|'.join(families)})-[a-z0-9-]+", word)}
    assert named == CHECKS.keys()


def test_every_level_of_a_fix_is_one_that_a_check_of_the_row_can_have():
    """And what no machine mends is said to be by hand."""
    for row in rows():
        levels = {Level[word.upper()] for word in re.findall(r"fix: (safe|disruptive|destructive)", row[1])}
        checks = [CHECKS[word] for word in re.findall(r"`([a-z-]+)`", row[1]) if word in CHECKS]
        mended = [check.effort for check in checks if check.fix is not Fix.NEVER]
        assert not levels or max(levels) <= max(mended, default=Level.SAFE), row
        if "by hand" in row[1] and not levels:
            assert any(check.fix is not Fix.ALWAYS for check in checks), row
        told = re.search(r"by hand|goes by id|Never by imagegate|`policy-", row[1])
        assert told or mended or not checks, row


def test_every_command_and_policy_that_is_named_exists():
    commands = {word.split()[1] for word in WORDS if word.startswith("imagegate ")}
    assert commands >= {"capture", "prove", "undo"}
    assert commands - available().keys() <= ({"capture", "prove"} if TO_COME else set())
    for word in WORDS:
        if word.startswith("policies/"):
            assert (ROOT / word).is_file()


def test_links_lead_somewhere():
    headings = {re.sub(r"[^a-z0-9 -]", "", line.strip("# ").lower()).replace(" ", "-") for line in TEXT.splitlines()
                if line.startswith("#")}  # fmt: skip
    for target in re.findall(r"\]\(#([^)]+)\)", TEXT):
        assert target in headings
