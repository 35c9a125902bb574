"""Tables of the reference pages, from what decides: they stand in hand-written pages, between two marks each."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

from imagegate.catalogue import Catalogue
from imagegate.cli import available
from imagegate.docs.shapes import Property, Schema, properties, table
from imagegate.errors import ToolError
from imagegate.inventory import inventory_schema
from imagegate.policy_schema import policy_schema
from imagegate.pytest_plugin import OPTIONS
from imagegate.report.document import report_schema
from imagegate.report.formats import ALWAYS, FORMATS
from imagegate.report.words import EXIT_WORDS
from imagegate.result import PRECEDENCE
from imagegate.selectors import ATTRIBUTES, KEYED

_REGION = re.compile(r"(<!-- generated: ([a-z-]+) -->\n).*?(\n<!-- end of \2 -->)", re.DOTALL)
_MARK = re.compile(r"<!-- (?:generated: |end of )")
_TOLD_ELSEWHERE = frozenset({"audit", "rules[].for", "rules[].require", "waivers[].for", "attestations[].for"})
_ENTRY, _DEFAULTS = "instances.NAME.", "defaults."


def regions(catalogue: Catalogue) -> Mapping[str, str]:
    """All generated tables by name."""
    return {
        "policy": _keys(policy_schema(catalogue.checks), ("key", "type", "default", "meaning")),
        "selectors": _selectors(),
        "parameters": _parameters(catalogue),
        "inventory": _inventory(),
        "report": _keys(report_schema(), ("key", "type", "always there", "meaning")),
        "files": table(("`--format`", "file"), [(f"`{name}`", f"`{file}`") for name, file in ALWAYS.items()]),
        "formats": table(
            ("`--format`", "file", "what it is"),
            [(f"`{form.name}`", f"`{form.file}`", form.help) for form in FORMATS.values()],
        ),
        "commands": table(
            ("command", "what it does"),
            [(f"`imagegate {name}`", command.help) for name, command in available().items()],
        ),
        "options": _options(),
        "exit-codes": table(("code", "meaning"), [(str(int(code)), words) for code, words in EXIT_WORDS.items()]),
        "precedence": f"Where several hold, the first of {', '.join(str(int(code)) for code in PRECEDENCE)} is told.",
    }


def fill(page: str, texts: Mapping[str, str]) -> str:
    """``page`` with its generated regions as they should be; raises ``ToolError`` on marks that nothing fits."""
    pairs = [match.group(2) for match in _REGION.finditer(page)]
    if len(_MARK.findall(page)) != 2 * len(pairs):
        raise ToolError("a mark of a generated region has no partner: <!-- generated: NAME --> … <!-- end of NAME -->")
    if strange := [name for name in pairs if name not in texts]:
        raise ToolError(f"nothing generates a region {strange[0]!r}; there are {', '.join(sorted(texts))}")
    return _REGION.sub(lambda match: f"{match.group(1)}\n{texts[match.group(2)]}\n{match.group(3)}", page)


def _keys(schema: Schema, heads: Sequence[str]) -> str:
    """A table of the top keys of a schema, then a section for each that has keys inside."""
    rows = list(properties(schema, schema["$defs"], closed=_TOLD_ELSEWHERE))
    top = [row for row in rows if "." not in row.path]
    defaults = heads[2] == "default"
    parts = [table(heads, _cells(top, defaults=defaults))]
    for row in top:
        inside = [each for each in rows if each.path.startswith((f"{row.path}.", f"{row.path}[]."))]
        if inside:
            meaning = [row.meaning] if row.meaning else []
            parts += [f"## {row.path}", *meaning, table(heads, _cells(inside, defaults=defaults))]
    return "\n\n".join(parts)


def _cells(rows: Iterable[Property], *, defaults: bool) -> list[tuple[str, ...]]:
    def third(row: Property) -> str:
        if defaults:
            return row.default
        return "yes" if row.default == "required" else "no"

    return [(f"`{row.path}`", row.type, third(row), row.meaning) for row in rows]


def _selectors() -> str:
    parts: list[str] = []
    for kind, attributes in ATTRIBUTES.items():
        rows = [(f"`{name}`", meaning) for name, meaning in attributes.items()]
        rows.append((f"`{KEYED[kind]}.KEY`", f"What the {kind}'s {KEYED[kind]} KEY holds."))
        parts += [f"### {kind}", table(("attribute", "what it compares"), rows)]
    return "\n\n".join(parts)


def _parameters(catalogue: Catalogue) -> str:
    rows = []
    for name, entry in catalogue.entries.items():
        said = ", ".join(f"`{field}`" for field in entry.check.params.model_fields) or "none"
        rows.append((f"[`{name}`](../checks/{name}.md)", said))
    return table(("check", "parameters"), rows)


def _inventory() -> str:
    schema = inventory_schema()
    rows = list(properties(schema, schema["$defs"]))
    common = {row.path.removeprefix(_DEFAULTS) for row in rows if row.path.startswith(_DEFAULTS)}
    entries = [(row.path.removeprefix(_ENTRY), row) for row in rows if row.path.startswith(_ENTRY)]
    cells = [(f"`{name}`", row.type, "yes" if name in common else "no", row.meaning) for name, row in entries]
    return table(("key", "type", "in `defaults` too", "meaning"), cells)


def _options() -> str:
    parts: list[str] = []
    for section in dict.fromkeys(option.section for option in OPTIONS):
        rows = []
        for option in OPTIONS:
            if option.section == section:
                value = option.attributes.get("metavar")
                rows.append((f"`--{option.name}{f' {value}' if value else ''}`", option.help))
        parts += [f"### {section.capitalize()}", table(("option", "meaning"), rows)]
    return "\n\n".join(parts)
