"""Generated tables in hand-written pages."""

import pytest
from tests.checks.harness import catalogue
from tests.docs.pages import DOCS

from imagegate.docs.regions import fill, regions
from imagegate.errors import ToolError
from imagegate.inventory import inventory_schema
from imagegate.model import Level, RemedyState, Verdict
from imagegate.pytest_plugin import OPTIONS
from imagegate.report.formats import ALWAYS, FORMATS
from imagegate.result import PRECEDENCE, ExitCode
from imagegate.selectors import ATTRIBUTES

PAGE = "# Words\n\n<!-- generated: a -->\nold\n<!-- end of a -->\n\nmore\n"


def page(name):
    return (DOCS / name).read_text("utf-8")


def test_a_region_is_filled_and_nothing_else_is_touched():
    once = fill(PAGE, {"a": "| new |"})
    assert once == "# Words\n\n<!-- generated: a -->\n\n| new |\n\n<!-- end of a -->\n\nmore\n"
    assert fill(once, {"a": "| new |"}) == once


def test_backslashes_and_groups_of_a_text_stay_what_they_are():
    assert r"`\d \1 \g<2>`" in fill(PAGE, {"a": r"`\d \1 \g<2>`"})


@pytest.mark.parametrize(
    "broken, said",
    [
        (PAGE.replace("end of a", "end of b"), "has no partner"),
        (PAGE.replace("<!-- end of a -->", ""), "has no partner"),
        (PAGE.replace("<!-- generated: a -->", ""), "has no partner"),
        (PAGE.replace("generated: a", "generated: z").replace("end of a", "end of z"), "nothing generates a region 'z'"),
    ],
)
def test_marks_that_fit_nothing_are_an_error(broken, said):
    with pytest.raises(ToolError, match=said):
        fill(broken, {"a": ""})


def test_every_region_is_used_by_a_page():
    texts = [path.read_text("utf-8") for path in DOCS.rglob("*.md")]
    for name in regions(catalogue()):
        assert sum(f"<!-- generated: {name} -->" in text for text in texts) == 1, name


@pytest.mark.parametrize(
    "name, words",
    [
        ("reference/exit-codes.md", [f"| `{verdict}` |" for verdict in Verdict]),
        ("reference/exit-codes.md", [f"| {int(code)} |" for code in ExitCode]),
        ("reference/levels.md", [f"| `{level}` |" for level in Level]),
        ("reference/levels.md", [f"| `{state}` |" for state in RemedyState]),
        ("reference/options.md", [f"| `--{option.name}" for option in OPTIONS]),
        ("reference/files.md", [f"| `{name}` |" for name in (*ALWAYS, *FORMATS)]),
        ("reference/inventory.md", [f"| `{name}` |" for name in inventory_schema()["$defs"]["_Entry"]["properties"]]),
        ("reference/policy.md", [f"| `{name}` |" for attributes in ATTRIBUTES.values() for name in attributes]),
        ("reference/policy.md", [f"](../checks/{name}.md)" for name in catalogue().entries]),
        ("checks/index.md", ["](" + f"{name}.md)" for name in catalogue().entries]),
    ],
)
def test_a_reference_leaves_nothing_out(name, words):
    text = page(name)
    assert [word for word in words if word not in text] == []


def test_every_exit_code_has_its_place_in_the_precedence():
    assert sorted(PRECEDENCE) == sorted(int(code) for code in ExitCode)


def test_the_policy_on_the_page_is_one(tmp_path):
    from datetime import date

    from tests.docs.pages import blocks

    from imagegate.policy import load_policy

    [text] = [block.text for block in blocks("reference/policy.md") if block.language == "yaml"]
    path = tmp_path / "policy.yaml"
    path.write_text(text)
    load_policy(path, catalogue().checks, today=date(2026, 11, 23))


def test_the_inventory_on_the_page_is_one(tmp_path):
    from tests.docs.pages import blocks

    from imagegate.inventory import load_inventory

    [text] = [block.text for block in blocks("reference/inventory.md") if block.language == "yaml"]
    path = tmp_path / "hosts.yaml"
    path.write_text(text)
    assert len(load_inventory(path).hosts) == 4
