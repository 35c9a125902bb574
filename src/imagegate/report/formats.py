"""The forms that a report can take beside the three that are always written. A renderer is loaded when it is wanted."""

from __future__ import annotations

from collections.abc import Callable, Iterator
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


FORMATS = {
    each.name: each
    for each in (
        Format(name="csv", file="findings.csv", module="imagegate.report.spreadsheet", help="a row per finding"),
    )
}
"""By name. A new form is a module with ``render`` and an entry here."""

ALWAYS = {"json": "report.json", "junit": "junit.xml", "text": "report.txt"}
"""Written by every run, whatever ``--format`` says."""
