"""Where a program runs: its standard streams, code page, language and folder."""

from __future__ import annotations

import codecs
from collections.abc import Callable
from dataclasses import dataclass

from imagegate.sandbox.windows.machine import messages
from imagegate.sandbox.windows.machine.state import Language, State

UTF8 = 65001


def no_input() -> bytes:
    """The input of ``<nul``."""
    return b""


@dataclass(slots=True, kw_only=True)
class Console:
    """A program's surroundings. ``read`` waits for the end of standard input and returns it all."""

    write: Callable[[bytes], None]
    error: Callable[[bytes], None]
    read: Callable[[], bytes] = no_input
    code_page: int = 437
    language: Language = "en"
    folder: str = "C:\\"

    def print(self, line: str = "") -> None:
        """A line to standard output, in the console's code page."""
        self.write(self.encode(line + "\n"))

    def complain(self, line: str = "") -> None:
        """A line to standard error."""
        self.error(self.encode(line + "\n"))

    def say(self, name: str, *words: object) -> str:
        """A message in the console's language."""
        return messages.text(self.language, name, *words)

    def encode(self, text: str) -> bytes:
        """``text`` as the console writes it; what its code page lacks becomes a question mark."""
        return text.replace("\r\n", "\n").replace("\n", "\r\n").encode(codec(self.code_page), "replace")


def codec(code_page: int) -> str:
    """Python's name of a code page; raises LookupError for one that is not known."""
    return codecs.lookup("utf-8" if code_page == UTF8 else f"cp{code_page}").name


def effective(state: State, asked: int) -> tuple[int, Language]:
    """The code page that a shell gets when it asks for one, and the language that programs then speak.

    Console programs fall back to English where the code page cannot show their language (SetThreadUILanguage).
    """
    try:
        codec(asked)
    except LookupError:
        asked = state.oem_code_page
    page = state.oem_code_page if asked == UTF8 and not state.utf8 else asked
    return page, state.language if page == state.oem_code_page else "en"
