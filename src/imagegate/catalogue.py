"""Find checks, load them by path, and validate all of them once ("bake").

A check file lives in a folder named for what is looked at (``checks/linux/machine_id.py``), imports only from
``imagegate``, pydantic and the standard library, and ends with its record, ``CHECK``. Its docstring has a first line
and four sections; they become the check's page.
"""

from __future__ import annotations

import ast
import hashlib
import importlib.util
import re
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from imagegate.errors import CatalogueError
from imagegate.model import Check, Fix, Level, Scope
from imagegate.params import Params

HEADINGS = ("Why it matters", "Passes when", "Fix", "References")

_ID = re.compile(r"[a-z]+(-[a-z0-9]+)+")
_SINCE = re.compile(r"\d+\.\d+")
_ALLOWED_IMPORTS = frozenset(sys.stdlib_module_names) | {"imagegate", "pydantic", "__future__"}
_FAULT_WORDS = frozenset({"ensure", "not", "no", "bad", "missing", "invalid", "disallow", "pending"})
_REQUIRED_WITH_NOT = frozenset({"pending"})
"""Faults whose absence has no word of its own: there ``not`` names the required state."""
_OF_THE_WHOLE = frozenset({"generalized"})
"""Required states of a target as a whole: there the id names no subject."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A check and where it comes from. ``sections`` maps the four headings to their text."""

    check: Check
    path: Path
    summary: str
    sections: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Catalogue:
    """All checks of a run by id, and the digest of their files."""

    entries: Mapping[str, Entry]
    digest: str

    @property
    def checks(self) -> dict[str, Check]:
        """The checks by id."""
        return {name: entry.check for name, entry in self.entries.items()}


def packaged_root() -> Path:
    """The folder of the checks that came with imagegate: beside the package, or in a clone beside ``src``."""
    package = Path(__file__).resolve().parent
    for root in (package / "checks", package.parent.parent / "checks"):
        if root.is_dir():
            return root
    raise CatalogueError("the checks of imagegate are not installed; install it again")


def packaged_policies() -> Path:
    """The folder of the policies that came with imagegate, beside that of the checks."""
    return packaged_root().parent / "policies"


def load_catalogue(roots: Sequence[Path]) -> Catalogue:
    """Load all checks below ``roots``; raises ``CatalogueError`` with everything that is wrong, a line each."""
    entries: dict[str, Entry] = {}
    problems: list[str] = []
    fingerprint = hashlib.sha256()
    for root in roots:
        if not root.is_dir():
            raise CatalogueError(f"{root}: no such folder of checks")
        for path in check_files(root):
            place = path.relative_to(root.resolve()).as_posix()
            source = path.read_bytes()
            fingerprint.update(f"{place}\n{len(source)}\n".encode() + source)
            try:
                entry = load_entry(path)
            except CatalogueError as error:
                problems.append(str(error))
                continue
            other = entries.setdefault(entry.check.id, entry)
            if other is not entry:
                problems.append(f"{path}: the id {entry.check.id} is already that of {other.path}")
    if problems:
        raise CatalogueError("\n".join(problems))
    if not entries:
        raise CatalogueError(f"{', '.join(map(str, roots))}: no checks found")
    return Catalogue(
        entries=dict(sorted(entries.items())),
        digest="sha256:" + fingerprint.hexdigest(),
    )


def check_files(root: Path) -> Iterator[Path]:
    """The check files below ``root``: Python files that are neither tests nor private, sorted."""
    for path in sorted(root.resolve().rglob("*.py")):
        private = any(part.startswith(("_", ".")) for part in path.relative_to(root.resolve()).parts)
        if not private and path.name != "conftest.py" and not path.name.startswith("test_"):
            yield path


_PARSING = threading.Lock()
"""CPython 3.11 counts the depth of all trees under way together, and calls threads that parse at once a SystemError."""


