"""What can be done. A step is data: it simulates itself on facts and renders itself; ``transports/`` carry it out."""

from imagegate.steps.appx import RemoveAppxPackage
from imagegate.steps.call import ApiStep, Call
from imagegate.steps.copy import CopyImage
from imagegate.steps.files import EmptyFile, GuestStep, LinkFile
from imagegate.steps.fstab import CommentFstab
from imagegate.steps.image import AddMember, RemoveMember, SetProtected, SetVisibility, protection
from imagegate.steps.image_fields import Rename, SetMinimum, SetProperty, SetTag
from imagegate.steps.manual import Manual
from imagegate.steps.membership import AcceptImage
from imagegate.steps.registry import SetRegistryNumber
from imagegate.steps.restart import RestartGuest
from imagegate.steps.server import StartServer, StopServer, stop_server
from imagegate.steps.service import SetServiceStart, set_start
from imagegate.steps.sysprep import Generalize, ToastSysprep
from imagegate.steps.task import DeleteTask, RegisterTask, delete_task
from imagegate.steps.windows import CommandLine, Detached, RemoveAppx, WindowsStep

__all__ = [
    "AcceptImage",
    "AddMember",
    "ApiStep",
    "Call",
    "CommandLine",
    "CommentFstab",
    "CopyImage",
    "DeleteTask",
    "Detached",
    "EmptyFile",
    "Generalize",
    "GuestStep",
    "LinkFile",
    "Manual",
    "RegisterTask",
    "RemoveAppx",
    "RemoveAppxPackage",
    "RemoveMember",
    "Rename",
    "RestartGuest",
    "SetMinimum",
    "SetProperty",
    "SetProtected",
    "SetRegistryNumber",
    "SetServiceStart",
    "SetTag",
    "SetVisibility",
    "StartServer",
    "StopServer",
    "ToastSysprep",
    "WindowsStep",
    "delete_task",
    "protection",
    "set_start",
    "stop_server",
]
