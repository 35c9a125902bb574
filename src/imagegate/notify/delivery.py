"""Sending a body to a hook: verified TLS, no redirects, a deadline, a few retries, and no word of the URL.

A request signed with a secret has ``X-Imagegate-Signature: sha256=HEX``: the HMAC-SHA256 of the timestamp in
``X-Imagegate-Timestamp``, a full stop and the body. ``X-Imagegate-Delivery`` is the same for every attempt.
"""

from __future__ import annotations

import hashlib
import hmac
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass

import requests
import stamina

from imagegate.notify.hooks import Hook

_PASSING = frozenset({408, 425, 429, 500, 502, 503, 504})

THREAD = "imagegate-notify"
"""Deliveries are made in threads whose names begin so; what libraries log in these is dropped."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """``timeout_s`` is that of one attempt, of its connection and again of its answer; ``total_s`` of all of them."""

    attempts: int = 3
    timeout_s: float = 10.0
    total_s: float = 40.0
    wait_s: float = 1.0
    wait_max_s: float = 5.0


class Undelivered(Exception):
    """The hook did not take it. The message says why in words of our own: those of others may hold the URL."""

    def __init__(self, reason: str, *, passing: bool) -> None:
        super().__init__(reason)
        self.passing = passing


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """``name`` tells the receiver that two deliveries are one; ``agent`` is who sends."""

    body: bytes
    name: str
    agent: str


def deliver(
    hook: Hook, message: Message, patience: Patience | None = None, *, clock: Callable[[], float] = time.time
) -> None:
    """Send it. Raises ``Undelivered`` where the hook did not take it, whatever the reason."""
    bounds = patience or Patience()
    _silence_logs()
    with requests.Session() as session:
        session.auth = _auth(hook.url)
        for attempt in stamina.retry_context(
            on=_again,
            attempts=bounds.attempts,
            timeout=bounds.total_s,
            wait_initial=bounds.wait_s,
            wait_max=bounds.wait_max_s,
            wait_jitter=bounds.wait_s / 2,
        ):
            with attempt:
                _post(session, hook, message, bounds, clock)


def _again(error: Exception) -> bool:
    return isinstance(error, Undelivered) and error.passing


def _post(
    session: requests.Session, hook: Hook, message: Message, bounds: Patience, clock: Callable[[], float]
) -> None:
    try:
        with session.post(
            hook.url,
            data=message.body,
            headers=_headers(hook, message, clock),
            timeout=(bounds.timeout_s, bounds.timeout_s),
            allow_redirects=False,
            stream=True,
        ) as answer:
            status = answer.status_code  # what else it says is not read: it could go on for ever
    except Exception as error:  # noqa: BLE001 - whatever it is: its text may hold the URL, and nothing else depends on it
        reason, passing = _reason(error)
        raise Undelivered(reason, passing=passing) from None
    if 300 <= status < 400:
        raise Undelivered(f"it redirects (HTTP {status}), and no redirect is followed", passing=False)
    if status >= 400:
        raise Undelivered(f"HTTP {status}", passing=status in _PASSING)


def _headers(hook: Hook, message: Message, clock: Callable[[], float]) -> dict[str, str]:
    headers = {
        "Content-Type": "application/json; charset=utf-8",
        "User-Agent": message.agent,
        "X-Imagegate-Delivery": message.name,
    }
    if hook.secret is not None:
        stamp = str(int(clock()))
        headers["X-Imagegate-Timestamp"] = stamp
        headers["X-Imagegate-Signature"] = f"sha256={sign(hook.secret, stamp, message.body)}"
    return headers


def sign(secret: bytes, stamp: str, body: bytes) -> str:
    """The signature that a receiver computes again, as hex digits."""
    return hmac.new(secret, stamp.encode("ascii") + b"." + body, hashlib.sha256).hexdigest()


def _reason(error: Exception) -> tuple[str, bool]:
    """Why, and whether it may pass. The text of the error is of no use: it holds host and path."""
    kinds: tuple[tuple[type[Exception], str, bool], ...] = (
        (requests.exceptions.SSLError, "its certificate could not be verified, or TLS failed", False),
        (requests.exceptions.ProxyError, "the proxy could not be reached or refused", True),
        (requests.exceptions.Timeout, "it did not answer in time", True),
        (requests.exceptions.ConnectionError, "no connection", True),
    )
    for kind, words, passing in kinds:
        if isinstance(error, kind):
            return words, passing
    return f"the request failed ({type(error).__name__})", False


def _auth(url: str) -> Callable[[requests.PreparedRequest], requests.PreparedRequest]:
    """What the URL itself has, and nothing else: requests would send what ~/.netrc has for the host."""
    user, password = requests.utils.get_auth_from_url(url)
    return requests.auth.HTTPBasicAuth(user, password) if user or password else lambda request: request


class _NotOurs(logging.Filter):
    """urllib3 logs host and path at its debug level; that stamina tries again is no news for anybody."""

    def filter(self, record: logging.LogRecord) -> bool:
        return not (record.threadName or "").startswith(THREAD)


_NOT_OURS = _NotOurs()


def _silence_logs() -> None:
    for name in ("urllib3.connectionpool", "urllib3.util.retry", "stamina"):
        logging.getLogger(name).addFilter(_NOT_OURS)  # once, however often
