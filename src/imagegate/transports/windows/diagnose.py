"""Why an exchange over WinRM failed: one clear sentence, and whose fault it is.

The codes are those of Windows' ``wsmerror.h``. What pywinrm and its helpers raise may hold whole answers: only what is
quoted here, cleaned and cut, goes any further.
"""

from __future__ import annotations

import re
import ssl
from dataclasses import dataclass
from http.client import HTTPException, IncompleteRead

import requests
from spnego.exceptions import SpnegoError
from urllib3.exceptions import NameResolutionError
from winrm.exceptions import (
    AuthenticationError,
    WinRMError,
    WinRMOperationTimeoutError,
    WinRMTransportError,
    WSManFaultError,
)

from imagegate.errors import Owner
from imagegate.inventory import Auth, Host
from imagegate.transports.text import clean
from imagegate.transports.windows.wire import PORTS, Unacceptable

_ACCESS_DENIED = 5
_SHELL_GONE = {995, 1223, 2150858843, 2150859204, 2150859230}
_ENVELOPE = {2150858823, 2150858824}
_QUOTAS = {2150858815, *range(2150859173, 2150859177), 2150859179, *range(2150859236, 2150859243)}
_LOGINS = {Auth.NTLM: ("ntlm", "negotiate"), Auth.BASIC: ("basic",), Auth.KERBEROS: ("negotiate", "kerberos")}
_STATUS = {
    403: "the endpoint forbids it (HTTP 403)",
    404: "no WinRM is served there (HTTP 404)",
    503: "WinRM is not running, or not ready (HTTP 503)",
}
_ERRNO = re.compile(r"\[Errno -?\d+\] (?P<said>[^'\")]+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """Why there is no answer, in words that name the inventory entry.

    ``fleeting``: no connection came about, but one may soon. ``gone``: what was under way is lost, but may work
    when it is begun anew. ``untouched`` is True only if it is certain that the guest did not do what it was asked for.
    """

    reason: str
    owner: Owner = Owner.TARGET
    fleeting: bool = False
    gone: bool = False
    untouched: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What is known of the exchange: whether a login was ``accepted`` before, what logins the endpoint ``offers``, how
    long it was waited for this answer, and whether somebody ended it."""

    accepted: bool = False
    offers: str = ""
    waited_s: float = 0.0
    stopped: bool = False


def diagnose(host: Host, error: BaseException, known: Known) -> Trouble:
    """What stands between us and an answer."""
    if known.stopped:
        return interrupted(host)
    match error:
        case Unacceptable():
            return _trouble(host, str(error))
        case WSManFaultError():
            return _fault(host, error)
        case AuthenticationError():
            return _login(host, known)
        case WinRMOperationTimeoutError() | requests.ReadTimeout():
            return _trouble(host, f"no answer within {known.waited_s:.0f} s")
        case WinRMTransportError():
            return _trouble(host, _STATUS.get(error.code, f"the endpoint answers HTTP {error.code}"))
        case requests.exceptions.SSLError():
            return _tls(host, error, known)
        case requests.ConnectTimeout():
            asked = f"is the host up, does a security group let port {_port(host)} through?"
            return _trouble(host, f"no answer from {_at(host)} ({asked})", untouched=True)
        case requests.ConnectionError():
            return _connection(host, error, known)
        case SpnegoError() | PermissionError():
            return _trouble(host, f"{_at(host)} does not answer the {host.auth} login as it should")
        case requests.RequestException() | WinRMError():
            return _trouble(host, f"the exchange failed: {clean(_said(error), 200) or type(error).__name__}")
    return _trouble(host, f"the answer of {_at(host)} is not what WinRM answers ({type(error).__name__})")


def interrupted(host: Host) -> Trouble:
    """The run was ended by its user."""
    return Trouble(reason=f"{host.name}: the run was interrupted", owner=Owner.USER)


def late(host: Host, timeout_s: float) -> Trouble:
    """The deadline passed."""
    return _trouble(host, f"no whole answer within {timeout_s:.0f} s")


def _fault(host: Host, error: WSManFaultError) -> Trouble:
    codes = {error.wsman_fault_code, error.wmierror_code}
    said = _quoted(error.reason)
    if codes & _SHELL_GONE:
        return _trouble(host, f"its shell was ended half way (WinRM restarted?){said}", gone=True)
    if _ACCESS_DENIED in codes:
        account = host.user or "the account"
        return _users(host, f"{account} may not use WinRM there: it must be an administrator{said}")
    if codes & _QUOTAS:
        quota = f"a quota of its WinRM is used up (winrm get winrm/config/winrs){said}"
        return _trouble(host, quota, untouched=True)
    if codes & _ENVELOPE or (error.fault_subcode or "").endswith("EncodingLimit"):
        return _trouble(host, f"its MaxEnvelopeSizekb is too small: WinRM's default of 500 is enough{said}")
    code = next((f" {code}" for code in codes if code is not None), "")
    return _trouble(host, f"WinRM answers with fault{code}{said}")


def _login(host: Host, known: Known) -> Trouble:
    offers = known.offers.lower()
    if not any(word in offers for word in _LOGINS[host.auth]):
        offered = ", ".join(dict.fromkeys(re.findall(r"(?:^|,\s*)([A-Za-z]+)", known.offers))) or "none"
        return _users(host, f"the endpoint does not take auth: {host.auth} (it offers: {clean(offered, 80)})")
    if known.accepted:
        changed = "the login was accepted first and rejected later: was the password changed meanwhile?"
        return _trouble(host, changed, untouched=True)
    if host.auth is Auth.KERBEROS:
        return _users(host, "the Kerberos ticket was rejected (klist shows it)")
    asked = f"is ${host.password_env} its password, and the account enabled?"
    return _users(host, f"the login of {host.user} was rejected: {asked}")


def _tls(host: Host, error: BaseException, known: Known) -> Trouble:
    cause = _root(error, ssl.SSLError)
    if not isinstance(cause, ssl.SSLError) or isinstance(cause, ssl.SSLEOFError):
        return _closed(host, known)
    if isinstance(cause, ssl.SSLCertVerificationError):
        said = clean(cause.verify_message, 120)
        hint = "name the certificate of its authority with ca_file"
        if cause.verify_code in {62, 64}:  # X509_V_ERR_HOSTNAME_MISMATCH, X509_V_ERR_IP_ADDRESS_MISMATCH
            hint = "address must be a name that stands in it"
        elif cause.verify_code == 10:  # X509_V_ERR_CERT_HAS_EXPIRED
            hint = "it needs a new one"
        return _trouble(host, f"the certificate of {_at(host)} is not trusted: {said} ({hint})", untouched=True)
    if cause.reason == "WRONG_VERSION_NUMBER":
        return _trouble(host, f"{_at(host)} does not speak TLS (is this the port for HTTP?)", untouched=True)
    return _trouble(host, f"no TLS with {_at(host)}: {clean(cause.reason or str(cause), 120)}")


def _connection(host: Host, error: BaseException, known: Known) -> Trouble:
    if _root(error, NameResolutionError) is not None:
        return _trouble(host, f"the name {host.address} is not resolved", untouched=True)
    if _root(error, TimeoutError) is not None:
        return _trouble(host, f"no answer within {known.waited_s:.0f} s")
    if _root(error, ConnectionRefusedError) is not None:
        refused = f"connection refused on {_at(host)} (is WinRM on, and on this port?)"
        return _trouble(host, refused, fleeting=True, untouched=True)
    if _root(error, ConnectionError) is not None or _root(error, IncompleteRead) is not None:
        return _closed(host, known)
    if _root(error, HTTPException) is not None:
        return _trouble(host, f"{_at(host)} does not speak HTTP")
    match = _ERRNO.search(str(error))
    said = f": {clean(match['said'], 100)}" if match else ""
    return _trouble(host, f"the connection to {_at(host)} failed{said}", fleeting=not known.accepted, gone=True)


def _closed(host: Host, known: Known) -> Trouble:
    when = "half way" if known.accepted else "before it answered"
    return _trouble(host, f"{_at(host)} closed the connection {when}", fleeting=True, gone=True)


def _root(error: BaseException, kind: type[BaseException]) -> BaseException | None:
    """The exception of ``kind`` among those that led to ``error``: in its arguments, its ``reason``, or before it."""
    waiting: list[object] = [error]
    met: set[int] = set()
    while waiting:
        here = waiting.pop()
        if not isinstance(here, BaseException) or id(here) in met:
            continue
        if isinstance(here, kind):
            return here
        met.add(id(here))
        waiting += [*here.args, getattr(here, "reason", None), here.__cause__, here.__context__]
    return None


def _said(error: BaseException) -> str:
    """The text of an exception that quotes no answer: pywinrm's own words, and nothing of requests, which shows
    URLs and objects."""
    return str(error) if isinstance(error, WinRMError) else type(error).__name__


def _port(host: Host) -> int:
    return host.port or PORTS[host.scheme]


def _at(host: Host) -> str:
    address = f"[{host.address}]" if ":" in host.address else host.address
    return f"{address}:{_port(host)}"


def _quoted(said: str | None) -> str:
    text = clean(said or "", 200)
    return f"; it said: {text}" if text else ""


def _trouble(host: Host, what: str, *, fleeting: bool = False, gone: bool = False, untouched: bool = False) -> Trouble:
    return Trouble(reason=f"{host.name}: {what}", fleeting=fleeting, gone=gone, untouched=untouched)


def _users(host: Host, what: str) -> Trouble:
    return Trouble(reason=f"{host.name}: {what}", owner=Owner.USER, untouched=True)
