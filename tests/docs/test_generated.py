"""The generated documents: complete, and as the checks are."""

import json
import shutil

import pytest

from imagegate import docs
from imagegate.catalogue import HEADINGS, load_catalogue, packaged_root

ROOT = packaged_root()
CATALOGUE = load_catalogue([ROOT])


@pytest.fixture
def clone(tmp_path):
    """A copy of the checks, without generated files."""
    shutil.copytree(ROOT, tmp_path / "checks", ignore=shutil.ignore_patterns("__pycache__", "README.md"))
    return tmp_path / "checks"


def test_the_committed_documents_are_those_that_the_checks_give():
    assert docs.drifted(ROOT) == []


def test_check_ends_with_1_and_names_each_file_that_drifted(clone, capsys):
    assert docs.main(["--check"], clone) == 1
    out = capsys.readouterr().out
    assert f"{clone / 'README.md'}: has drifted" in out
    assert f"{clone.parent / 'policies' / 'policy.schema.json'}: has drifted" in out


def test_write_makes_what_check_wants_and_then_has_nothing_to_do(clone, capsys):
    assert docs.main(["--write"], clone) == 0
    assert capsys.readouterr().out.count("written") == 2
    assert docs.main(["--check"], clone) == 0
    assert docs.main(["--write"], clone) == 0
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("name", ["README.md", "../policies/policy.schema.json"])
def test_one_changed_letter_is_drift(clone, name):
    docs.write(clone)
    path = clone / name
    path.write_text(path.read_text("utf-8").replace("image", "imago", 1), "utf-8")
    assert [found.name for found in docs.drifted(clone)] == [path.name]


def test_a_changed_check_is_drift_until_it_is_written(clone):
    docs.write(clone)
    check = clone / "catalog" / "image_protected.py"
    check.write_text(check.read_text("utf-8").replace("severity=Severity.HIGH", "severity=Severity.LOW"), "utf-8")
    assert [path.name for path in docs.drifted(clone)] == ["README.md"]
    docs.write(clone)
    assert docs.drifted(clone) == []


def test_the_command_wants_to_know_what_to_do(capsys):
    with pytest.raises(SystemExit):
        docs.main([])
    assert "--write" in capsys.readouterr().err


@pytest.mark.parametrize("entry", CATALOGUE.entries.values(), ids=CATALOGUE.entries)
def test_a_page_says_everything_about_its_check(entry):
    page = docs.explain(entry)
    check = entry.check
    assert page.startswith(f"# {check.id}\n\n{entry.summary}\n")
    for heading in HEADINGS:
        assert f"\n## {heading}\n\n{entry.sections[heading]}" in page
    for probe in check.probes:
        assert f"- `{probe.key}` ({probe.source})" in page
    for name, field in check.params.model_fields.items():
        [row] = [line for line in page.splitlines() if line.startswith(f"| `{name}` |")]
        assert " ".join(field.description.split()) in row
    assert f"{str(check.severity).capitalize()} severity" in page
    assert f"since {check.since}." in page


def page_of(check_id):
    """The page of a check."""
    return docs.explain(CATALOGUE.entries[check_id])


def test_parameters_have_their_defaults_and_nested_ones_their_place():
    page = page_of("catalog-members-allowed")
    assert "| `allow` | list of mappings | `[]` |" in page
    assert "| `exact` | boolean | `false` |" in page
    assert "| `allow[].project` | text | required | The project's id, as the cloud prints it. |" in page
    assert "| `allow[].until` | day (YYYY-MM-DD) | none |" in page
    accept = "list of `empty`, `uninitialized` or `missing`, at least one"
    assert f'| `accept` | {accept} | `["empty", "uninitialized"]` |' in page_of("linux-machine-id-reset")
    assert "| `default.protected` | boolean or `same` | none |" in page_of("catalog-copies-complete")


def test_a_check_without_parameters_says_so():
    assert "## Parameters\n\nNone.\n" in page_of("catalog-image-protected")


def test_a_page_tells_whether_a_machine_mends_it():
    assert "Mended by machine: sometimes. Effort: safe at most." in page_of("catalog-image-protected")
    assert "No machine mends it" in page_of("policy-waivers-current")


def test_a_page_tells_what_is_looked_at_only_where_it_decides():
    page = page_of("capture-instance-stopped")
    assert "- `server` (compute)\n" in page
    assert "- `flavor` (compute), only where it decides\n" in page


def test_the_index_has_a_row_and_a_page_for_each_check_and_its_links_lead_somewhere():
    text = docs.index(CATALOGUE)
    for name, entry in CATALOGUE.entries.items():
        check = entry.check
        place = entry.path.relative_to(ROOT.resolve()).as_posix()
        row = f"| [`{name}`](#{name}) | [{check.title}]({place}) | {check.severity} | {check.fix} | {check.effort} |"
        assert row in text
        assert f"\n## {name}\n" in text
        assert (ROOT / place).is_file()
    assert text.count("\n# ") == 0
    assert text.startswith("# Checks\n")


def test_the_schema_is_json_and_knows_every_check():
    schema = json.loads(docs.schema(CATALOGUE))
    assert schema["$schema"].endswith("2020-12/schema")
    assert set(CATALOGUE.entries) <= set(schema["$defs"])
