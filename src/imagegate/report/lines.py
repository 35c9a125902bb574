"""Lines of styled pieces, and the two ways out: a rich console, and plain text.

Both ways make every piece of text visible, so that no caller can forget it; markup is never interpreted.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from rich.console import Console
from rich.text import Text

from imagegate.report.safe import TEXT_LIMIT, visible

Piece = str | tuple[str, str]
"""Text, or text and a rich style."""

_NARROWEST = 24


@dataclass(frozen=True, slots=True)
class Line:
    """One line of output; continuation lines of a narrow terminal hang two further in."""

    indent: int
    pieces: tuple[tuple[str, str], ...]


BLANK = Line(0, ())


def line(indent: int, *pieces: Piece) -> Line:
    """A line of pieces."""
    return Line(indent, tuple((piece, "") if isinstance(piece, str) else piece for piece in pieces))


def show(lines: Iterable[Line], console: Console) -> None:
    """Print to a console: wrapped on a terminal, whole lines elsewhere, with colours as the console decides."""
    if not console.is_terminal:  # rich would cost a fifth of a catalog's whole CPU time
        console.file.writelines(_encodable(text, console) for text in plain(lines))
        return
    for each in lines:
        for row in _rows(each, console):
            console.print(row, soft_wrap=True, markup=False, highlight=False, emoji=False)


def _rows(each: Line, console: Console) -> Iterable[Text]:
    margin = Text(" " * each.indent)
    text = Text.assemble(*((_encodable(visible(piece, TEXT_LIMIT), console), style) for piece, style in each.pieces))
    if not console.is_terminal or each.indent + text.cell_len < console.width:
        return [margin + text]
    width = max(_NARROWEST, console.width - each.indent - 3)
    first, *rest = text.wrap(console, width, overflow="fold") or [Text()]
    return [margin + first, *(margin + Text("  ") + row for row in rest)]


def _encodable(text: str, console: Console) -> str:
    if text.isascii():
        return text
    return text.encode(console.encoding, "backslashreplace").decode(console.encoding)


def plain(lines: Iterable[Line]) -> Iterator[str]:
    """The same lines as text without colours, unwrapped, each with its line end."""
    for each in lines:
        text = "".join(visible(piece, TEXT_LIMIT) for piece, _ in each.pieces)
        yield f"{' ' * each.indent}{text}".rstrip() + "\n"
