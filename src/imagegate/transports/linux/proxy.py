"""Reads proxy variables out of environment files and shell scripts as they arrive: whether one is set, and whether
``no_proxy`` spares link-local addresses. Values are forgotten. Pure."""

from __future__ import annotations

import ipaddress
import re

from imagegate.probes.proxy import Bypass, ProxyFile

_SET = re.compile(
    r"(?<![A-Za-z0-9_$])(?P<name>(?:https?|all|ftp|no)_proxy)[ \t]*=[ \t]*(?P<value>\"[^\"\n]*|'[^'\n]*|[^\s;\"'&|]*)",
    re.IGNORECASE,
)
_LINK_LOCAL = ipaddress.IPv4Network("169.254.0.0/16")
_METADATA = ipaddress.IPv4Address("169.254.169.254")
_PREFIX = re.compile(r"169\.254\.(?:\*(?:\.\*)?)?")
_NARROW_FIRST: tuple[Bypass, ...] = ("none", "address", "network")


def parse_proxy(path: str, text: bytes) -> ProxyFile | None:
    """What the file says of proxies; None if it says nothing. Later lines win, as in a shell; of ``no_proxy`` and
    ``NO_PROXY`` the narrower counts, since programs differ in which they read."""
    values: dict[str, str] = {}
    for line in text.decode("utf-8", "replace").split("\n"):
        if line.lstrip().startswith(("#", ";")):
            continue
        for found in _SET.finditer(line):
            name, value = found["name"], found["value"].strip("\"'").strip()
            own = re.search(rf"\$\{{?{name}\b", value) is not None
            values[name] = f"{values.get(name, '')},{value}" if own else value
    spared = [_bypass(value) for name, value in values.items() if name.casefold() == "no_proxy"]
    proxy = any(value for name, value in values.items() if name.casefold() != "no_proxy")
    bypass: Bypass = next((one for one in _NARROW_FIRST if one in spared), "unset")
    return ProxyFile(path=path, proxy=proxy, bypass=bypass) if proxy or spared else None


def _bypass(value: str) -> Bypass:
    spared: Bypass = "none"
    for word in re.split(r"[,\s]+", value):
        if word == "*" or _PREFIX.fullmatch(word):
            return "network"
        try:
            network = ipaddress.IPv4Network(word, strict=False)
        except ValueError:
            continue
        if _LINK_LOCAL.subnet_of(network):
            return "network"
        if _METADATA in network:
            spared = "address"
    return spared
