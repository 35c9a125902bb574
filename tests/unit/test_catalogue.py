"""Finding, loading and validating check files: what is wrong is said, all at once, with the file."""

import shutil
from pathlib import Path

import pytest

from imagegate.catalogue import HEADINGS, check_files, load_catalogue, load_entry, packaged_root
from imagegate.errors import CatalogueError
from imagegate.model import Check

GOOD = '''"""The file is empty.

Why it matters
--------------
Because.

Passes when
-----------
It is empty.

Fix
---
Empty it,
thoroughly.

References
----------
None.
"""

from pydantic import Field

from imagegate import Check, Fix, Kind, Level, Params, Severity, Violation, probes, steps


class Wanted(Params):
    """What the policy can say."""

    most: int = Field(default=0, description="How many bytes may stay.")


def evaluate(seen, want):
    return iter(())


def plan(seen, want):
    return iter(())


CHECK = Check(
    id="linux-file-empty", title="The file is empty", severity=Severity.LOW, kind=Kind.INSTANCE,
    needs=(probes.File(path="/a"),), params=Wanted, evaluate=evaluate, plan=plan, fix=Fix.SOMETIMES,
    effort=Level.SAFE, since="0.1",
)
'''


@pytest.fixture
def root(tmp_path):
    """A folder of checks."""
    (tmp_path / "checks" / "linux").mkdir(parents=True)
    return tmp_path / "checks"


def put(root, text=GOOD, name="linux/file_empty.py"):
    """Write a check file."""
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def test_a_check_file_is_loaded_with_its_documentation(root):
    path = put(root)
    entry = load_entry(path)
    assert isinstance(entry.check, Check)
    assert entry.summary == "The file is empty."
    assert tuple(entry.sections) == HEADINGS
    assert entry.sections["Fix"] == "Empty it,\nthoroughly."
    assert entry.path == path


def test_not_may_stand_before_a_fault_whose_absence_has_no_word_of_its_own(root):
    path = put(root, GOOD.replace("linux-file-empty", "linux-reboot-not-pending"))
    assert load_entry(path).check.id == "linux-reboot-not-pending"


def test_an_id_may_do_without_a_subject_where_the_state_is_that_of_the_whole_target(root):
    path = put(root, GOOD.replace("linux-file-empty", "linux-generalized"))
    assert load_entry(path).check.id == "linux-generalized"


def test_a_catalogue_holds_all_checks_by_id_and_sorted(root):
    put(root)
    put(root, GOOD.replace("linux-file-empty", "linux-another-empty"), "linux/zzz.py")
    catalogue = load_catalogue([root])
    assert list(catalogue.checks) == ["linux-another-empty", "linux-file-empty"]


def test_the_checks_that_came_with_imagegate_are_valid():
    catalogue = load_catalogue([packaged_root()])
    assert {"linux-machine-id-reset", "catalog-members-allowed"} <= catalogue.entries.keys()


def test_private_files_tests_and_fixtures_are_no_checks(root):
    put(root)
    for name in (
        "linux/_helper.py",
        "linux/test_x.py",
        "conftest.py",
        "_private/x.py",
        ".hidden/x.py",
        "linux/__init__.py",
    ):
        put(root, "raise SystemExit", name)
    assert [path.name for path in check_files(root)] == ["file_empty.py"]


def test_checks_are_found_though_the_way_to_their_folder_has_private_parts(tmp_path):
    root = tmp_path / "_private" / ".hidden" / "checks"
    put(root)
    assert len(list(check_files(root))) == 1


# ---- the digest


def test_the_digest_is_the_same_wherever_the_files_lie(root, tmp_path):
    put(root)
    shutil.copytree(root, tmp_path / "elsewhere")
    assert load_catalogue([root]).digest == load_catalogue([tmp_path / "elsewhere"]).digest
    assert load_catalogue([root]).digest.startswith("sha256:")


def test_a_folder_may_be_named_from_here(root, monkeypatch):
    put(root)
    monkeypatch.chdir(root.parent)
    assert load_catalogue([Path(root.name)]).digest == load_catalogue([root]).digest


@pytest.mark.parametrize(("text", "name"), [(GOOD + "\n", "linux/file_empty.py"), (GOOD, "linux/renamed.py")])
def test_the_digest_changes_with_a_byte_and_with_a_name(root, tmp_path, text, name):
    put(root)
    put(tmp_path / "other", text, name)
    assert load_catalogue([root]).digest != load_catalogue([tmp_path / "other"]).digest


