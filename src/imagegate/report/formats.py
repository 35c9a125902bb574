"""The forms that a report can take beside the three that are always written. A renderer is loaded when it is wanted."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from importlib import import_module

from imagegate.report.past import Context
from imagegate.report.stored import Document

Render = Callable[[Document, Context], Iterator[str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Format:
    """``file`` is its name in the folder of the run; ``module`` has ``render(document, context)``: text in chunks."""

    name: str
    file: str
    module: str
    help: str

    def render(self, document: Document, context: Context) -> Iterator[str]:
        """The report in this form."""
        render: Render = import_module(self.module).render
        return render(document, context)


def _format(name: str, file: str, module: str, text: str) -> Format:
    return Format(name=name, file=file, module=f"imagegate.report.{module}", help=text)


FORMATS = {
    each.name: each
    for each in (
        _format("html", "report.html", "html", "one page to search, filter and print; it needs no network"),
        _format("sarif", "report.sarif", "sarif", "SARIF 2.1.0, for code scanning"),
        _format("ocsf", "ocsf.json", "ocsf", "OCSF Compliance Findings, for security lakes and SIEMs"),
        _format("csv", "findings.csv", "spreadsheet", "a row per finding, for spreadsheets"),
        _format("markdown", "report.md", "markdown", "for the summary of a CI job, or a comment"),
        _format("github", "annotations.txt", "github", "annotations, for the log of a GitHub workflow"),
        _format("codequality", "codequality.json", "codequality", "for GitLab's merge requests"),
        _format("prometheus", "metrics.prom", "prometheus", "for the textfile collector of the node exporter"),
    )
}
"""By name. A new form is a module with ``render`` and an entry here."""


def files_of(names: Iterable[str]) -> tuple[str, ...]:
    """The files that these forms are written to, beside those of every run."""
    return tuple(FORMATS[name].file for name in dict.fromkeys(names) if name in FORMATS)


ALWAYS = {"json": "report.json", "junit": "junit.xml", "text": "report.txt"}
"""Written by every run, whatever ``--format`` says."""
