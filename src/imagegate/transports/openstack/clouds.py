"""Clouds as openstacksdk configures them: clouds.yaml, secure.yaml, vendor profiles, ``OS_*`` variables."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from keystoneauth1 import exceptions as ksa
from keystoneauth1.session import Session

from imagegate.errors import UsageError
from imagegate.transports.openstack.lazy import config_loader
from imagegate.transports.openstack.limits import Limits
from imagegate.transports.openstack.pool import Counter, PooledSession
from imagegate.transports.openstack.reason import one_line
from imagegate.warning_filters import recorded_warnings


@dataclass(frozen=True, slots=True, kw_only=True)
class Cloud:
    """A cloud that can be logged in to. ``interface`` is ``public``, ``internal`` or ``admin``; ``project`` is the id
    that the configuration names, None where it names none."""

    name: str
    auth_url: str
    interface: str
    session: Session = field(repr=False)
    requests: PooledSession = field(repr=False)
    project: str | None = None
    warnings: tuple[str, ...] = ()


def open_clouds(names: Collection[str], *, limits: Limits, counter: Counter) -> dict[str, Cloud]:
    """The named clouds, configured but not yet contacted. UsageError: one is unknown, or its configuration is wrong."""
    loader = config_loader()
    with _config_errors("the cloud configuration"):
        config = loader.OpenStackConfig(app_name="imagegate")
    _refuse_unread_files(loader, config)
    known = _names(config)
    for name in names:
        if name not in known:
            raise UsageError(_unknown(name, known, _searched(loader)))
    return {name: _open(config, name, limits, counter) for name in names}


def _open(config: Any, name: str, limits: Limits, counter: Counter) -> Cloud:
    notes: list[str] = []
    with _config_errors(f"cloud {name}", notes):
        region = config.get_one(cloud=name)
        session = region.get_session()
        interface = str(region.get_interface("image") or "public").removesuffix("URL")
    for service in ("image", "compute"):
        if region.config.get(f"{service}_endpoint_override"):
            raise UsageError(
                f"cloud {name}: {service}_endpoint_override is not supported, since it would stand for every region; "
                "endpoints come from the service catalog"
            )
    if interface not in {"public", "internal", "admin"}:
        raise UsageError(f"cloud {name}: interface must be public, internal or admin")
    session.redirect = False
    session.timeout = limits.token_s
    session.session = pooled = PooledSession(counter, limits.concurrency)
    if session.verify is False:
        notes.append(f"cloud {name}: TLS certificates are not verified (verify: false)")
    return Cloud(
        name=name,
        auth_url=_without_login(str(getattr(session.auth, "auth_url", None) or "(no auth_url)")),
        interface=interface,
        session=session,
        requests=pooled,
        project=_project(region.config.get("auth")),
        warnings=tuple(notes),
    )


def _project(auth: Any) -> str | None:
    """The project's id; clouds.yaml may have it by its old name, and as a number."""
    named = [auth.get(key) for key in ("project_id", "tenant_id")] if isinstance(auth, dict) else []
    return next((str(ident) for ident in named if ident), None)


def _without_login(url: str) -> str:
    """``url`` as it may be shown: some put a password before the host."""
    scheme, mark, rest = url.partition("://")
    host, slash, path = rest.partition("/")
    return f"{scheme}{mark}{host.rpartition('@')[2]}{slash}{path}"


def _names(config: Any) -> list[str]:
    """The configured clouds; openstacksdk invents one called ``defaults`` where there are none."""
    names = [str(name) for name in config.get_cloud_names()]
    invented = names == ["defaults"] and not config.cloud_config["clouds"]["defaults"].get("auth")
    return [] if invented else names


def _searched(loader: Any) -> list[str]:
    first = os.environ.get("OS_CLIENT_CONFIG_FILE")
    return ([first] if first else []) + [str(path) for path in loader.CONFIG_FILES if path.endswith(".yaml")]


def _unknown(name: str, known: list[str], searched: list[str]) -> str:
    there = f"there are: {', '.join(sorted(known))}" if known else "none is configured"
    return f"unknown cloud {name!r}; {there} (searched: {', '.join(searched)}; and OS_* variables)"


@contextmanager
def _config_errors(what: str, notes: list[str] | None = None) -> Iterator[None]:
    """Faults of the configuration become UsageError; warnings about it become ``notes``.

    The text of unforeseen errors is not shown: it may quote a value, and values may be secrets.
    """
    sdk, warning = _sdk_types()
    try:
        with recorded_warnings() as caught:
            yield
    except (sdk, ksa.ClientException) as error:
        raise UsageError(f"{what}: {one_line(str(error))}") from error
    except (AttributeError, ImportError, KeyError, IndexError, OSError, TypeError, ValueError) as error:
        raise UsageError(f"{what}: the configuration cannot be used ({type(error).__name__})") from None
    if notes is not None:
        notes += [one_line(f"{what}: {one.message}") for one in caught if issubclass(one.category, warning)]


def _sdk_types() -> tuple[type[Exception], type[Warning]]:
    """Only to be called after ``config_loader``, which keeps these imports cheap."""
    from openstack import exceptions  # noqa: PLC0415
    from openstack import warnings as sdk_warnings  # noqa: PLC0415

    return exceptions.SDKException, sdk_warnings.ConfigurationWarning


def _refuse_unread_files(loader: Any, config: Any) -> None:
    """Where openstacksdk cannot read or parse a file, it takes the next one: another cloud of the same name."""
    for files, variable, used in (
        (loader.CONFIG_FILES, "OS_CLIENT_CONFIG_FILE", config.config_filename),
        (loader.SECURE_FILES, "OS_CLIENT_SECURE_FILE", config.secure_config_filename),
    ):
        first = os.environ.get(variable)
        for path in [*([first] if first else []), *files]:
            if path == used:
                break
            if Path(path).exists():
                raise UsageError(f"{path}: {_fault(Path(path))}")


def _fault(path: Path) -> str:
    try:
        yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        return f"cannot be read: {error.strerror}"
    except UnicodeDecodeError:
        return "is not UTF-8 text"
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        place = f" at line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        return f"is not YAML: {one_line(error.problem or 'syntax error')}{place}"
    except yaml.YAMLError:
        return "is not YAML"
    return "openstacksdk could not read it"
