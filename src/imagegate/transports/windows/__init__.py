"""Windows guests, through WS-Management (WinRM) with pywinrm."""

from imagegate.transports.windows.transport import WindowsTransport

__all__ = ["WindowsTransport"]
