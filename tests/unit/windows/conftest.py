"""What the tests of the Windows transport share."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest
from tests.unit.windows.endpoint import SECRET, Endpoint

from imagegate.transports.windows import session as session_module
from imagegate.transports.windows.session import Session, connect


@pytest.fixture
def endpoint(tmp_path, monkeypatch) -> Iterator[Endpoint]:
    monkeypatch.setenv("WINRM_TEST", SECRET)
    monkeypatch.setattr(session_module, "_PAUSE_S", 0.01)
    monkeypatch.setattr(session_module, "_FIRST_PAUSE_S", 0.01)
    monkeypatch.setattr(session_module, "_LONGEST_PAUSE_S", 0.02)
    endpoint = Endpoint(tmp_path)
    yield endpoint
    endpoint.close()


@pytest.fixture
def stop() -> threading.Event:
    return threading.Event()


@pytest.fixture
def open_session(endpoint, stop) -> Iterator[Callable[..., Session]]:
    """Opens sessions with the endpoint; keywords change the inventory's entry."""
    opened: list[Session] = []

    def open_session(*, limit_s: float = 20.0, **changes) -> Session:
        return connect(
            replace(endpoint.host, **changes), deadline=time.monotonic() + limit_s, stop=stop, opened=opened.append
        )

    yield open_session
    for session in opened:
        session.close()
