"""Calls to one service of one region: retries for reads, none for writes, and errors that a person can read."""

from __future__ import annotations

import json
import math
import threading
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import partial
from http import HTTPStatus
from typing import Any, TypeVar
from urllib.parse import urlsplit

import requests
import stamina
from keystoneauth1 import exceptions as ksa
from keystoneauth1.session import Session
from urllib3.exceptions import HTTPError

from imagegate.steps.call import Call
from imagegate.transports.openstack.failures import PASSING, ApiError, explain, failure, root_cause
from imagegate.transports.openstack.limits import Deadline, Limits
from imagegate.transports.openstack.reason import READ, one_line, reason_of

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """The answer to a write: ``json`` is None where there is no body, ``location`` where there is no such header."""

    status: int
    location: str | None = None
    json: Any = None


class Service:
    """One service of one region, at the endpoint that the service catalog gives; redirects are never followed.

    ``url`` has no trailing slash. ``gate`` bounds the concurrent requests of one cloud. A token that is rejected is
    renewed once per request.
    """

    def __init__(self, *, name: str, url: str, session: Session, limits: Limits, gate: threading.Semaphore) -> None:
        self.name = name
        self.url = url
        self.limits = limits
        self._session = session
        self._gate = gate
        self._renewal = threading.Lock()
        self._silent = False

    def read(self, path: str, deadline: Deadline) -> Any:
        """The JSON at ``path``; ApiError says why there is none. Passing failures (429, 502, 503, 504, broken
        connections) are retried; a service that was silent to the last try is tried once until it answers again."""
        attempts = 1 if self._silent else self.limits.attempts
        try:
            answer = retrying(
                lambda: self._json(path, deadline), limits=self.limits, deadline=deadline, attempts=attempts
            )
        except ApiError as error:
            self._silent = error.passing and error.status is None
            raise
        self._silent = False
        return answer

    def write(self, call: Call, url: str, deadline: Deadline) -> int:
        """Carry out ``call`` once; returns the status if it is one of success. ApiError.executed tells what is certain.

        It is sent again where the answer says that nothing was done: with a new token after a 401, later after a 429.
        """
        return self._send(call, url, deadline, 0).status

    def ask(self, call: Call, deadline: Deadline) -> Reply:
        """As ``write``, at the service's root; returns the whole answer, for what the server has made."""
        return self._send(call, self.url + call.path, deadline, self.limits.body_bytes)

    def create(self, call: Call, url: str, deadline: Deadline) -> Any:
        """As ``write``; returns the JSON of the answer."""
        return self._send(call, url, deadline, self.limits.body_bytes).json

    def _send(self, call: Call, url: str, deadline: Deadline, limit: int) -> Reply:
        body = None if call.body is None else json.dumps(call.body).encode()
        headers = {**({"Content-Type": call.content_type} if body is not None else {}), **dict(call.headers)}
        try:
            self._session.get_auth_headers()
        except ksa.ClientException as error:
            raise ApiError(f"no token: {explain(error)}", executed=False) from error

        def send() -> Reply:
            with self._turn(deadline), self._request(url, call.method, deadline, data=body, headers=headers) as answer:
                if answer.status_code not in call.accepts and answer.status_code not in call.already:
                    raise self._refusal(answer, deadline)
                data = _body(answer, limit, deadline) if limit else b""
                said = parse_json(data) if data.strip() else None
                return Reply(status=answer.status_code, location=answer.headers.get("Location"), json=said)

        return retrying(send, limits=self.limits, deadline=deadline, passing=_throttled)

    @contextmanager
    def stream(
        self, method: str, path: str, *, accepts: Collection[int], headers: Mapping[str, str], body: Any = None
    ) -> Iterator[requests.Response]:
        """Send one request with a large ``body`` (an iterable with a length) or a large answer, which is not read yet.

        There is no deadline, but no silence may be longer than ``limits.stall_s``. It is not repeated, and does not
        count among the concurrent requests. ApiError for a status that is not in ``accepts``.
        """
        limit = self.limits.stall_s
        more = {} if body is None else {"data": body}
        with self._request(
            self.url + path, method, Deadline.after(math.inf), headers=dict(headers), timeout=(limit, limit), **more
        ) as response:
            if response.status_code not in accepts:
                raise self._refusal(response, Deadline.after(self.limits.read_s))
            yield response

    def _json(self, path: str, deadline: Deadline) -> Any:
        with self._turn(deadline), self._request(self.url + path, "GET", deadline) as response:
            if response.status_code != 200:
                raise self._refusal(response, deadline)
            body = _body(response, self.limits.body_bytes, deadline)
            if len(body) > self.limits.body_bytes:
                raise ApiError(f"the answer is larger than {self.limits.body_bytes} bytes")
        return parse_json(body)

    @contextmanager
    def _turn(self, deadline: Deadline) -> Iterator[None]:
        if not self._gate.acquire(timeout=max(deadline.left, 0)):
            raise ApiError(f"not asked within {deadline.seconds:g} s: other requests were under way", executed=False)
        try:
            yield
        finally:
            self._gate.release()

    def _request(self, url: str, method: str, deadline: Deadline, **more: Any) -> requests.Response:
        left = deadline.left
        if left <= 0:
            raise ApiError(f"no time left of {deadline.seconds:g} s", executed=False)
        send = partial(
            self._session.request,
            url,
            method,
            redirect=False,
            raise_exc=False,
            allow_reauth=False,
            log=False,
            stream=True,
        )
        more.setdefault("timeout", (min(self.limits.connect_s, left), min(self.limits.read_s, left)))
        try:
            response = send(**more)
            if response.status_code == 401 and self._renew(response):
                return send(**more)
        except ksa.ClientException as error:
            raise failure(error) from error
        except requests.RequestException as error:
            raise ApiError(root_cause(error)) from error
        return response

    def _renew(self, response: requests.Response) -> bool:
        """Drop the token that was rejected. keystoneauth1 would do so itself, but each of many threads would drop the
        token that another one has just fetched, and leave the unread answer open."""
        rejected = response.request.headers.get("X-Auth-Token")
        try:
            with self._renewal:
                if self._session.get_token() == rejected and self._session.invalidate():
                    self._session.get_token()
        except ksa.ClientException as error:
            response.close()
            raise ApiError(
                f"the token was rejected, and there is no new one: {explain(error)}", status=401, executed=False
            ) from error
        if self._session.get_token() == rejected:
            return False
        response.close()
        return True

    def _refusal(self, response: requests.Response, deadline: Deadline) -> ApiError:
        status = response.status_code
        try:
            body = _body(response, READ, deadline)
        except ApiError as error:
            body = error.reason.encode()
        said = reason_of(body, (str(response.request.headers.get("X-Auth-Token", "")),))
        if 300 <= status < 400:
            host = urlsplit(response.headers.get("Location", "")).netloc
            said = f"a redirect{f' to {one_line(host, 100)}' if host else ''} is not followed"
        return ApiError(
            f"HTTP {status} from the {self.name}" + (f": {said}" if said else ""),
            status=status,
            passing=status in PASSING,
            executed=not 400 <= status < 500,
            retry_after_s=_retry_after(response.headers.get("Retry-After")),
        )


