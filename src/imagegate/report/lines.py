"""Lines of styled pieces, and the two ways out: a rich console, and plain text.

Both ways make every piece of text visible, so that no caller can forget it; markup is never interpreted, and no line
holds what a CI server takes for a command to itself.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, TextIO, TypeAlias, TypeGuard

from imagegate.report.safe import TEXT_LIMIT, inert, visible

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

    Out: TypeAlias = "Console | PlainOut"

Piece = str | tuple[str, str]
"""Text, or text and a rich style."""

_NARROWEST = 24
_ENDLESS = 100_000


@dataclass(frozen=True, slots=True)
class PlainOut:
    """Where lines go that nobody reads on a terminal: a file, a pipe, a CI log. Needs no rich, which weighs 6 MB."""

    file: TextIO

    @property
    def is_terminal(self) -> bool:
        """Never."""
        return False

    @property
    def encoding(self) -> str:
        """The stream's own."""
        return self.file.encoding or "utf-8"


def output(stream: TextIO, *, colour: bool, forced: bool = False) -> Out:
    """The way out to ``stream``: rich on a terminal, else plain; ``forced`` and ``FORCE_COLOR`` colour anything.

    ``TERM=dumb`` is no terminal, and ``NO_COLOR`` takes the colours away from one. What is coloured but no terminal
    (the log of a CI job) is neither wrapped nor redrawn.
    """
    forced = forced or bool(os.environ.get("FORCE_COLOR"))
    real = stream.isatty() and os.environ.get("TERM") != "dumb"
    if not (forced or real):
        return PlainOut(stream)
    from rich.console import Console  # noqa: PLC0415 - only for terminals

    return Console(
        file=stream,
        force_terminal=True if forced else None,
        force_interactive=real,
        no_color=None if colour else True,
        width=None if real else _ENDLESS,
    )


def is_live(console: Out) -> TypeGuard[Console]:
    """Whether what was shown can be drawn anew: a bar, a line that changes."""
    return not isinstance(console, PlainOut) and console.is_interactive


@dataclass(frozen=True, slots=True)
class Line:
    """One line of output; continuation lines of a narrow terminal hang two further in.

    One that is ``whole`` is left for the terminal to wrap: a command, which is then copied without line ends in it.
    """

    indent: int
    pieces: tuple[tuple[str, str], ...]
    whole: bool = False


BLANK = Line(0, ())


def line(indent: int, *pieces: Piece, whole: bool = False) -> Line:
    """A line of pieces."""
    return Line(indent, tuple((piece, "") if isinstance(piece, str) else piece for piece in pieces), whole)


def show(lines: Iterable[Line], console: Out) -> None:
    """Print to a console: wrapped on a terminal, whole lines elsewhere, with colours as the console decides."""
    if isinstance(console, PlainOut) or not console.is_terminal:
        console.file.writelines(_encodable(text, console) for text in plain(lines))
        return
    for each in lines:
        for row in _rows(each, console):
            console.print(row, soft_wrap=True, markup=False, highlight=False, emoji=False)


def _rows(each: Line, console: Console) -> Iterable[Text]:
    from rich.text import Text  # noqa: PLC0415 - only for terminals

    margin = Text(" " * each.indent)
    shown = ((inert(visible(piece, TEXT_LIMIT)), style) for piece, style in each.pieces)
    text = Text.assemble(*((_encodable(piece, console), style) for piece, style in shown))
    if each.whole or each.indent + text.cell_len < console.width:
        return [margin + text]
    width = max(_NARROWEST, console.width - each.indent - 3)
    first, *rest = text.wrap(console, width, overflow="fold") or [Text()]
    return [margin + first, *(margin + Text("  ") + row for row in rest)]


def _encodable(text: str, console: Out) -> str:
    if text.isascii():
        return text
    return text.encode(console.encoding, "backslashreplace").decode(console.encoding)


def plain(lines: Iterable[Line]) -> Iterator[str]:
    """The same lines as text without colours, unwrapped, each with its line end."""
    for each in lines:
        text = "".join(visible(piece, TEXT_LIMIT) for piece, _ in each.pieces)
        yield inert(f"{' ' * each.indent}{text}").rstrip() + "\n"
