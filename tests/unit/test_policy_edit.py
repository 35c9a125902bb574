"""A waiver goes into a policy, and every other character stays where it is."""

from __future__ import annotations

import difflib
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imagegate.catalogue import load_catalogue
from imagegate.errors import UsageError
from imagegate.policy import read_policy
from imagegate.policy_edit import with_waiver

ROOT = Path(__file__).parents[2]
CHECKS = load_catalogue([ROOT / "checks"]).checks
READY = sorted((ROOT / "policies").glob("*.yaml"))
TODAY = date(2026, 11, 23)
ITEM = {
    "check": "catalog-members-allowed", "for": {"image": {"id": "1234567890", "region": "KR1"}},
    "fingerprint": "1641e4dbdeb2ef5d", "reason": "moving: house #1", "ticket": "OPS-1",
    "approved_by": "platform-security", "until": "2026-12-31",
}  # fmt: skip
HEAD = "policy: x\nversion: 1\nrules:\n  - for: {image: {}}\n    require: { catalog-image-protected:  }   # odd\n"
OTHER = {
    "check": "catalog-image-protected", "for": "{image: {}}", "reason": "r", "approved_by": "a", "until": "2026-12-01",
}  # fmt: skip


def other(indent: str, dash: str = "- ") -> str:
    lines = [f"{key}: {value}" for key, value in OTHER.items()]
    rest = " " * len(dash)
    return "".join(f"{indent}{dash if not number else rest}{line}\n" for number, line in enumerate(lines))


NEW = """\
{0}- check: catalog-members-allowed
{0}  for: {{image: {{id: "1234567890", region: "KR1"}}}}
{0}  fingerprint: "1641e4dbdeb2ef5d"
{0}  reason: "moving: house #1"
{0}  ticket: OPS-1
{0}  approved_by: platform-security
{0}  until: 2026-12-31
""".format
FLOW_OTHER = "{" + ", ".join(f"{key}: {value}" for key, value in OTHER.items()) + "}"
FLOW_NEW = (
    '{check: "catalog-members-allowed", for: {image: {id: "1234567890", region: "KR1"}}, fingerprint: '
    '"1641e4dbdeb2ef5d", reason: "moving: house #1", ticket: "OPS-1", approved_by: "platform-security", until: '
    '"2026-12-31"}'
)

