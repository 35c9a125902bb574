"""``imagegate report``: a stored run again, in any form."""
# ruff: noqa: T201

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

from imagegate.cli import USAGE, nearest, usage_error
from imagegate.commands.history import asked
from imagegate.durable import output_file
from imagegate.errors import UsageError
from imagegate.notify.arguments import add_notify, read_notify
from imagegate.notify.hooks import NotifyOptions
from imagegate.report.formats import ALWAYS, FORMATS
from imagegate.report.language import LANGUAGES, from_locale
from imagegate.report.past import Context
from imagegate.report.safe import TEXT_LIMIT, visible
from imagegate.report.stored import REPORT, Document, ReportError, read_report
from imagegate.report.write import with_past, write_formats
from imagegate.runs.history import find
from imagegate.runs.naming import FORMS, LATEST
from imagegate.runs.shelves import is_run

_EPILOG = """\
forms:
{forms}

Without --format the text is printed. One form is printed, or written to --output; several are written into the
folder of the run, and their paths are printed.
"""


def main(argv: Sequence[str]) -> int:
    """Render a stored run."""
    try:
        given = _parser().parse_args(list(argv))
    except SystemExit as stop:
        return USAGE if stop.code else 0
    names = list(dict.fromkeys(given.format or ["text"]))
    known = {**FORMATS, **ALWAYS}
    if strange := [name for name in names if name not in known]:
        return usage_error(f"--format {strange[0]}: there is no such form{nearest(strange[0], known)}")
    if given.output is not None and len(names) > 1:
        return usage_error("--output takes one form; without it, several are written into the folder of the run")
    told = read_notify(given)
    reports: Path = given.report_dir
    try:
        folder = _folder(reports, given.run)
        document = read_report(folder / REPORT)
        context = Context(language=given.lang or from_locale(os.environ))
        if set(names) - set(ALWAYS):
            context = with_past(context, reports, document, _warn)
        if len(names) > 1:
            paths = [
                *write_formats(document, folder, names, context),
                *(folder / ALWAYS[n] for n in names if n in ALWAYS),
            ]
            print("\n".join(map(str, paths)))
        elif names[0] in ALWAYS:
            _out(given.output, [(folder / ALWAYS[names[0]]).read_text(encoding="utf-8")])
        else:
            _out(given.output, FORMATS[names[0]].render(document, context))
        if told.hooks or told.silent:
            sys.stdout.flush()
            _notify(document, told)
    except (ReportError, UsageError) as error:
        return usage_error(str(error))
    except BrokenPipeError:
        raise
    except OSError as error:
        return usage_error(f"{error.filename or reports}: {error.strerror or error}")
    return 0


def _folder(reports: Path, name: str) -> Path:
    """The folder that is meant. The index is asked last: all reports may have to be read for it."""
    if "/" in name:
        return Path(name)
    if (name == LATEST or is_run(reports, name)) and (reports / name / REPORT).exists():
        return reports / name
    return reports / asked(reports, lambda index, ignored: find(index, ignored, reports, name)).head.id


def _parser() -> argparse.ArgumentParser:
    forms = [f"  {name:<12} {file}, as the run wrote it" for name, file in ALWAYS.items()]
    forms += [f"  {form.name:<12} {form.file}: {form.help}" for form in FORMATS.values()]
    parser = argparse.ArgumentParser(
        prog="imagegate report",
        description="Show the report of a stored run again, in any form.",
        epilog=_EPILOG.format(forms="\n".join(forms)),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "run", nargs="?", default=LATEST, metavar="RUN", help=f"the run: {FORMS}; or the path of its folder"
    )
    parser.add_argument("--format", action="append", metavar="NAME", help="the form; may be repeated")
    parser.add_argument("--lang", choices=list(LANGUAGES), help="the language of words for people (from the locale)")
    parser.add_argument("--output", type=Path, metavar="FILE", help="where to write it (standard output)")
    parser.add_argument(
        "--report-dir", type=Path, default=Path("reports"), metavar="DIR", help="where the run's folder is (reports/)"
    )
    add_notify(parser)
    return parser


def _notify(document: Document, told: NotifyOptions) -> None:
    from imagegate.notify.run import notify  # noqa: PLC0415 - only where somebody is told

    notify(document, told, _warn)


def _warn(text: str) -> None:
    print(f"warning: {visible(text, TEXT_LIMIT)}", file=sys.stderr)


def _out(path: Path | None, chunks: Iterable[str]) -> None:
    if path is not None:
        try:
            with output_file(path) as file:
                file.writelines(chunks)
        except OSError as error:  # its own name is that of a temporary file
            raise UsageError(f"{path} could not be written: {error.strerror or error}") from error
        return
    for chunk in chunks:
        sys.stdout.write(chunk)
