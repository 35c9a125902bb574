"""Which hooks are told, and when. Of their URLs only the names of the variables that hold them stand here."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from imagegate.cli import nearest
from imagegate.errors import UsageError

KINDS = ("json", "slack")
WHEN = ("problem", "always", "new")

_REFERENCE = re.compile(r"(?P<kind>[^:]*):env:(?P<variable>[A-Za-z_][A-Za-z0-9_]*)")
_LOOPBACK = {"localhost", "127.0.0.1", "::1"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Hook:
    """``kind`` is one of ``KINDS``. ``url`` and ``secret`` are kept out of every representation."""

    kind: str
    variable: str
    url: str = field(repr=False)
    secret: bytes | None = field(default=None, repr=False)

    @property
    def name(self) -> str:
        """What it is called where people read: never by its URL."""
        return f"{self.kind}:env:{self.variable}"


@dataclass(frozen=True, slots=True, kw_only=True)
class NotifyOptions:
    """``when``: ``problem`` (the exit code is not 0), ``always``, or ``new`` (see ``imagegate.notify.run.due``)."""

    hooks: tuple[Hook, ...] = ()
    silent: tuple[str, ...] = ()
    """Hooks that were asked for and whose variable is empty, as secrets are in a fork's pull request."""
    when: str = WHEN[0]


def notify_options(
    references: Sequence[str], *, when: str | None, secret: str | None, environment: Mapping[str, str]
) -> NotifyOptions:
    """What ``--notify``, ``--notify-on`` and ``--notify-secret`` ask for. Raises ``UsageError`` for what does not fit.

    A variable that is not set is a slip of the pen; one that is empty leaves its hook out.
    """
    if not references and (when or secret):
        given = "--notify-on" if when else "--notify-secret"
        raise UsageError(f"{given}: nobody is told anything: add --notify slack:env:NAME or --notify json:env:NAME")
    if when is not None and when not in WHEN:
        raise UsageError(f"--notify-on {when}: one of {', '.join(WHEN)}{nearest(when, WHEN)}")
    key = None if secret is None else _secret(secret, environment)
    read = [_hook(reference, key, environment) for reference in dict.fromkeys(references)]
    return NotifyOptions(
        hooks=tuple(hook for hook in read if hook.url),
        silent=tuple(hook.name for hook in read if not hook.url),
        when=when or WHEN[0],
    )


def _hook(reference: str, key: bytes | None, environment: Mapping[str, str]) -> Hook:
    found = _REFERENCE.fullmatch(reference)
    if found is None:
        if "/" in reference:
            raise UsageError(
                "--notify: the URL of a hook is a secret and has no place on a command line: put it into a variable of "
                "the environment, and name that: --notify slack:env:NAME or --notify json:env:NAME"
            )
        raise UsageError(f"--notify {reference}: slack:env:NAME or json:env:NAME, where the variable NAME has the URL")
    kind, variable = found["kind"], found["variable"]
    if kind not in KINDS:
        raise UsageError(f"--notify {reference}: {kind or 'nothing'} is no kind of hook{nearest(kind, KINDS)}")
    url = _variable("--notify", reference, variable, environment).strip()
    if url and not _is_safe(url):
        raise UsageError(f"--notify {reference}: the variable {variable} holds no https URL")
    return Hook(kind=kind, variable=variable, url=url, secret=key if kind == "json" else None)


def _secret(reference: str, environment: Mapping[str, str]) -> bytes:
    word, colon, variable = reference.partition(":")
    if word != "env" or not colon or not variable:
        raise UsageError("--notify-secret: env:NAME, where the variable NAME has the secret; never the secret itself")
    secret = _variable("--notify-secret", reference, variable, environment)
    if not secret:
        raise UsageError(f"--notify-secret {reference}: the variable {variable} is empty")
    return secret.encode("utf-8", "surrogateescape")


def _variable(option: str, reference: str, variable: str, environment: Mapping[str, str]) -> str:
    if variable not in environment:
        raise UsageError(f"{option} {reference}: the variable {variable} is not set")
    return environment[variable]


def _is_safe(url: str) -> bool:
    """Whether what is sent there can be read by nobody else: https, or this machine."""
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return False
    clean = url.isprintable() and " " not in url
    return clean and bool(host) and (parts.scheme == "https" or (parts.scheme == "http" and host in _LOOPBACK))


NOBODY = NotifyOptions()