def _may_pass(error: ApiError) -> bool:
    return error.passing


def _throttled(error: ApiError) -> bool:
    """Too many requests (RFC 6585, section 4): of passing failures the one that leaves nothing done behind."""
    return error.status == HTTPStatus.TOO_MANY_REQUESTS


def retrying(
    action: Callable[[], T],
    *,
    limits: Limits,
    deadline: Deadline,
    attempts: int | None = None,
    passing: Callable[[ApiError], bool] = _may_pass,
) -> T:
    """The result of ``action``, repeated with back-off and jitter while it raises an ApiError that is ``passing``.

    A ``Retry-After`` is honoured, up to ``limits.wait_max_s``; never beyond ``deadline``. By default for reads only.
    """

    def again(error: Exception) -> bool | float:
        if not isinstance(error, ApiError) or not passing(error):
            return False
        if error.retry_after_s is None:
            return deadline.left > limits.wait_initial_s
        wait = min(error.retry_after_s, limits.wait_max_s)
        return wait if wait < deadline.left else False

    for attempt in stamina.retry_context(
        on=again,
        attempts=attempts or limits.attempts,
        timeout=max(deadline.left, 0.001),
        wait_initial=limits.wait_initial_s,
        wait_max=limits.wait_max_s,
        wait_jitter=limits.wait_initial_s,
    ):
        with attempt:
            return action()
    raise AssertionError("unreachable")


def parse_json(body: bytes) -> Any:
    """JSON as text that can be encoded again: lone surrogates are replaced. ApiError if ``body`` is no JSON."""
    try:
        value = json.loads(body)
    except (ValueError, RecursionError) as error:
        start = one_line(body[:60].decode("utf-8", "replace"), 60)
        raise ApiError(f"the answer is not JSON (it starts with {start!r})") from error
    return _encodable(value) if b"\\ud" in body or b"\\uD" in body else value


def _encodable(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, list):
        return [_encodable(item) for item in value]
    if isinstance(value, dict):
        return {_encodable(key): _encodable(item) for key, item in value.items()}
    return value


def _body(response: requests.Response, limit: int, deadline: Deadline) -> bytes:
    """At most ``limit`` + 1 bytes of the body, decoded; gives up at the deadline even if bytes keep trickling in."""
    chunks: list[bytes] = []
    size = 0
    try:
        while size <= limit:
            chunk = response.raw.read1(min(1 << 18, limit + 1 - size), decode_content=True)
            if not chunk:
                break
            chunks.append(chunk)
            size += len(chunk)
            if deadline.left <= 0:
                raise ApiError(f"the answer was not complete after {deadline.seconds:g} s")
    except (HTTPError, OSError) as error:
        raise ApiError(f"the answer broke off: {root_cause(error)}", passing=True) from error
    return b"".join(chunks)


def _retry_after(value: str | None) -> float | None:
    """Seconds; the header holds a number or a date (RFC 9110, 10.2.3)."""
    if value is None:
        return None
    value = value.strip()
    if value.isascii() and value.isdigit() and len(value) < 10:
        return float(value)
    try:
        at = parsedate_to_datetime(value)
    except (ValueError, TypeError):
        return None
    at = at if at.tzinfo else at.replace(tzinfo=UTC)
    return max((at - datetime.now(UTC)).total_seconds(), 0.0)
