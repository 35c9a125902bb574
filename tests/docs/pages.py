"""What pages of the documentation say to do, as data: files to keep, commands to run, and what they print."""

import re
from dataclasses import dataclass
from pathlib import Path

DOCS = Path(__file__).resolve().parents[2] / "docs"
_BLOCK = re.compile(r"^```([^\n`]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Block:
    """A fenced block: its language, the words after it (a file's name, or ``install``, ``real``), its text."""

    language: str
    words: tuple[str, ...]
    text: str


def blocks(name):
    """The blocks of a page, in their order."""
    found = _BLOCK.findall((DOCS / name).read_text("utf-8"))
    return [Block(head.split()[0] if head.split() else "", tuple(head.split()[1:]), text) for head, text in found]