CASES: dict[str, tuple[str, str]] = {
    "no waivers": (HEAD, HEAD + "\nwaivers:\n" + NEW("  ")),
    "no line end": (HEAD.rstrip("\n"), HEAD + "\nwaivers:\n" + NEW("  ")),
    "a document end": (HEAD + "...\n", HEAD + "\nwaivers:\n" + NEW("  ") + "...\n"),
    "a document begin": ("---\n" + HEAD, "---\n" + HEAD + "\nwaivers:\n" + NEW("  ")),
    "comments at the end": (HEAD + "# the end\n", HEAD + "# the end\n\nwaivers:\n" + NEW("  ")),
    "no value": (HEAD + "waivers:\nstrict_rules: true\n", HEAD + "waivers:\n" + NEW("  ") + "strict_rules: true\n"),
    "no value, a comment": (HEAD + "waivers:   # none\n", HEAD + "waivers:   # none\n" + NEW("  ")),
    "no value, an example": (
        HEAD + "waivers:\n  # - check: x\nstrict_rules: true\n",
        HEAD + "waivers:\n" + NEW("  ") + "  # - check: x\nstrict_rules: true\n",
    ),
    "null": (HEAD + "waivers: null  # none\n", HEAD + "waivers:  # none\n" + NEW("  ")),
    "a tilde": (HEAD + "waivers: ~\nstrict_rules: true\n", HEAD + "waivers:\n" + NEW("  ") + "strict_rules: true\n"),
    "an empty list": (HEAD + "waivers: []  # none\n", HEAD + "waivers:  # none\n" + NEW("  ")),
    "one": (HEAD + "waivers:\n" + other("  "), HEAD + "waivers:\n" + other("  ") + NEW("  ")),
    "one, not indented": (HEAD + "waivers:\n" + other(""), HEAD + "waivers:\n" + other("") + NEW("")),
    "a wide dash": (
        HEAD + "waivers:\n" + other(" ", "-   "),
        HEAD + "waivers:\n" + other(" ", "-   ") + "\n".join(
            " -   " + line[2:] if line.startswith("- ") else " " * 5 + line[2:] for line in NEW("").splitlines()
        ) + "\n",
    ),
    "comments of what comes next": (
        HEAD + "waivers:\n" + other("  ") + "\n# about limits\nlimits: {waiver_days: 99}\n",
        HEAD + "waivers:\n" + other("  ") + NEW("  ") + "\n# about limits\nlimits: {waiver_days: 99}\n",
    ),
    "a comment behind it": (
        HEAD + "waivers:\n" + other("  ").rstrip("\n") + "   # soon\n",
        HEAD + "waivers:\n" + other("  ").rstrip("\n") + "   # soon\n" + NEW("  "),
    ),
    "one in a line": (
        HEAD + f"waivers:\n  - {FLOW_OTHER}  # x\n", HEAD + f"waivers:\n  - {FLOW_OTHER}  # x\n" + NEW("  "),
    ),
    "a long text at its end": (
        HEAD + "waivers:\n" + other("  ").replace("    until", "    ticket: |\n      a\n      b\n    until"),
        HEAD + "waivers:\n" + other("  ").replace("    until", "    ticket: |\n      a\n      b\n    until") + NEW("  "),
    ),
    "a flow list": (HEAD + f"waivers: [{FLOW_OTHER}]\n", HEAD + f"waivers: [{FLOW_OTHER}, {FLOW_NEW}]\n"),
    "a flow list of lines": (
        HEAD + f"waivers: [\n  {FLOW_OTHER},\n]\nstrict_rules: true\n",
        HEAD + f"waivers: [\n  {FLOW_OTHER}, {FLOW_NEW},\n]\nstrict_rules: true\n",
    ),
    "all of it indented": (
        "".join(f"  {line}\n" for line in HEAD.splitlines()),
        "".join(f"  {line}\n" for line in HEAD.splitlines()) + "\n  waivers:\n" + NEW("    "),
    ),
    "lines of Windows": (
        (HEAD + "waivers:\n" + other("  ")).replace("\n", "\r\n"),
        (HEAD + "waivers:\n" + other("  ") + NEW("  ")).replace("\n", "\r\n"),
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_it_goes_where_a_person_would_write_it(case: str) -> None:
    before, after = CASES[case]
    assert with_waiver(before, ITEM, "p.yaml") == after
    made = read_policy(after.encode(), "p.yaml", CHECKS, today=TODAY)
    waiver = made.waivers[-1]
    assert waiver.selector is not None
    assert [c.alternatives for c in waiver.selector.conditions] == [("1234567890",), ("KR1",)]
    assert (waiver.fingerprint, waiver.reason, waiver.until) == (
        "1641e4dbdeb2ef5d", "moving: house #1", date(2026, 12, 31),
    )  # fmt: skip


def test_a_text_that_ends_the_last_waiver_is_kept_whole() -> None:
    long = HEAD + "waivers:\n" + other("  ") + "    ticket: >-\n      a long\n      text\n\nstrict_rules: true\n"
    added = with_waiver(long, ITEM, "p.yaml")
    assert read_policy(added.encode(), "p", CHECKS, today=TODAY).waivers[0].ticket == "a long text"
    assert [line for line in difflib.ndiff(long.splitlines(), added.splitlines()) if line.startswith("-")] == []


@pytest.mark.parametrize("text", ['{"policy": "x", "version": 1}', '{"policy": "x", "waivers": []}\n'])
def test_json_stays_json(text: str) -> None:
    import json

    added = json.loads(with_waiver(text, ITEM, "p.json"))
    assert added == {**json.loads(text), "waivers": [ITEM]}


@pytest.mark.parametrize(
    "text",
    [
        HEAD + "waivers: &w\n" + other("  ") + "attestations: *w\n",  # to add to one would be to add to both
        HEAD.replace("\n", "\r\n", 1),
        "5\n",
    ],
)
def test_what_cannot_be_added_to_is_left_to_a_person_with_the_text_to_write(text: str) -> None:
    with pytest.raises(UsageError, match="add this by hand:\n   - check: catalog-members-allowed\n     for: "):
        with_waiver(text, ITEM, "p.yaml")


@pytest.mark.parametrize("path", READY, ids=lambda path: path.name)
def test_the_ready_policies_only_get_longer(path: Path) -> None:
    before = path.read_text(encoding="utf-8")
    once = with_waiver(before, ITEM, path.name)
    twice = with_waiver(once, {**ITEM, "fingerprint": "0" * 16}, path.name)
    assert [line for line in difflib.ndiff(before.splitlines(), twice.splitlines()) if line.startswith(("-", "?"))] == []
    made = read_policy(twice.encode(), path.name, CHECKS, today=TODAY)
    assert [waiver.fingerprint for waiver in made.waivers[-2:]] == ["1641e4dbdeb2ef5d", "0" * 16]


ids = st.text("0123456789eE.+-_:abcdefxyz", min_size=1, max_size=30) | st.sampled_from(
    ("0123e45", "12", "1e3", "0x1f", "true", "null", "~", "yes", "2026-01-01", "1_000", ".5", "0o17", "- a", "#a")
)
texts = st.text(st.characters(exclude_categories=("C", "Z")) | st.just(" "), min_size=1, max_size=40).filter(
    lambda text: text.strip() and text.isprintable()
)


@given(ids, texts, texts, st.sampled_from(sorted(CASES)))
def test_whatever_ids_and_texts_look_like_they_stay_texts(ident: str, reason: str, by: str, case: str) -> None:
    before, _ = CASES[case]
    item = {**ITEM, "for": {"image": {"id": ident}}, "fingerprint": "1234567890123456", "reason": reason,
            "approved_by": by}  # fmt: skip
    made = read_policy(with_waiver(before, item, "p").encode(), "p", CHECKS, today=TODAY).waivers[-1]
    assert made.selector is not None
    assert made.selector.values("id") == (ident,)
    assert (made.fingerprint, made.reason, made.approved_by) == ("1234567890123456", reason, by)
