"""No check without a table: walk the catalogue."""

from dataclasses import replace
from pathlib import Path

import pytest
from tests.checks.harness import Incomplete, catalogue, table_module, table_of

HERE = Path(__file__).parent


@pytest.mark.parametrize("entry", [pytest.param(entry, id=name) for name, entry in catalogue().entries.items()])
def test_the_check_has_a_table(entry):
    assert table_of(entry).check == entry.check.id


def test_every_table_is_about_a_check_of_the_catalogue():
    wanted = {table_module(entry).removeprefix("tests.checks.") for entry in catalogue().entries.values()}
    there = {f"{path.parent.name}.{path.stem}" for path in HERE.glob("*/test_*.py")}
    assert there == wanted


def test_a_check_file_without_a_table_is_noticed():
    entry = next(iter(catalogue().entries.values()))
    with pytest.raises(Incomplete, match="has no table"):
        table_of(replace(entry, path=entry.path.with_name("forgotten.py")))


def test_a_table_of_another_check_is_no_table():
    first, second, *_ = catalogue().entries.values()
    with pytest.raises(Incomplete, match="does not declare and run one table"):
        table_of(replace(first, path=second.path))
