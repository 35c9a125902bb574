"""What the pages tell a reader to do works. What needs root or a sandbox is in tests/real/test_docs_pages.py."""

import re

import pytest
import yaml
from tests.docs.following import CLONE, follow
from tests.docs.pages import DOCS, blocks

KINDS = {
    "tutorial.md": {"": 8, "install": 1, "real": 1},
    "howto/notify.md": {"example": 1},
    "howto/own-check.md": {"": 2, "real": 1},
    "howto/repeat.md": {"unit": 1},
}
"""The blocks of commands on each page. ``install`` is what tools/bootstrap.sh does in other words; ``unit`` is for root;
``example`` needs what a test has not, as the URL of a hook."""


def test_every_command_of_a_page_is_known_here():
    found = {}
    for path in sorted(DOCS.rglob("*.md")):
        name = path.relative_to(DOCS).as_posix()
        for block in blocks(name):
            assert block.language not in {"bash", "console", "shell"}, f"{name}: commands stand in blocks of sh"
            if block.language == "sh":
                kind = block.words[0] if block.words else ""
                found.setdefault(name, {}).setdefault(kind, 0)
                found[name][kind] += 1
    assert found == KINDS


def test_the_tutorial_leads_to_a_gate(tmp_path):
    assert follow("tutorial.md", tmp_path) == KINDS["tutorial.md"][""]
    made = tmp_path / "work" / "golden-images"
    assert {path.relative_to(made).as_posix() for path in made.rglob("*.y*ml")} == {
        ".github/workflows/golden-images.yml", ".gitlab-ci.yml", "imagegate.gitlab-ci.yml", "policy.yaml", "golden.yaml",
    }  # fmt: skip


def test_the_file_for_gitlab_names_variables_that_the_template_has():
    [text] = [block.text for block in blocks("tutorial.md") if ".gitlab-ci.yml" in block.text and "END" in block.text]
    made = yaml.safe_load(re.search(r"<< 'END'\n(.*?)^END$", text, re.DOTALL | re.MULTILINE).group(1))
    template = yaml.safe_load((CLONE / "deploy/gitlab" / made["include"]).read_text())
    assert made["variables"].keys() <= template["variables"].keys()


def test_the_check_of_the_how_to_keeps_the_rules_and_passes_its_own_tests(tmp_path):
    assert follow("howto/own-check.md", tmp_path) == KINDS["howto/own-check.md"][""]


@pytest.mark.parametrize("name", ["deploy/systemd/imagegate-audit.service", "deploy/systemd/imagegate-audit.timer"])
def test_the_files_that_are_installed_by_the_how_to_are_there(name):
    [block] = [block for block in blocks("howto/repeat.md") if block.language == "sh"]
    assert name in block.text
    assert (CLONE / name).is_file()
