"""Errors say whose fault something is, and show all mistakes of a file at once."""

import pytest

from imagegate import errors
from imagegate.errors import (
    CatalogueError,
    ImagegateError,
    InputErrors,
    Mistake,
    Owner,
    StepError,
    StepRefused,
    TargetError,
    ToolError,
    Unobserved,
    UsageError,
    UserError,
)  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "owner"),
    [
        (UserError, Owner.USER), (UsageError, Owner.USER), (CatalogueError, Owner.USER), (InputErrors, Owner.USER),
        (TargetError, Owner.TARGET), (Unobserved, Owner.TARGET), (StepError, Owner.TARGET), (StepRefused, Owner.TARGET),
        (ToolError, Owner.TOOL), (ImagegateError, Owner.TOOL),
    ],
)  # fmt: skip
def test_each_error_has_an_owner(kind, owner):
    assert kind.owner is owner


def test_every_error_is_in_the_tree_of_the_docstring_under_its_parent():
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, ImagegateError)]
    lines = [line.replace("│", " ") for line in errors.__doc__.splitlines()]
    depth = {line.split("─ ")[-1].split()[0]: len(line) - len(line.lstrip()) for line in lines if "─ " in line}
    assert {kind.__name__ for kind in kinds} == {*depth, "ImagegateError"}
    for kind in kinds:
        parent = kind.__mro__[1]
        if parent not in (ImagegateError, Exception):
            assert depth[parent.__name__] < depth[kind.__name__]


def test_all_mistakes_of_a_file_are_shown_in_the_order_of_the_file():
    error = InputErrors("p.yaml", [
        Mistake(line=9, column=1, message="late"), Mistake(line=0, column=0, message="somewhere"),
        Mistake(line=2, column=3, message="early"),
    ])  # fmt: skip
    assert str(error) == "p.yaml: somewhere\np.yaml:2:3: early\np.yaml:9:1: late"
    assert [mistake.message for mistake in error.mistakes] == ["somewhere", "early", "late"]


def test_a_step_error_tells_whether_anything_may_have_changed_and_a_refusal_never_has():
    assert StepError("x", changed=True).changed
    assert not StepError("x", changed=False).changed
    assert not StepRefused("x").changed


def test_unobserved_names_the_subject_and_the_reason():
    error = Unobserved("file:/a", "permission denied")
    assert (str(error), error.subject, error.reason) == ("file:/a: permission denied", "file:/a", "permission denied")
