"""What a failed call says: an HTTP answer, a broken connection, a refused token, without the layers of wrapping."""

from __future__ import annotations

from keystoneauth1 import exceptions as ksa
from urllib3.exceptions import ConnectTimeoutError, NewConnectionError

from imagegate.errors import Owner, TargetError
from imagegate.transports.openstack.reason import one_line

PASSING = frozenset({429, 502, 503, 504})
"""Answers that may be different a moment later."""


class ApiError(TargetError):
    """A call did not give what was asked for.

    ``status`` is the HTTP status of the answer, None if there was none. ``passing``: a retry may help.
    ``executed``: the server may have carried out the request. ``fault``: whose fault it is.
    """

    def __init__(
        self,
        reason: str,
        *,
        status: int | None = None,
        passing: bool = False,
        executed: bool = True,
        retry_after_s: float | None = None,
        fault: Owner = Owner.TARGET,
    ) -> None:
        self.reason = reason
        self.status = status
        self.passing = passing
        self.executed = executed
        self.retry_after_s = retry_after_s
        self.fault = fault
        super().__init__(reason)


class Ended(ksa.ClientException):
    """A request that was not sent: the connections to the cloud had been ended."""

    def __init__(self) -> None:
        super().__init__("nothing was sent: the connections to the cloud were ended before")


def failure(error: ksa.ClientException) -> ApiError:
    """An exception of keystoneauth1 as an ApiError."""
    reason = explain(error)
    if isinstance(error, ksa.HttpError):
        status = error.http_status
        return ApiError(reason, status=status, passing=status in PASSING, executed=False)
    if isinstance(error, ksa.SSLError):
        return ApiError(reason, executed=False)
    return ApiError(
        reason,
        passing=isinstance(error, ksa.RetriableConnectionFailure),
        executed=not (isinstance(error, Ended) or _never_connected(error)),
    )


def explain(error: BaseException) -> str:
    """What went wrong below keystoneauth1, without the layers of wrapping."""
    if isinstance(error, ksa.ConnectTimeout):
        return "no answer in time: the request timed out"
    if isinstance(error, ksa.SSLError):
        return f"TLS: {root_cause(error)}"
    if isinstance(error, ksa.ConnectionError):
        return f"no connection: {root_cause(error)}"
    return one_line(str(error)) or type(error).__name__


def _chain(error: BaseException) -> list[BaseException]:
    """``error`` and what it wraps: causes, contexts, arguments and urllib3's ``reason``."""
    found: list[BaseException] = []
    todo: list[BaseException | None] = [error]
    while todo:
        one = todo.pop(0)
        if one is None or any(one is other for other in found):
            continue
        found.append(one)
        todo += [one.__cause__, one.__context__, getattr(one, "reason", None)]
        todo += [argument for argument in one.args if isinstance(argument, BaseException)]
        todo = [item for item in todo if item is None or isinstance(item, BaseException)]
    return found


def _never_connected(error: BaseException) -> bool:
    return any(isinstance(one, ConnectTimeoutError | NewConnectionError) for one in _chain(error))


def root_cause(error: BaseException) -> str:
    """The system's own words where there are some, else the innermost message."""
    chain = _chain(error)
    for one in reversed(chain):
        if isinstance(one, OSError) and one.strerror:
            return one_line(one.strerror)
    innermost = chain[-1]
    return one_line(str(innermost)) or type(innermost).__name__
