"""The requests session under keystoneauth1's: connections for our concurrency, and an environment read once."""

from __future__ import annotations

import threading
from functools import partial
from typing import Any
from urllib.parse import urlsplit

import requests
from keystoneauth1.session import TCPKeepAliveAdapter
from requests.structures import CaseInsensitiveDict

from imagegate.transports.cutting import Pool, Sockets, TlsPool
from imagegate.transports.openstack.failures import Ended


class Counter:
    """Counts requests; safe to use from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.value = 0

    def add(self) -> None:
        """One more."""
        with self._lock:
            self.value += 1


class PooledSession(requests.Session):
    """As ``requests.Session``, without what an API has no use for and every request would pay for.

    Proxies and CA bundle of the environment are looked up once per host, not once per request. There are no cookies,
    no redirects and no hooks. ``.netrc`` is not read: a token is the only credential that is ever sent.
    """

    def __init__(self, counter: Counter, concurrency: int) -> None:
        super().__init__()
        self.auth = _nothing_more
        self._settings: dict[tuple[Any, ...], dict[str, Any]] = {}
        self._sockets = Sockets()
        for scheme in ("http://", "https://"):
            self.mount(scheme, _CountingAdapter(counter, concurrency, self._sockets))

    def abort(self) -> None:
        """End the requests under way, from another thread, and refuse all further ones; idempotent."""
        self._sockets.cut()

    def prepare_request(self, request: requests.Request) -> requests.PreparedRequest:
        """As in requests, with the session's headers and nothing else of the session."""
        headers = CaseInsensitiveDict(self.headers)
        headers.update(request.headers or {})
        prepared = requests.PreparedRequest()
        prepared.prepare(
            method=request.method,
            url=request.url,
            headers=headers,
            files=request.files,
            data=request.data,
            json=request.json,
            params=request.params,
            auth=request.auth or self.auth,
        )
        return prepared

    def send(self, request: requests.PreparedRequest, **kwargs: Any) -> requests.Response:
        """As in requests, but no redirect is followed: keystoneauth1 does that itself, where it may."""
        kwargs.pop("allow_redirects", None)
        response = self.get_adapter(str(request.url)).send(request, **kwargs)
        if not kwargs.get("stream"):
            _ = response.content  # read, so that the connection is free again
        return response

    def merge_environment_settings(self, url: Any, proxies: Any, stream: Any, verify: Any, cert: Any) -> Any:
        """As in requests; the answer is kept."""
        text = url.decode() if isinstance(url, bytes) else str(url)
        parts = urlsplit(text)
        key = (parts.scheme, parts.netloc, stream, verify, cert)
        if proxies or key not in self._settings:
            merged = super().merge_environment_settings(text, proxies or {}, stream, verify, cert)
            if proxies:
                return dict(merged)
            self._settings[key] = dict(merged)
        return dict(self._settings[key])


class _CountingAdapter(TCPKeepAliveAdapter):
    """Counts every request, those for tokens and retries included, on connections that can be cut."""

    def __init__(self, counter: Counter, concurrency: int, sockets: Sockets) -> None:
        self._counter = counter
        self._sockets = sockets
        super().__init__(pool_maxsize=concurrency)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        self._watch(self.poolmanager)

    def proxy_manager_for(self, *args: Any, **kwargs: Any) -> Any:
        manager = super().proxy_manager_for(*args, **kwargs)
        self._watch(manager)
        return manager

    def _watch(self, manager: Any) -> None:
        pools = {"http": Pool, "https": TlsPool}
        manager.pool_classes_by_scheme = {
            scheme: partial(pool, opened=self._sockets.add) for scheme, pool in pools.items()
        }

    def send(self, *args: Any, **kwargs: Any) -> requests.Response:
        if self._sockets.ended:
            raise Ended
        self._counter.add()
        return super().send(*args, **kwargs)


def _nothing_more(request: requests.PreparedRequest) -> requests.PreparedRequest:
    """Authentication that adds nothing, so that requests does not ask ``.netrc``."""
    return request
