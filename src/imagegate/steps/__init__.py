"""What can be done. A step is data: it simulates itself on facts and renders itself; ``transports/`` carry it out."""

from imagegate.steps.call import ApiStep, Call
from imagegate.steps.files import EmptyFile, GuestStep, LinkFile
from imagegate.steps.image import AddMember, RemoveMember, SetProtected, SetVisibility, protection
from imagegate.steps.manual import Manual
from imagegate.steps.server import StartServer, StopServer

__all__ = [
    "AddMember",
    "ApiStep",
    "Call",
    "EmptyFile",
    "GuestStep",
    "LinkFile",
    "Manual",
    "RemoveMember",
    "SetProtected",
    "SetVisibility",
    "StartServer",
    "StopServer",
    "protection",
]
