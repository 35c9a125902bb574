"""What can be looked at. A probe is data; ``transports/`` carry out the look."""

from imagegate.probes.catalog import (
    GENERATIONS,
    NAMESAKES,
    GenerationsFact,
    GenerationsProbe,
    NamesakesFact,
    NamesakesProbe,
)
from imagegate.probes.disk import DiskSpace, DiskSpaceFact
from imagegate.probes.file import File, FileFact, FileKind
from imagegate.probes.fstab import FSTAB, FstabEntry, FstabFact, FstabProbe
from imagegate.probes.image import IMAGE, MEMBERS, ImageFact, ImageProbe, Member, MembersFact, MembersProbe
from imagegate.probes.kernel import KernelOption, KernelOptionFact
from imagegate.probes.membership import MEMBERSHIP, MembershipFact, MembershipProbe
from imagegate.probes.project import MEMBER_PROJECTS, MemberProjectsFact, MemberProjectsProbe
from imagegate.probes.proxy import PROXY, ProxyFact, ProxyFile, ProxyProbe
from imagegate.probes.server import FLAVOR, SERVER, FlavorFact, FlavorProbe, ServerFact, ServerProbe
from imagegate.probes.source_image import SOURCE_IMAGE, SourceImageFact, SourceImageProbe
from imagegate.probes.waivers import WAIVERS, WaiversFact, WaiversProbe, WaiverUse

__all__ = [
    "FLAVOR",
    "FSTAB",
    "GENERATIONS",
    "IMAGE",
    "MEMBERS",
    "MEMBERSHIP",
    "MEMBER_PROJECTS",
    "NAMESAKES",
    "PROXY",
    "SERVER",
    "SOURCE_IMAGE",
    "WAIVERS",
    "DiskSpace",
    "DiskSpaceFact",
    "File",
    "FileFact",
    "FileKind",
    "FlavorFact",
    "FlavorProbe",
    "FstabEntry",
    "FstabFact",
    "FstabProbe",
    "GenerationsFact",
    "GenerationsProbe",
    "ImageFact",
    "ImageProbe",
    "KernelOption",
    "KernelOptionFact",
    "Member",
    "MemberProjectsFact",
    "MemberProjectsProbe",
    "MembersFact",
    "MembersProbe",
    "MembershipFact",
    "MembershipProbe",
    "NamesakesFact",
    "NamesakesProbe",
    "ProxyFact",
    "ProxyFile",
    "ProxyProbe",
    "ServerFact",
    "ServerProbe",
    "SourceImageFact",
    "SourceImageProbe",
    "WaiverUse",
    "WaiversFact",
    "WaiversProbe",
]
