"""OpenStack clouds: Glance, Nova and Keystone through keystoneauth1 sessions (over requests).

``OpenStack`` is imported when it is first asked for: keystoneauth1 and requests cost 0.1 s and 25 MB, which a run
without a cloud need not pay.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from imagegate.transports.openstack.environment import default_cloud
from imagegate.transports.openstack.limits import Limits

if TYPE_CHECKING:
    from imagegate.transports.openstack.transport import OpenStack

__all__ = ["Limits", "OpenStack", "default_cloud"]


def __getattr__(name: str) -> Any:
    if name != "OpenStack":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from imagegate.transports.openstack.transport import OpenStack as transport  # noqa: N813, PLC0415

    return transport
