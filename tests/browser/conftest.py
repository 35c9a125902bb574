"""One browser for all tests of a session, and pages that are made once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NoReturn

import pytest

from imagegate.report.html import render
from imagegate.report.past import Context
from imagegate.report.stored import document_of
from imagegate.result import Result

from . import fleet
from .browser import Browser, chromium, missing


@pytest.fixture(scope="session")
def window(require: Callable[[str], NoReturn], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """The browser."""
    if (lacking := missing()) is not None:
        require(lacking)
    with chromium(tmp_path_factory.mktemp("profile")) as browser:
        yield browser


@pytest.fixture
def browser(window: Browser) -> Iterator[Browser]:
    """The browser, put back to how it was; whatever a test does, nothing was fetched and nothing complained."""
    window.media(prefers_color_scheme="light", prefers_reduced_motion="no-preference")
    window.size(1280, 900)
    window.command("Emulation.setScriptExecutionDisabled", value=False)
    window.drain()
    yield window
    assert window.complaints() == []
    asked = window.requests()
    assert [url for url in asked if not url.startswith(("file://", "data:", "about:"))] == []
    assert len({url for url in asked if url.startswith("file://")}) <= 1, "no second file"


def write(path: Path, made: Result, language: str = "en") -> Path:
    """The page of a result, in a file."""
    context = Context(language=language, past=fleet.history(made))
    path.write_text("".join(render(document_of(made), context)), encoding="utf-8")
    return path


@pytest.fixture(scope="session")
def thousand(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of an audit of 1,000 images."""
    folder = tmp_path_factory.mktemp("thousand")
    return write(folder / "report.html", fleet.audit_of_images(folder, 1000))


@pytest.fixture(scope="session")
def mixed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of a mixed fleet."""
    folder = tmp_path_factory.mktemp("mixed")
    return write(folder / "report.html", fleet.mixed_fleet(folder))
