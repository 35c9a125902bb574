"""What can be done. A step is data: it simulates itself on facts and renders itself; ``transports/`` carry it out."""

from imagegate.steps.call import ApiStep, Call
from imagegate.steps.files import EmptyFile, GuestStep, LinkFile
from imagegate.steps.fstab import CommentFstab
from imagegate.steps.image import AddMember, RemoveMember, SetProtected, SetVisibility
from imagegate.steps.image_fields import Rename, SetMinimum, SetProperty, SetTag
from imagegate.steps.manual import Manual
from imagegate.steps.membership import AcceptImage
from imagegate.steps.server import StopServer

__all__ = [
    "AcceptImage",
    "AddMember",
    "ApiStep",
    "Call",
    "CommentFstab",
    "EmptyFile",
    "GuestStep",
    "LinkFile",
    "Manual",
    "RemoveMember",
    "Rename",
    "SetMinimum",
    "SetProperty",
    "SetProtected",
    "SetTag",
    "SetVisibility",
    "StopServer",
]
