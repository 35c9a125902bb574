"""Write the reports of a run: the only module of ``report`` that touches the disk."""

from __future__ import annotations

import contextlib
import fcntl
import os
import secrets
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path

from imagegate.durable import replacing
from imagegate.report import document, junit, terminal
from imagegate.report.formats import FORMATS
from imagegate.report.past import Context
from imagegate.report.stored import REPORT, Document, document_of
from imagegate.result import Result

LATEST = "latest"


def write_reports(
    result: Result,
    folder: Path,
    *,
    next_command: str | None = None,
    say: Callable[[str], None] | None = None,
    formats: Iterable[str] = (),
    context: Context | None = None,
) -> Path:
    """Write ``report.json``, ``junit.xml`` and ``report.txt`` into ``folder``/<run id> and point ``latest`` at it.

    ``formats`` are names of further forms to write. Each file appears whole or not at all. Where the link cannot be
    made, or the index of runs not be written, ``say`` is told; the reports are there all the same. Renderers are told
    of the runs before, unless ``context`` has some. Returns the folder of the run. Raises ``OSError`` if a report
    cannot be written.
    """
    complain = say or (lambda _: None)
    run = folder / result.run_id
    run.mkdir(parents=True, exist_ok=True)
    with busy(run):
        write_file(run / REPORT, document.render(result))
        write_file(run / "junit.xml", junit.render(result))
        write_file(run / "report.txt", terminal.render(result, next_command=next_command))
        made = document_of(result)
        if formats:
            write_formats(made, run, formats, with_past(context or Context(), folder, made, complain))
        if (problem := _point(folder / LATEST, result.run_id)) is not None:
            complain(f"{folder / LATEST} was not repointed: {problem}")
        if (problem := _remember(folder, made, result)) is not None:
            complain(f"{folder / 'index.sqlite'}: run {result.run_id} is not in it yet: {problem}")
    return run


def with_past(context: Context, folder: Path, document: Document, say: Callable[[str], None]) -> Context:
    """``context`` with the runs of ``folder`` before that of ``document``, unless it has some."""
    from imagegate.runs.history import past_runs  # noqa: PLC0415 - it is made of what is here

    return context if context.past else replace(context, past=past_runs(folder, document.head, say))


def _remember(folder: Path, document: Document, result: Result) -> str | None:
    from imagegate.runs.store import remember  # noqa: PLC0415 - likewise

    return remember(folder, document.head, result.findings)


@contextlib.contextmanager
def busy(run: Path) -> Iterator[None]:
    """Hold the folder of a run: nobody prunes it meanwhile. Where there are no locks, nothing is held."""
    descriptor = os.open(run, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        with contextlib.suppress(OSError):
            fcntl.flock(descriptor, fcntl.LOCK_SH)
        yield
    finally:
        os.close(descriptor)


def write_formats(document: Document, run: Path, formats: Iterable[str], context: Context) -> list[Path]:
    """Write ``document`` into the folder ``run`` in each of ``formats``; returns the paths. Raises ``OSError``."""
    wanted = [FORMATS[name] for name in formats if name in FORMATS]
    for form in wanted:
        write_file(run / form.file, form.render(document, context))
    return [run / form.file for form in wanted]


def write_file(path: Path, chunks: Iterable[str]) -> None:
    """Write ``chunks``, whole or not at all, flushed to disk."""
    with replacing(path) as file:
        file.writelines(chunks)


def _point(link: Path, to: str) -> str | None:
    """Why the link could not be made, None if it was."""
    if link.exists() and not link.is_symlink():
        return "it is no link; move it away"
    temporary = _beside(link)
    try:
        temporary.symlink_to(to, target_is_directory=True)
        temporary.replace(link)
    except (OSError, NotImplementedError) as error:
        return f"links are not possible here: {error}"
    finally:
        temporary.unlink(missing_ok=True)
    return None


def _beside(path: Path) -> Path:
    return path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
