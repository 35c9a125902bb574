"""Examples of findings: really judged, and typical."""

from dataclasses import replace

import pytest
from tests.checks.harness import catalogue, table_of

from imagegate.catalogue import packaged_root
from imagegate.docs import examples, site
from imagegate.errors import ToolError
from imagegate.model import Fix, Level
from imagegate.policy_schema import policy_schema

CLONE = packaged_root().resolve().parent
ENTRIES = catalogue().entries
EVERY = pytest.mark.parametrize("entry", ENTRIES.values(), ids=ENTRIES)


@EVERY
def test_the_cases_are_those_of_the_checks_own_table(entry):
    named = [(case.name, case.seen) for case in examples.cases(entry, CLONE)]
    assert named == [(case.name, case.seen) for case in table_of(entry).cases if hasattr(case, "seen")]


@EVERY
def test_an_example_shows_a_fail_and_what_would_mend_it(entry):
    check = entry.check
    shown = examples.example(check, examples.cases(entry, CLONE)).text
    assert f"FAIL {check.severity} {check.id}: {check.title}  " in shown
    assert "\n  the plan\n    1. " in shown
    levels = {str(level) for level in Level if f". {level} " in shown}
    assert levels
    assert check.fix is Fix.NEVER or levels != {"manual"}, "what a machine can mend is shown mended by it"
    assert "scope of" not in shown


@EVERY
def test_all_levels_of_a_checks_steps_are_told(entry):
    kinds = examples.step_kinds(entry.check, examples.cases(entry, CLONE))
    levels = [kind.level for kind in kinds]
    assert levels == sorted(levels)
    by_machine = [level for level in levels if level is not Level.MANUAL]
    assert max(by_machine, default=Level.MANUAL) is entry.check.effort


@EVERY
def test_what_a_page_puts_into_a_policy_fits_the_policys_schema(entry):
    import jsonschema
    import yaml

    shown = examples.example(entry.check, examples.cases(entry, CLONE))
    text = f"policy: example\nversion: 1\n{site.snippet(entry.check, shown.params)}\n"
    policy = {"rules": [{"for": {"image": {}}, "require": {"catalog-image-protected": None}}], **yaml.safe_load(text)}
    jsonschema.Draft202012Validator(policy_schema(catalogue().checks)).validate(policy)
    assert entry.check.id in text


def test_a_check_without_a_table_is_told_by_its_name():
    entry = next(iter(ENTRIES.values()))
    with pytest.raises(ToolError, match=f"{entry.check.id}: an example needs the table"):
        examples.cases(replace(entry, path=entry.path.with_name("forgotten.py")), CLONE)
    other = next(other for other in ENTRIES.values() if other.path.parent != entry.path.parent)
    with pytest.raises(ToolError, match="has no table of"):
        examples.cases(replace(entry, path=other.path), CLONE)
