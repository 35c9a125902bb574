"""What is generated, by the file where it belongs; written, or compared with what is there."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from imagegate.catalogue import Catalogue, load_catalogue, packaged_root
from imagegate.docs.check_text import index
from imagegate.policy_schema import policy_schema


def schema(catalogue: Catalogue) -> str:
    """The JSON Schema of policies, for editors."""
    return json.dumps(policy_schema(catalogue.checks), indent=2, ensure_ascii=False) + "\n"


def generated(root: Path) -> Mapping[Path, str]:
    """What is generated from the checks below ``root``, by the file where it belongs.

    Pages of the documentation site belong to a clone: they need the tests of the checks, and a folder ``docs``.
    """
    catalogue = load_catalogue([root])
    clone = root.resolve().parent
    texts = {
        root / "README.md": index(catalogue),
        root.parent / "policies" / "policy.schema.json": schema(catalogue),
    }
    if (clone / "docs" / "conf.py").is_file():
        from imagegate.docs.site import pages  # noqa: PLC0415 - an installed imagegate has no tests to take examples from

        texts |= {clone / "docs" / name: text for name, text in pages(catalogue, clone).items()}
    return texts


def drifted(root: Path) -> list[Path]:
    """The generated files that are not what they should be, and pages of checks that are no more."""
    texts = generated(root)
    wrong = [path for path, text in texts.items() if not path.is_file() or path.read_text("utf-8") != text]
    return wrong + _left_over(root, texts)


def write(root: Path) -> list[Path]:
    """Write the generated files that have drifted, remove what is left over, and tell which."""
    texts = generated(root)
    wrong = drifted(root)
    for path in wrong:
        if path not in texts:
            path.unlink()
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(texts[path], encoding="utf-8")
    return wrong


def main(arguments: Sequence[str] | None = None, root: Path | None = None) -> int:
    """The command ``python -m imagegate.docs``; returns its exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m imagegate.docs",
        description="The index of checks, the schema of policies, and the pages of docs/.",
    )
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--write", action="store_true", help="write what has drifted")
    what.add_argument("--check", action="store_true", help="end with 1 if something has drifted")
    options = parser.parse_args(arguments)
    folder = packaged_root() if root is None else root
    if options.write:
        sys.stdout.writelines(f"{path}: {_word(path)}\n" for path in write(folder))
        return 0
    wrong = drifted(folder)
    sys.stdout.writelines(f"{path}: has drifted; run python -m imagegate.docs --write\n" for path in wrong)
    return 1 if wrong else 0


def _word(path: Path) -> str:
    return "written" if path.exists() else "removed"


def _left_over(root: Path, texts: Mapping[Path, str]) -> list[Path]:
    """Pages of checks that are no more."""
    folder = root.resolve().parent / "docs" / "checks"
    return sorted(path for path in folder.glob("*.md") if path not in texts)