def load_entry(path: Path) -> Entry:
    """Load one check file and validate it; raises ``CatalogueError`` with all its problems."""
    try:
        source = path.read_text(encoding="utf-8")
        with _PARSING:
            tree = ast.parse(source, str(path))
    except (OSError, UnicodeDecodeError, SyntaxError) as error:
        raise CatalogueError(f"{path}: cannot be read: {error}") from error
    problems = list(_import_problems(tree))
    if problems:
        raise CatalogueError("\n".join(f"{path}: {problem}" for problem in problems))
    check = _execute(path)
    summary, sections = _document(ast.get_docstring(tree) or "")
    problems = [*_document_problems(summary, sections), *_record_problems(check, path)]
    if problems:
        raise CatalogueError("\n".join(f"{path}: {problem}" for problem in problems))
    return Entry(check=check, path=path, summary=summary, sections=sections)


def _execute(path: Path) -> Check:
    name = f"imagegate_check_{hashlib.sha256(str(path).encode()).hexdigest()[:16]}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise CatalogueError(f"{path}: is not a Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # pydantic resolves annotations of Params through sys.modules
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        raise CatalogueError(f"{path}: fails on import: {type(error).__name__}: {error}") from error
    check = getattr(module, "CHECK", None)
    if not isinstance(check, Check):
        raise CatalogueError(f"{path}: has no CHECK = Check(…)")
    return check


def _import_problems(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [node.module or ""] if node.level == 0 else ["(relative import)"]
        else:
            continue
        for name in names:
            if name.partition(".")[0] not in _ALLOWED_IMPORTS:
                yield f"line {node.lineno}: a check imports only from imagegate and the standard library, not {name}"


def _document(docstring: str) -> tuple[str, dict[str, str]]:
    summary, _, rest = docstring.partition("\n")
    sections: dict[str, str] = {}
    heading = ""
    for line in rest.splitlines():
        if line.strip() in HEADINGS:
            heading = line.strip()
            sections[heading] = ""
        elif heading and set(line.strip()) != {"-"}:
            sections[heading] += line + "\n"
    return summary.strip(), {name: text.strip() for name, text in sections.items()}


def _document_problems(summary: str, sections: Mapping[str, str]) -> Iterator[str]:
    if not summary.endswith("."):
        yield "the docstring begins with one sentence that ends in a full stop"
    if tuple(sections) != HEADINGS:
        yield f"the docstring has the headings {', '.join(HEADINGS)}, in this order"
    for heading, text in sections.items():
        if not text:
            yield f"the section {heading} is empty"


def _record_problems(check: Check, path: Path) -> Iterator[str]:
    words = check.id.split("-")
    named = len(words) > 2 or words[-1] in _OF_THE_WHOLE
    if not (_ID.fullmatch(check.id) and named and words[0] == path.parent.name):
        yield f"the id {check.id!r} does not read {path.parent.name}-<subject>-<required state> in kebab case"
    if faults := sorted(_faults(words)):
        yield f"the id {check.id!r} names the fault ({', '.join(faults)}) where it should name the required state"
    if check.title.endswith(".") or check.title.lower().startswith("ensure") or not check.title:
        yield f"the title {check.title!r} states the required state, without a full stop and without 'ensure'"
    if not _SINCE.fullmatch(check.since):
        yield f"since={check.since!r} is not a version like 0.1"
    if not check.probes:
        yield "needs no probe: a check that looks at nothing proves nothing"
    if not (isinstance(check.params, type) and issubclass(check.params, Params)):
        yield "params is not a subclass of imagegate.Params"
    else:
        for name, field in check.params.model_fields.items():
            if not field.description:
                yield f"the parameter {name} has no description"
    if check.fix is Fix.NEVER and check.effort is not Level.MANUAL:
        yield "a check that is never fixed has manual steps only: effort=Level.MANUAL"
    if check.scope is Scope.FLEET and check.fix is not Fix.NEVER:
        yield "a fleet check has no target that a fix could change"


def _faults(words: Sequence[str]) -> set[str]:
    """The words of an id that name a fault, ``not pending`` and the like aside."""
    denied = {place for place, pair in enumerate(pairwise(words)) if pair[0] == "not" and pair[1] in _REQUIRED_WITH_NOT}
    return {
        word
        for place, word in enumerate(words)
        if word in _FAULT_WORDS and place not in denied and place - 1 not in denied
    }
