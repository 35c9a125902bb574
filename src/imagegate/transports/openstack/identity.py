"""Whether projects exist, as far as the identity API tells."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from urllib.parse import quote

from imagegate.transports.openstack.failures import ApiError
from imagegate.transports.openstack.http import Service
from imagegate.transports.openstack.limits import Deadline


class Projects:
    """Looks projects up, each once. After the first refusal nothing more is asked: roles do not change in a run.

    ``own``, the project of the token, needs no asking.
    """

    def __init__(self, service: Service, *, version: str, own: str) -> None:
        self._service = service
        self._version = version
        self._lock = threading.Lock()
        self._own = own
        self._exists: dict[str, bool] = {own: True}
        self._refused = False
        self._trusted = False

    def missing(self, projects: Iterable[str], deadline: Deadline) -> tuple[str, ...]:
        """Those that the identity API says do not exist, sorted. ApiError where it does not tell.

        Source: Identity API v3, "Show project details". v2.0 lists a user's own tenants only.
        """
        if self._version != "v3":
            raise ApiError("Identity v2.0 cannot look up other projects")
        with self._lock:
            return tuple(project for project in sorted(projects) if not self._ask(project, deadline))

    def _ask(self, project: str, deadline: Deadline) -> bool:
        if project in self._exists:
            return self._exists[project]
        if self._refused:
            raise _refusal()
        if project in {"", ".", ".."}:
            return False  # no id, and no path either
        try:
            self._service.read(f"/v3/projects/{quote(project, safe='')}", deadline)
        except ApiError as error:
            if error.status == 403:
                self._refused = True
                raise _refusal() from error
            if error.status != 404:
                raise
            self._trust(deadline)
            self._exists[project] = False
        else:
            self._exists[project] = True
        return self._exists[project]

    def _trust(self, deadline: Deadline) -> None:
        """A 404 says that a project does not exist only where the same call finds a project that surely does."""
        if not self._trusted:
            try:
                self._service.read(f"/v3/projects/{quote(self._own, safe='')}", deadline)
            except ApiError as error:
                raise ApiError(f"the identity API does not find our own project either ({error.reason})") from error
            self._trusted = True


def _refusal() -> ApiError:
    return ApiError("this role may not look projects up (HTTP 403)", status=403)


def identity_root(auth_url: str) -> str:
    """The identity service's root without a version."""
    root = auth_url.rstrip("/")
    for version in ("/v3", "/v2.0"):
        root = root.removesuffix(version)
    return root
