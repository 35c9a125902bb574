r"""What tells one Windows from every other one: hashed on arrival, and never kept as it came.

Sources: Microsoft, "Security identifiers" (the SID of a local account is the machine's and a relative identifier);
"Sysprep (Generalize) a Windows installation" (it removes the SID); ``MachineGuid`` in
``HKLM\SOFTWARE\Microsoft\Cryptography`` is made anew by sysprep's provider of cryptography. A domain member has its
own machine SID all the same; a domain controller has no local accounts.
"""

from __future__ import annotations

import hashlib
import hmac
import re

from imagegate.probes.identity import WindowsIdentityFact
from imagegate.transports.text import clean
from imagegate.transports.windows.frames import Fields
from imagegate.transports.windows.registry import Unclear

_SID = re.compile(rb"S-1-5-21(-[0-9]{1,10}){3}")
_GUID = re.compile(rb"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_NAME = re.compile(rb"[^\x00-\x20\x7f]{1,63}")


def decode(fields: Fields, run_key: bytes | None) -> WindowsIdentityFact:
    """The identity set. Raises ``Unclear``; its message holds nothing of what came."""
    if run_key is None:
        raise Unclear("there is no key to hash identities with")
    sids, guids, names = (fields.get(name, ()) for name in ("sid", "guid", "name"))
    if any(not _SID.fullmatch(sid) for sid in sids):
        raise Unclear("PowerShell's answer holds a SID that is none of a machine's")
    if len(guids) > 1 or any(not _GUID.fullmatch(guid.lower()) for guid in guids):
        raise Unclear("PowerShell's answer holds a MachineGuid that is none")
    if len(names) != 1 or not _NAME.fullmatch(names[0]):
        raise Unclear("PowerShell's answer lacks the computer's name")
    return WindowsIdentityFact(
        sid=_keyed(run_key, sids[0]) if len(sids) == 1 else None,
        machine_guid=_keyed(run_key, guids[0].lower()) if guids else None,
        host_name=clean(names[0].decode("utf-8", "replace"), 63),
    )


def _keyed(run_key: bytes, data: bytes) -> str:
    return hmac.new(run_key, data, hashlib.sha256).hexdigest()[:32]
