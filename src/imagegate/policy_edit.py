"""A waiver written into the text of a policy. Pure.

The text is not parsed and dumped again: ruamel.yaml's round trip would move a comment behind the last waiver, the
blanks of flow mappings and the folds of long lines. It only tells where things stand; the new lines go in there, every
other character stays as it is, and the outcome is read and compared before anybody gets it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from imagegate.errors import InputErrors, UsageError
from imagegate.strict_yaml import plain
from imagegate.warning_filters import recorded_warnings
from imagegate.yaml_tree import parse

WAIVERS = "waivers"

_PLAIN = re.compile(r"[A-Za-z][\w./@+()-]*(?: [\w./@+()-]+)*", re.ASCII)
_NO_TEXT = frozenset({"true", "false", "null", "yes", "no", "on", "off", "y", "n"})
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_END = re.compile(r"^\.\.\.[ \t]*(#.*)?$", re.MULTILINE)

Item = Mapping[str, Any]
"""A waiver as it stands in a policy: texts, and the selector as mappings of texts. Texts must be printable."""


def with_waiver(text: str, item: Item, path: str) -> str:
    """``text``, a valid policy, with one more waiver at the end of its waivers; ``path`` names it in messages.

    Raises ``UsageError``, with what to write by hand, where that cannot be done without changing anything else.
    """
    windows = text.count("\r\n")
    lines = text.replace("\r\n", "\n") if windows == text.count("\n") else text
    new = _insert(lines, item)
    if new is None or "\r" in new or not _adds(lines, new, item, path):
        by_hand = "\n".join(f" {each}" for each in _block(item, 2, 2))
        raise UsageError(
            f"{path}: its waivers are written in a way that cannot be added to; add this by hand:\n{by_hand}"
        )
    return new.replace("\n", "\r\n") if windows else new


def _adds(text: str, new: str, item: Item, path: str) -> bool:
    """Whether ``new`` says what ``text`` says, and that waiver."""
    old = plain(parse(text, path))
    try:
        now = plain(parse(new, path))
    except InputErrors:
        return False
    return bool(now == {**old, WAIVERS: [*(old.get(WAIVERS) or []), _plainly(item)]})


def _plainly(item: Item) -> dict[str, Any]:
    return {key: _plainly(value) if isinstance(value, Mapping) else value for key, value in item.items()}


def _insert(text: str, item: Item) -> str | None:
    with recorded_warnings():
        root = YAML(typ="safe", pure=True).compose(text)
    if not isinstance(root, MappingNode):
        return None
    value = next((value for key, value in root.value if key.value == WAIVERS), None)
    if root.flow_style:
        return _into_flow_root(text, root, value, item)
    column = root.start_mark.column
    if value is None:
        end = _END.search(text)
        at = end.start() if end else len(text)
        before = text[:at] if text[:at].endswith("\n") or not at else text[:at] + "\n"
        return before + _lines(["", " " * column + f"{WAIVERS}:", *_block(item, column + 2, 2)]) + text[at:]
    if isinstance(value, SequenceNode) and value.flow_style and value.value:
        at = value.value[-1].end_mark.index
        return f"{text[:at]}, {_flow(item)}{text[at:]}"
    if isinstance(value, SequenceNode) and not value.flow_style:
        dash, first = value.start_mark.column, value.value[0].start_mark.column
        return _after_line(text, _last(value), _block(item, dash, max(first - dash, 2)))
    # nothing yet: no value, null or []
    start, end_ = value.start_mark.index, value.end_mark.index
    if isinstance(value, ScalarNode) and not text[start:end_].strip():
        key = next(key for key, _ in root.value if key.value == WAIVERS)
        return _after_line(text, key, _block(item, column + 2, 2))
    bare = text[:start].rstrip(" ") + text[end_:]
    return _after_line(bare, next(key for key, _ in root.value if key.value == WAIVERS), _block(item, column + 2, 2))


def _into_flow_root(text: str, root: MappingNode, value: Node | None, item: Item) -> str | None:
    """JSON stays JSON."""
    new = json.dumps(_plainly(item), ensure_ascii=False)
    if value is None:
        at = root.value[-1][1].end_mark.index
        return f"{text[:at]}, {json.dumps(WAIVERS)}: [{new}]{text[at:]}"
    if isinstance(value, SequenceNode) and value.value:
        at = value.value[-1].end_mark.index
        return f"{text[:at]}, {new}{text[at:]}"
    if isinstance(value, SequenceNode):
        return f"{text[: value.start_mark.index]}[{new}]{text[value.end_mark.index :]}"
    return None


def _last(node: Node) -> Node:
    """What stands last in a node."""
    while isinstance(node, SequenceNode | MappingNode) and node.value and not node.flow_style:
        last = node.value[-1]
        node = last if isinstance(last, Node) else _value_or_key(*last)
    return node


def _value_or_key(key: Node, value: Node) -> Node:
    """An empty value has no place of its own."""
    return key if isinstance(value, ScalarNode) and value.start_mark.index == value.end_mark.index else value


def _after_line(text: str, node: Node, lines: list[str]) -> str:
    """``lines`` behind the line that ``node`` ends in, a comment there included."""
    mark = node.end_mark
    at = mark.index
    if mark.column or not at:  # the text of a block scalar ends at the beginning of the next line
        at = text.find("\n", at) + 1 or len(text)
    before = text[:at]
    return before + ("" if before.endswith("\n") or not before else "\n") + _lines(lines) + text[at:]


def _lines(lines: list[str]) -> str:
    return "".join(f"{each}\n" for each in lines)


def _block(item: Item, indent: int, step: int) -> list[str]:
    """The lines of a waiver in a list whose dashes stand ``indent`` in."""
    lines = [f"{key}: {_flow(value) if isinstance(value, Mapping) else _scalar(value)}" for key, value in item.items()]
    dash = "-".ljust(step)
    return [" " * indent + (dash if number == 0 else " " * step) + each for number, each in enumerate(lines)]


def _flow(item: Item) -> str:
    """``{image: {id: "…"}}``: keys are plain words or quoted, values always quoted but for days."""
    return "{" + ", ".join(_flow_entries(item)) + "}"


def _flow_entries(item: Item) -> Iterator[str]:
    for key, value in item.items():
        word = key if _PLAIN.fullmatch(key) else _quoted(key)
        yield f"{word}: {_flow(value) if isinstance(value, Mapping) else _quoted(value)}"


def _scalar(value: str) -> str:
    is_plain = _PLAIN.fullmatch(value) and value.casefold() not in _NO_TEXT
    return value if is_plain or _DAY.fullmatch(value) else _quoted(value)


def _quoted(value: str) -> str:
    """In double quotes: all that is printable may stand there as it is."""
    return json.dumps(value, ensure_ascii=False)