# ---- what is wrong with a file


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("The file is empty.\n", "The file is empty\n", "one sentence that ends in a full stop"),
        ("Why it matters", "Why", "has the headings Why it matters, Passes when, Fix, References, in this order"),
        ("References\n", "Notes\n", "has the headings"),
        ("Because.\n", "", "the section Why it matters is empty"),
        ("linux-file-empty", "linux-empty", "does not read linux-<subject>-<required state>"),
        ("linux-file-empty", "windows-file-empty", "does not read linux-<subject>-<required state>"),
        ("linux-file-empty", "generalized", "does not read linux-<subject>-<required state>"),
        ("linux-file-empty", "linux-File-empty", "does not read linux-<subject>-<required state>"),
        ("linux-file-empty", "linux.file.empty", "does not read linux-<subject>-<required state>"),
        ("linux-file-empty", "linux-file-not-full", "names the fault (not)"),
        ("linux-file-empty", "linux-ensure-file-empty", "names the fault (ensure)"),
        ("linux-file-empty", "linux-reboot-pending", "names the fault (pending)"),
        ("linux-file-empty", "linux-reboot-not-yet-pending", "names the fault (not, pending)"),
        ("linux-file-empty", "linux-not-pending-not-full", "names the fault (not)"),
        ("linux-file-empty", "linux-reboot-pending-not", "names the fault (not, pending)"),
        ('title="The file is empty"', 'title="The file is empty."', "without a full stop"),
        ('title="The file is empty"', 'title="Ensure emptiness"', "without 'ensure'"),
        ('title="The file is empty"', 'title=""', "states the required state"),
        ('since="0.1"', 'since="soon"', "since='soon' is not a version"),
        ('needs=(probes.File(path="/a"),)', "needs=()", "a check that looks at nothing proves nothing"),
        ("params=Wanted", "params=int", "params is not a subclass of imagegate.Params"),
        (', description="How many bytes may stay."', "", "the parameter most has no description"),
        ("fix=Fix.SOMETIMES", "fix=Fix.NEVER", "effort=Level.MANUAL"),
        ('since="0.1",', 'since="0.1", scope=__import__("imagegate").Scope.FLEET,', "a fleet check has no target"),
        ("CHECK = ", "OTHER = ", "has no CHECK = Check(…)"),
        ("CHECK = Check(", "CHECK = dict(", "has no CHECK = Check(…)"),
        (
            "from imagegate import",
            "import requests\nfrom imagegate import",
            "line 23: a check imports only from imagegate",
        ),
        ("from imagegate import", "from .x import y\nfrom imagegate import", "not (relative import)"),
        (
            "from imagegate import",
            "from imagegate.nowhere import x\nfrom imagegate import",
            "fails on import: ModuleNotFoundError",
        ),
        ("CHECK = Check(", "1 / 0\nCHECK = Check(", "fails on import: ZeroDivisionError"),
        ("CHECK = Check(", "CHECK = = Check(", "cannot be read"),
    ],
)
def test_what_is_wrong_with_a_check_file_is_said(root, old, new, problem):
    assert old in GOOD
    path = put(root, GOOD.replace(old, new, 1))
    with pytest.raises(CatalogueError) as caught:
        load_entry(path)
    assert problem in str(caught.value)
    assert all(line.startswith(str(path)) for line in str(caught.value).splitlines())


def test_an_import_inside_a_function_is_an_import(root):
    path = put(root, GOOD.replace("    return iter(())", "    import requests\n    return iter(())", 1))
    with pytest.raises(CatalogueError, match="not requests"):
        load_entry(path)


def test_a_file_that_is_no_text_is_named(root):
    path = put(root)
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(CatalogueError, match="cannot be read"):
        load_entry(path)


def test_all_problems_of_all_files_are_said_at_once(root):
    put(root, GOOD.replace("Because.\n", "").replace('since="0.1"', 'since="x"'))
    put(root, "CHECK = 1", "linux/other.py")
    with pytest.raises(CatalogueError) as caught:
        load_catalogue([root])
    assert len(str(caught.value).splitlines()) == 3


def test_one_id_belongs_to_one_file(root):
    put(root)
    put(root, GOOD, "linux/zwin.py")
    with pytest.raises(CatalogueError, match="the id linux-file-empty is already that of"):
        load_catalogue([root])


def test_a_folder_of_ones_own_is_added(root, tmp_path):
    put(root)
    put(tmp_path / "mine", GOOD.replace("linux-file-empty", "linux-mine-empty"))
    assert list(load_catalogue([root, tmp_path / "mine"]).checks) == ["linux-file-empty", "linux-mine-empty"]


def test_a_folder_that_is_not_there_or_holds_no_check_is_an_error(root):
    with pytest.raises(CatalogueError, match="no such folder of checks"):
        load_catalogue([root / "nowhere"])
    with pytest.raises(CatalogueError, match="no checks found"):
        load_catalogue([root])


def test_the_packaged_checks_lie_beside_the_package_or_the_source():
    assert (packaged_root() / "linux" / "machine_id.py").is_file()
    assert isinstance(packaged_root(), Path)
