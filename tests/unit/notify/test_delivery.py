"""Deliveries to real servers: what they do wrong, and that no word of the URL comes out."""

from __future__ import annotations

import hashlib
import hmac
import json
import logging
import socket
import threading
import traceback

import pytest
from tests.unit.notify.receiver import SECRET_PATH, authority, cut, drip, hang, receiver, status
from tests.unit.report.forms.documents import DOCUMENTS

from imagegate.notify.delivery import Message, Patience, Undelivered, deliver
from imagegate.notify.hooks import Hook, NotifyOptions
from imagegate.notify.payload import payload
from imagegate.notify.run import notify
from imagegate.report.document import encode

QUICK = Patience(attempts=3, timeout_s=0.3, total_s=20, wait_s=0.01, wait_max_s=0.02)
MESSAGE = Message(body=b'{"x": 1}', name="20261122T101500Z-3f2a", agent="imagegate/0.1.0")


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


def hook(url: str, **more: object) -> Hook:
    return Hook(kind="json", variable="AUDIT", url=url, **more)  # type: ignore[arg-type]


def refused(url: str, patience: Patience = QUICK) -> str:
    """Why it was not delivered, without a word of the URL anywhere."""
    with pytest.raises(Undelivered) as caught:
        deliver(hook(url), MESSAGE, patience)
    told = "".join(traceback.format_exception(caught.value)) + repr(caught.value)
    assert "SECRET" not in told
    assert "localhost" not in told
    assert caught.value.__cause__ is None
    return str(caught.value)


def test_it_arrives() -> None:
    with receiver() as there:
        deliver(hook(there.url), MESSAGE, QUICK)
    (got,) = there.requests
    assert (got.path, got.body) == (SECRET_PATH, b'{"x": 1}')
    assert got.headers["content-type"] == "application/json; charset=utf-8"
    assert got.headers["x-imagegate-delivery"] == "20261122T101500Z-3f2a"
    assert got.headers["user-agent"] == "imagegate/0.1.0"
    assert "x-imagegate-signature" not in got.headers
    assert "authorization" not in got.headers


def test_a_signature_can_be_checked_by_the_receiver() -> None:
    with receiver() as there:
        deliver(hook(there.url, secret=b"hunter2"), MESSAGE, QUICK, clock=lambda: 1_795_000_000.7)
    (got,) = there.requests
    stamp = got.headers["x-imagegate-timestamp"]
    assert stamp == "1795000000"
    wanted = hmac.new(b"hunter2", f"{stamp}.".encode() + got.body, hashlib.sha256).hexdigest()
    assert got.headers["x-imagegate-signature"] == f"sha256={wanted}"
    assert b"hunter2" not in got.body


@pytest.mark.parametrize("code", [408, 429, 500, 502, 503, 504])
def test_what_may_pass_is_tried_again(code: int) -> None:
    with receiver(status(code), status(code), status(200)) as there:
        deliver(hook(there.url), MESSAGE, QUICK)
    assert len(there.requests) == 3
    assert len({got.headers["x-imagegate-delivery"] for got in there.requests}) == 1


@pytest.mark.parametrize(
    ("answer", "says", "attempts"),
    [
        (status(500), "HTTP 500", 3),
        (status(404), "HTTP 404", 1),
        (status(403), "HTTP 403", 1),
        (status(302, Location="http://evil.example/SECRET"), "it redirects (HTTP 302), and no redirect is followed", 1),
        (status(307, Location=SECRET_PATH), "it redirects (HTTP 307), and no redirect is followed", 1),
        (hang, "it did not answer in time", 3),
        (cut, "no connection", 3),
    ],
)
def test_what_servers_do_wrong(answer, says: str, attempts: int) -> None:
    with receiver(answer) as there:
        assert refused(there.url) == says
    assert len(there.requests) == attempts


def test_nobody_there() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    assert refused(f"http://localhost:{port}{SECRET_PATH}") == "no connection"
    assert refused(f"https://no-such-host.invalid{SECRET_PATH}") == "no connection"


def test_a_redirect_is_not_followed_to_another_host() -> None:
    with receiver() as other, receiver(status(301, Location=other.url)) as there:
        refused(there.url)
    assert len(there.requests) == 1
    assert other.requests == []


