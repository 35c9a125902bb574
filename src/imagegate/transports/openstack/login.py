"""Logging in to a cloud: whose eyes the audit uses, and which endpoints the service catalog has."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from keystoneauth1 import exceptions as ksa

from imagegate.errors import Owner
from imagegate.transports import Auditor
from imagegate.transports.openstack.clouds import Cloud
from imagegate.transports.openstack.deployment import deployment_of
from imagegate.transports.openstack.failures import ApiError, explain, failure
from imagegate.transports.openstack.http import retrying
from imagegate.transports.openstack.limits import Deadline, Limits
from imagegate.transports.openstack.reason import one_line


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """One endpoint of the service catalog, as it spells the region; ``url`` has no trailing slash. ``deployment`` is
    the same for all projects and interfaces, None where the endpoint does not tell."""

    service: str
    region: str
    url: str
    deployment: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Login:
    """A token's view: ``project`` is the id of its project, ``version`` the Identity API's (``v2.0``, ``v3``)."""

    auditor: Auditor
    project: str
    version: str
    endpoints: tuple[Endpoint, ...]

    def regions(self, service: str) -> list[str]:
        """The regions that have ``service``, as the catalog spells them."""
        return sorted({endpoint.region for endpoint in self.endpoints if endpoint.service == service})

    def spelled(self, region: str) -> str:
        """``region`` as the catalog spells it, if it has it at all."""
        same = [endpoint.region for endpoint in self.endpoints if endpoint.region.casefold() == region.casefold()]
        return region if region in same or not same else same[0]

    def endpoint(self, service: str, region: str) -> Endpoint | None:
        """The endpoint of ``service`` in ``region`` (compared case-insensitively), None if there is none."""
        matching = [
            endpoint
            for endpoint in self.endpoints
            if endpoint.service == service and endpoint.region.casefold() == region.casefold()
        ]
        return next((one for one in matching if one.region == region), matching[0] if matching else None)


def log_in(cloud: Cloud, *, limits: Limits, deadline: Deadline) -> Login:
    """Fetch a token. ApiError says why there is none, and whose fault that is. Asking for a token changes nothing,
    so it is retried like a read; a refusal is not."""
    return retrying(lambda: _log_in(cloud), limits=limits, deadline=deadline)


def _log_in(cloud: Cloud) -> Login:
    auth = cloud.session.auth
    if auth is None or not hasattr(auth, "get_access"):
        raise ApiError(f"cloud {cloud.name}: this auth_type gives no service catalog", fault=Owner.USER)
    try:
        access = auth.get_access(cloud.session)
        project = access.project_id
        auditor = Auditor(
            cloud=cloud.name,
            user=_text(access.username) or _text(access.user_id),
            project=_text(project),
            roles=tuple(sorted(str(role) for role in access.role_names or ())),
        )
        services = access.service_catalog.normalize_catalog() if access.has_service_catalog() else []
        endpoints = _endpoints(services, cloud.interface, project)
        version = str(access.version)
    except ksa.ClientException as error:
        raise _refused(cloud, error) from error
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise ApiError(f"the answer of {cloud.auth_url} is no token of the Identity API") from error
    if not isinstance(project, str) or not project:
        raise ApiError(
            f"the token of cloud {cloud.name} belongs to no project: set tenant_id (v2.0) or project_id (v3)",
            fault=Owner.USER,
        )
    return Login(auditor=auditor, project=project, version=version, endpoints=endpoints)


def _endpoints(services: Sequence[object], interface: str, project: object) -> tuple[Endpoint, ...]:
    """The endpoints of one interface; the public one, where there is one, tells which deployment it is."""
    public: dict[tuple[str, str], str] = {}
    for service, region, of, url in _readable(services):
        if of == "public":
            public.setdefault((service, region), url)
    return tuple(
        Endpoint(
            service=service,
            region=region,
            url=url,
            deployment=deployment_of(public.get((service, region), url), str(project)),
        )
        for service, region, of, url in _readable(services)
        if of == interface
    )


def _readable(services: Sequence[object]) -> Iterator[tuple[str, str, str, str]]:
    """Service, region, interface and address of each endpoint; entries of another shape are passed over, as if they
    were not there."""
    for service in services:
        if not isinstance(service, dict) or not isinstance(service.get("type"), str):
            continue
        for endpoint in service.get("endpoints") or ():
            if not isinstance(endpoint, dict):
                continue
            url, region, of = endpoint.get("url"), endpoint.get("region_name"), endpoint.get("interface")
            if not (isinstance(region, str) and isinstance(of, str) and isinstance(url, str)):
                continue
            if url.startswith(("http://", "https://")):
                yield service["type"], region, of.removesuffix("URL"), url.rstrip("/")


def _refused(cloud: Cloud, error: ksa.ClientException) -> ApiError:
    known = failure(error)
    if isinstance(error, ksa.Unauthorized):
        said = one_line(str(error))
        return ApiError(
            f"credentials refused by {cloud.auth_url}: check username, password and project of cloud {cloud.name}; "
            f"on NHN Cloud the API password is a separate one ({said})",
            status=401,
            fault=Owner.USER,
        )
    if isinstance(error, ksa.NotFound):
        return ApiError(
            f"no Identity API at {cloud.auth_url} (HTTP 404): check auth_url and auth_type of cloud {cloud.name}; "
            "v2password wants a URL that ends in /v2.0",
            status=404,
            fault=Owner.USER,
        )
    if isinstance(error, ksa.MissingRequiredOptions | ksa.DiscoveryFailure | ksa.AuthPluginException):
        known.fault = Owner.USER
    return ApiError(
        f"no token from {cloud.auth_url}: {explain(error)}",
        status=known.status,
        passing=known.passing,
        retry_after_s=known.retry_after_s,
        fault=known.fault,
    )


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None
