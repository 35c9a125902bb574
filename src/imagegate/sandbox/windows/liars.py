"""The lies that a stand-in can be told to tell, by name."""

from __future__ import annotations

from collections.abc import Iterable

from imagegate.sandbox.errors import SandboxUsageError

LIARS = {
    # what programs say
    "silent-success": "schtasks, sc, whoami, powershell … succeed and say nothing, as Wine's stubs do",
    "localized": "messages in Korean (or the machine's own language), whatever code page was asked for",
    "clixml": "PowerShell writes an error as CLIXML to standard error, and nothing else",
    "utf16-declared-utf8": "schtasks /query /xml writes UTF-16 without a BOM and declares UTF-8",
    "utf16-with-bom": "schtasks /query /xml writes UTF-16 with a BOM",
    "utf8-declared-cp949": "schtasks /query /xml writes UTF-8 (or the console's code page) and declares ks_c_5601-1987",
    # sysprep
    "sysprep-hangs": "sysprep never ends, its state left UNDEPLOYABLE",
    "sysprep-fails": "sysprep fails in generalize: a package in setuperr.log, its state left UNDEPLOYABLE",
    "sysprep-undeployable": "sysprep writes its success tag, but the state stays UNDEPLOYABLE",
    "sysprep-does-nothing": "sysprep exits with 0 and has done nothing",
    # the connection
    "connection-closed": "the connection is closed when output is to be received",
    "stalls": "the connection stays open when output is to be received, and nothing is ever answered",
    "unauthorized": "every request is answered with 401, the right password or not",
    "never-ends": "a command never ends and says nothing",
    "endless-output": "a command never ends and never stops writing",
    "envelope-too-small": "output does not fit into the envelope: a fault",
    "garbage": "answers are random bytes",
    "entity-bomb": "answers hold an entity that unfolds to gigabytes",
    "html-page": "answers are a proxy's sign-in page, with status 200",
}


def check(names: Iterable[str]) -> None:
    """Raise for a name that is none of a liar's."""
    unknown = sorted(set(names) - LIARS.keys())
    if unknown:
        raise SandboxUsageError(f"There is no liar {', '.join(unknown)}; there are {', '.join(LIARS)}.")