def test_certificates_are_verified(tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    ours = authority(tmp_path)
    with receiver(tls=ours.server()) as there:
        assert refused(there.url) == "its certificate could not be verified, or TLS failed"
        assert there.requests == []
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(ours.file))
        deliver(hook(there.url), MESSAGE, QUICK)
        assert len(there.requests) == 1
    with receiver(tls=ours.server("other.example")) as there:
        assert "certificate" in refused(there.url), "of another name"
    with receiver(tls=ours.server(days=-1)) as there:
        assert "certificate" in refused(there.url), "expired"


def test_netrc_is_not_sent_and_what_the_url_has_is(tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine localhost login me password hunter2\n")
    monkeypatch.setenv("NETRC", str(netrc))
    with receiver() as there:
        deliver(hook(there.url), MESSAGE, QUICK)
        deliver(hook(there.url.replace("//", "//user:pw@")), MESSAGE, QUICK)
    assert "authorization" not in there.requests[0].headers
    assert there.requests[1].headers["authorization"] == "Basic dXNlcjpwdw=="


# ---- the whole of it


def options(*urls: str, when: str = "problem", **more: object) -> NotifyOptions:
    hooks = tuple(Hook(kind=kind, variable=f"HOOK_{kind.upper()}", url=url) for url, kind in zip(urls, ("json", "slack"), strict=False))
    return NotifyOptions(hooks=hooks, when=when, **more)  # type: ignore[arg-type]


def test_both_kinds_are_told() -> None:
    said: list[str] = []
    document = DOCUMENTS["every verdict"]()
    with receiver() as audit, receiver() as slack:
        notify(document, options(audit.url, slack.url), said.append, QUICK)
    assert said == []
    assert json.loads(audit.requests[0].body) == json.loads(encode(payload(document)))
    assert json.loads(slack.requests[0].body)["text"].startswith("❌ *imagegate audit*")


def test_nobody_is_told_of_what_is_no_problem() -> None:
    said: list[str] = []
    with receiver() as there:
        notify(DOCUMENTS["case compliant"](), options(there.url), said.append, QUICK)
        assert there.requests == []
        notify(DOCUMENTS["case compliant"](), options(there.url, when="always"), said.append, QUICK)
        assert len(there.requests) == 1
    assert said == []


def test_one_hook_that_fails_does_not_keep_the_other_from_being_told() -> None:
    said: list[str] = []
    with receiver(hang) as audit, receiver() as slack:
        notify(DOCUMENTS["every verdict"](), options(audit.url, slack.url), said.append, QUICK)
    assert said == [
        "--notify json:env:HOOK_JSON: the hook was not told of run 20261122T101500Z-3f2a: it did not answer in time"
    ]
    assert len(slack.requests) == 1


def test_a_hook_that_never_ends_its_answer_is_left_alone() -> None:
    said: list[str] = []
    patience = Patience(attempts=1, timeout_s=5, total_s=0.5, wait_s=0.01)
    with receiver(drip) as there:
        notify(DOCUMENTS["every verdict"](), options(there.url), said.append, patience)
    assert len(said) == 1
    assert said[0].endswith(": it did not answer in time")


def test_an_empty_variable_is_told() -> None:
    said: list[str] = []
    notify(DOCUMENTS["every verdict"](), NotifyOptions(silent=("slack:env:X",)), said.append, QUICK)
    assert said == ["--notify slack:env:X: its variable is empty, so that nobody was told"]


def test_whatever_goes_wrong_inside_no_traceback_shows_the_url(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*args: object, **more: object) -> None:
        raise RuntimeError(f"http://localhost{SECRET_PATH}")

    monkeypatch.setattr("imagegate.notify.run.deliver", broken)
    said: list[str] = []
    seen: list[object] = []
    monkeypatch.setattr(threading, "excepthook", seen.append)
    notify(DOCUMENTS["every verdict"](), options(f"http://localhost{SECRET_PATH}"), said.append, QUICK)
    assert seen == []
    assert said[0].endswith(": the delivery failed (RuntimeError)")
    assert "SECRET" not in said[0]


def test_no_log_shows_the_url_at_any_level(caplog: pytest.LogCaptureFixture) -> None:
    said: list[str] = []
    caplog.set_level(logging.DEBUG)
    logging.getLogger("urllib3").setLevel(logging.DEBUG)
    with receiver(status(500), status(500), cut) as there:
        notify(DOCUMENTS["every verdict"](), options(there.url), said.append, QUICK)
    assert len(there.requests) == 3
    assert "SECRET" not in caplog.text
    assert "SECRET" not in "".join(said)
    assert not any("SECRET" in repr(vars(record)) for record in caplog.records)
