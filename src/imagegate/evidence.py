"""Guest facts that stay valid while the power is off.

What was seen and verified right before imagegate stopped an instance holds as long as the compute API shows it
SHUTOFF and nothing about the server changed since: then nobody can have started it.
"""

from __future__ import annotations

import hashlib
import json
import secrets
import threading
from pathlib import Path

from imagegate.codec import dump_facts, load_facts
from imagegate.errors import ToolError
from imagegate.model import Facts, Seen, Source, Target
from imagegate.probes.server import ServerFact


def guest_part(facts: Facts, origin: str) -> Facts:
    """The guest facts among ``facts`` that were seen, marked with where they come from."""
    kept = {
        probe: Seen(value=observation.value, at=observation.at, origin=observation.origin or origin)
        for probe, observation in facts.items()
        if probe.source is Source.GUEST and isinstance(observation, Seen)
    }
    return Facts(kept, facts.at)


class EvidenceStore:
    """What was seen of guests right before they went off, bound to the server's id and its ``updated`` time.

    Kept in memory, and for later runs in one small file per server below ``folder``, unless that is None.
    Thread-safe: targets do not share a record.
    """

    def __init__(self, folder: Path | None) -> None:
        self.folder = folder
        self._records: dict[str, tuple[str, str | None, Facts]] = {}
        self._lock = threading.Lock()

    def save(self, target: Target, guest: Facts, server: ServerFact) -> None:
        """Keep ``guest``, seen right before ``server`` went off. ``server`` is its record afterwards."""
        if not len(guest):
            return
        with self._lock:
            self._records[target.key] = (server.id, server.updated, guest)
        if self.folder is None:
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        record = {"server": server.id, "updated": server.updated, "facts": dump_facts(guest)}
        path = self._path(target, self.folder)
        temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
        temporary.write_text(json.dumps(record), encoding="utf-8")
        temporary.replace(path)

    def load(self, target: Target, server: ServerFact) -> Facts | None:
        """What was seen of the guest, if the server is off and its record is untouched since; else None.

        ``updated`` decides: every start changes it. Raises ``ToolError`` for a broken file.
        """
        if not server.is_off or server.updated is None:
            return None
        with self._lock:
            record = self._records.get(target.key)
        record = record or self._read(target)
        if record is None or record[:2] != (server.id, server.updated):
            return None
        return record[2]

    def _read(self, target: Target) -> tuple[str, str | None, Facts] | None:
        if self.folder is None:
            return None
        path = self._path(target, self.folder)
        try:
            raw = json.loads(path.read_text(encoding="utf-8"))
            return raw["server"], raw["updated"], load_facts(raw["facts"])
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, TypeError, ToolError) as error:
            raise ToolError(f"{path}: evidence cannot be read ({error}); delete the file") from error

    @staticmethod
    def _path(target: Target, folder: Path) -> Path:
        return folder / f"{hashlib.sha256(target.key.encode()).hexdigest()[:32]}.json"
