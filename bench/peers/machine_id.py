"""What the ssh pool and asyncssh have in common: the script for a host, and the verdict on what it prints."""

import hashlib
import json
from collections.abc import Mapping

CHECK = "linux-machine-id-reset"

SCRIPT = r"""
LC_ALL=C; export LC_ALL
for f in /etc/machine-id /var/lib/dbus/machine-id; do
  echo "file $f"
  stat -c 'stat %f %s %u %g' "$f" 2>/dev/null || { echo absent; continue; }
  if [ -L "$f" ]; then echo "link $(readlink "$f") $(readlink -f "$f")"
  else echo "content $(head -c 64 "$f" | od -An -v -tx1 | tr -d ' \n')"; fi
done
for f in /usr/lib/systemd/systemd /lib/systemd/systemd; do stat -c "systemd %f $f" "$f" 2>/dev/null; done
while read -r a b c d m e; do case $m in */machine-id) echo "mount $m";; esac; done </proc/self/mountinfo
echo "cmdline $(cat /proc/cmdline)"
echo end
"""


def verdict(text: str) -> str:
    lines = text.splitlines()
    if not lines or lines[-1] != "end":
        return "unknown"
    parts: dict[str, dict[str, str]] = {}
    current: dict[str, str] = {}
    for line in lines:
        word, _, rest = line.partition(" ")
        if word == "file":
            current = parts.setdefault(rest, {})
        else:
            current[word] = rest
    etc, dbus = parts["/etc/machine-id"], parts["/var/lib/dbus/machine-id"]
    reset = bytes.fromhex(etc.get("content", "00")) in {b"", b"uninitialized\n"}
    harmless = "absent" in dbus or dbus.get("link", "").endswith(" /etc/machine-id")
    option = "systemd.machine_id=" in current.get("cmdline", "")
    return "pass" if reset and harmless and not option and "mount" not in current else "fail"


def summary(found: Mapping[str, str]) -> str:
    lines = sorted(f"{CHECK} {host} {word}" for host, word in found.items())
    counts = {word: list(found.values()).count(word) for word in ("pass", "fail", "unknown")}
    digest = hashlib.sha256("\n".join(lines).encode()).hexdigest()[:16]
    return json.dumps({"verdicts": digest, "counts": counts})
