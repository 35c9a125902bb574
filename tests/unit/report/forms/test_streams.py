"""Memory does not grow with the report, where the form allows it."""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterator
from typing import Any

import pytest
from tests.unit.report.forms.documents import finding, head

from imagegate.report.formats import FORMATS
from imagegate.report.markdown import ROWS
from imagegate.report.past import Context
from imagegate.report.stored import Document

FORMS = ("sarif", "ocsf", "csv", "markdown", "github", "codequality", "prometheus")


class Endless:
    """So many findings that are made when they are asked for."""

    def __init__(self, count: int) -> None:
        self.count, self.read = count, 0

    def __iter__(self) -> Iterator[dict[str, Any]]:
        for number in range(self.count):
            self.read += 1
            yield finding(number=number)


def peak(form: str, count: int) -> int:
    told = Document(head=head([finding()]), findings=Endless(count))
    tracemalloc.start()
    try:
        for _chunk in FORMATS[form].render(told, Context()):
            pass
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("form", FORMS)
def test_five_times_the_findings_take_no_more_memory(form: str) -> None:
    peak(form, 10)  # imports and caches
    few = 4 * ROWS if form == "markdown" else 300  # as many as Markdown keeps of the worst
    assert peak(form, 5 * few) < 1.2 * peak(form, few) + 50_000


@pytest.mark.parametrize("form", ["sarif", "ocsf", "csv", "codequality"])
def test_a_finding_is_written_before_the_next_but_one_is_read(form: str) -> None:
    source = Endless(100)
    for number, _chunk in enumerate(FORMATS[form].render(Document(head=head([finding()]), findings=source), Context())):
        assert source.read <= number + 1
    assert source.read == 100
