"""One look: what is asked in one shell, and what comes back."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import replace
from typing import Protocol

from imagegate.transports.text import clean
from imagegate.transports.windows import frames, script
from imagegate.transports.windows.asking import Questions
from imagegate.transports.windows.decode import Heard, check_elevated
from imagegate.transports.windows.diagnose import Trouble
from imagegate.transports.windows.frames import Fields
from imagegate.transports.windows.registry import Unclear
from imagegate.transports.windows.script import Request, Send
from imagegate.transports.windows.session import Lost, Output
from imagegate.transports.windows.text import shell_error


class Runs(Protocol):
    """What a session can do."""

    def run(self, send: Send) -> Output:
        """Run one command; see ``Session``."""


def nonce() -> str:
    """A word that no content can hold."""
    return f"ig{secrets.token_hex(16)}"


def listen(session: Runs, questions: Questions) -> Heard:
    """All that the session tells. PowerShell is not started for an account that could not see everything."""
    heard = _sections(session, questions)
    if heard.trouble is not None:
        return replace(heard, no_answer=heard.trouble.reason)
    if not questions.requests:
        return heard
    try:
        check_elevated(heard)
    except Unclear:
        return heard
    return _with_answers(session, questions, heard)


def _sections(session: Runs, questions: Questions) -> Heard:
    word = nonce()
    sections: dict[str, bytes] = {}
    reason = "its console gave no answer"
    errors = 0
    for line in script.lines(word, questions.commands):
        output = _run(session, Send(line=line))
        errors += _lines(output.stderr)
        try:
            found = frames.sections(output.stdout, word)
        except frames.Garbled as garbled:
            return Heard(no_section=str(garbled))
        sections |= {questions.commands[index]: raw for index, raw in found.items() if index < len(questions.commands)}
        if output.trouble is not None:
            reason = output.trouble.reason
            if not output.overflow:
                return Heard(sections=sections, errors=errors, no_section=reason, trouble=output.trouble)
    return Heard(sections=sections, errors=errors, no_section=reason)


def _with_answers(session: Runs, questions: Questions, heard: Heard) -> Heard:
    answers, trouble, reason = consult(session, questions.requests, heard.code_page)
    return replace(heard, answers=answers, trouble=trouble, no_answer=reason)


def consult(
    session: Runs, requests: tuple[Request, ...], code_page: int | None = None
) -> tuple[Mapping[Request, Fields], Trouble | None, str]:
    """The answers of PowerShell to ``requests``, what ended them early, and why those that are missing are."""
    word = nonce()
    output = _run(session, script.powershell(word, requests))
    reason = "PowerShell gave no answer"
    if output.trouble is not None:
        reason = output.trouble.reason
    elif said := clean(shell_error(output.stderr, code_page), 200):
        reason += f"; it said: {said}"
    try:
        found = frames.answers(output.stdout, word)
    except frames.Garbled as garbled:
        return {}, output.trouble, str(garbled)
    return (
        {requests[index]: fields for index, fields in found.items() if index < len(requests)},
        output.trouble,
        reason,
    )


def _run(session: Runs, send: Send) -> Output:
    try:
        return session.run(send)
    except Lost as lost:
        return Output(stdout=b"", stderr=b"", code=None, trouble=lost.trouble)


def _lines(stderr: bytes) -> int:
    return sum(1 for line in stderr.split(b"\n") if line.strip(b"\0 \t\r"))
