"""What can be looked at. A probe is data; ``transports/`` carry out the look."""

from imagegate.probes.answer_file import AnswerFile, AnswerFileFact
from imagegate.probes.catalog import (
    GENERATIONS,
    NAMESAKES,
    GenerationsFact,
    GenerationsProbe,
    NamesakesFact,
    NamesakesProbe,
)
from imagegate.probes.console import ConsoleBox, ConsoleFact
from imagegate.probes.copies import Content, CopiesFact, CopiesProbe, Copy
from imagegate.probes.disk import DiskSpace, DiskSpaceFact, DiskUse, DiskUseFact
from imagegate.probes.file import File, FileFact, FileKind
from imagegate.probes.fstab import FSTAB, FstabEntry, FstabFact, FstabProbe
from imagegate.probes.image import IMAGE, MEMBERS, ImageFact, ImageProbe, Member, MembersFact, MembersProbe
from imagegate.probes.kernel import KernelOption, KernelOptionFact
from imagegate.probes.membership import MEMBERSHIP, MembershipFact, MembershipProbe
from imagegate.probes.origin import ORIGIN, OriginImageFact, OriginImageProbe
from imagegate.probes.project import MEMBER_PROJECTS, MemberProjectsFact, MemberProjectsProbe
from imagegate.probes.proxy import PROXY, ProxyFact, ProxyFile, ProxyProbe
from imagegate.probes.registry import Registry, RegistryFact
from imagegate.probes.server import FLAVOR, SERVER, FlavorFact, FlavorProbe, ServerFact, ServerProbe
from imagegate.probes.service import Service, ServiceFact
from imagegate.probes.source_image import SOURCE_IMAGE, SourceImageFact, SourceImageProbe
from imagegate.probes.task import ScheduledTask, TaskAction, TasksFact, TasksOf, TaskTrigger
from imagegate.probes.waivers import WAIVERS, WaiversFact, WaiversProbe, WaiverUse
from imagegate.probes.windows import (
    ACCOUNTS,
    APPX,
    REARM,
    WINDOWS,
    AccountsFact,
    AccountsProbe,
    AppxFact,
    AppxPackage,
    AppxProbe,
    FreeSpace,
    FreeSpaceFact,
    LocalAccount,
    RearmFact,
    RearmProbe,
    ShellCommand,
    ShellCommandFact,
    WindowsFact,
    WindowsProbe,
)
from imagegate.probes.windows_file import SETUP_LOGS, WindowsFile, WindowsFileFact

__all__ = [
    "ACCOUNTS",
    "APPX",
    "FLAVOR",
    "FSTAB",
    "GENERATIONS",
    "IMAGE",
    "MEMBERS",
    "MEMBERSHIP",
    "MEMBER_PROJECTS",
    "NAMESAKES",
    "ORIGIN",
    "PROXY",
    "REARM",
    "SERVER",
    "SETUP_LOGS",
    "SOURCE_IMAGE",
    "WAIVERS",
    "WINDOWS",
    "AccountsFact",
    "AccountsProbe",
    "AnswerFile",
    "AnswerFileFact",
    "AppxFact",
    "AppxPackage",
    "AppxProbe",
    "ConsoleBox",
    "ConsoleFact",
    "Content",
    "CopiesFact",
    "CopiesProbe",
    "Copy",
    "DiskSpace",
    "DiskSpaceFact",
    "DiskUse",
    "DiskUseFact",
    "File",
    "FileFact",
    "FileKind",
    "FlavorFact",
    "FlavorProbe",
    "FreeSpace",
    "FreeSpaceFact",
    "FstabEntry",
    "FstabFact",
    "FstabProbe",
    "GenerationsFact",
    "GenerationsProbe",
    "ImageFact",
    "ImageProbe",
    "KernelOption",
    "KernelOptionFact",
    "LocalAccount",
    "Member",
    "MemberProjectsFact",
    "MemberProjectsProbe",
    "MembersFact",
    "MembersProbe",
    "MembershipFact",
    "MembershipProbe",
    "NamesakesFact",
    "NamesakesProbe",
    "OriginImageFact",
    "OriginImageProbe",
    "ProxyFact",
    "ProxyFile",
    "ProxyProbe",
    "RearmFact",
    "RearmProbe",
    "Registry",
    "RegistryFact",
    "ScheduledTask",
    "ServerFact",
    "ServerProbe",
    "Service",
    "ServiceFact",
    "ShellCommand",
    "ShellCommandFact",
    "SourceImageFact",
    "SourceImageProbe",
    "TaskAction",
    "TaskTrigger",
    "TasksFact",
    "TasksOf",
    "WaiverUse",
    "WaiversFact",
    "WaiversProbe",
    "WindowsFact",
    "WindowsFile",
    "WindowsFileFact",
    "WindowsProbe",
]
