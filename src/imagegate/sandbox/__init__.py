"""A real OpenStack on loopback, without containers or root; with root, real Debian guests as well."""

from imagegate.sandbox.cloud import down, save_template, start_service, status, stop_service, up
from imagegate.sandbox.errors import SandboxError, SandboxUsageError
from imagegate.sandbox.layout import ALL_SERVICES, EVERY_SERVICE, IMAGE_SERVICES
from imagegate.sandbox.model import (
    Guest,
    GuestSpec,
    GuestStatus,
    Sandbox,
    ServiceStatus,
    Status,
    WindowsGuestSpec,
    render_status,
)

__all__ = [
    "ALL_SERVICES",
    "EVERY_SERVICE",
    "IMAGE_SERVICES",
    "Guest",
    "GuestSpec",
    "GuestStatus",
    "Sandbox",
    "SandboxError",
    "SandboxUsageError",
    "ServiceStatus",
    "Status",
    "WindowsGuestSpec",
    "down",
    "render_status",
    "save_template",
    "start_service",
    "status",
    "stop_service",
    "up",
]
