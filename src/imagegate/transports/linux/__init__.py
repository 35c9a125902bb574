"""Linux guests, through testinfra's backends: ssh, local, chroot; docker and podman, untested.

``transport`` is the face; it orders ``script`` (what is sent), ``backends`` and ``ssh`` (how it gets there),
``process`` (limits), ``frames`` (what comes back), ``decode`` and ``classify`` (facts), ``diagnose`` (what went wrong).
"""

from imagegate.transports.linux.transport import LinuxTransport

__all__ = ["LinuxTransport"]
