"""The shell text that is sent to a guest: POSIX sh (dash, bash, busybox), no Python, nothing written.

It goes through standard input, so that it shows in no process list and no sudo log, and has no length limit. The whole
text is one compound command: a shell that receives only a part of it runs nothing. It never touches ``/dev/null``:
in a root that is not booted that may be no device, and writing to it would make a file.
"""

from __future__ import annotations

import posixpath
import shlex
from collections.abc import Sequence
from typing import Any

from imagegate.model import Probe
from imagegate.probes.disk import DiskSpace, DiskUse
from imagegate.probes.file import File
from imagegate.probes.fstab import FstabProbe
from imagegate.probes.kernel import KernelOption
from imagegate.probes.proxy import ProxyProbe
from imagegate.transports.linux import identity

MAX_READ = 1 << 20
"""The most bytes of one file that a look fetches."""

MAX_TEXT = 1 << 16
"""The most bytes of a configuration file that is taken apart on arrival."""

_MAX_CMDLINE = 1 << 16
_MAX_STEP_OUTPUT = 2048

_PRELUDE = r"""
LC_ALL=C
PATH=/usr/sbin:/usr/bin:/sbin:/bin:$PATH
export LC_ALL PATH
line() { printf '\n%s %s\n' "$n" "$1"; }
mark() { printf '\n%s %s %s\n' "$n" "$1" "$2"; }
if [ -z "$(command -v od)" ]; then line tools; exit 0; fi
"""

_FILE = r"""
mounts=
if [ -r /proc/self/mountinfo ]; then mounts=$(cat /proc/self/mountinfo); fi
status() { mark "$1" stat; stat -c '%f %s %u %g %i %Y' "$2" 2>&1 || { mark "$1" nostat; return 1; }; }
file() {
status "$1" "$2" || return 0
case $mounts in
'') mark "$1" nomounts;;
*/"$3 "*)
mark "$1" parent; cd -P "${2%/*}/" && pwd -P
while read -r a b c d m e; do
case $m in */"$3") mark "$1" mount; printf %s "$m";; esac
done </proc/self/mountinfo;;
esac
if [ -L "$2" ]; then
mark "$1" link; readlink "$2"
mark "$1" resolved; readlink -f "$2" || dangling "$2"
elif [ "$4" -gt 0 ] && [ -f "$2" ]; then
if [ -r "$2" ]; then
mark "$1" content; head -c "$4" "$2" || dd if="$2" bs="$4" count=1
status "$1" "$2"
else mark "$1" unreadable
fi
fi
}
dangling() {
t=$(readlink "$1")
case $t in /*) ;; *) t=${1%/*}/$t;; esac
if [ ! -L "$t" ] && [ ! -e "$t" ] && cd -P "${t%/*}/"; then d=$(pwd -P); echo "${d%/}/${t##*/}"; fi
}
"""


def bootstrap(nonce: str, *, elevate: bool) -> str:
    """The command line that receives a script: it greets, becomes root where it must, and starts a shell on its input.

    Any login shell must read it alike: one line, no quote or ``!`` inside the quotes.
    """
    root = 'if [ "$(id -u)" = 0 ]; then exec /bin/sh; fi; exec sudo -n /bin/sh' if elevate else "exec /bin/sh"
    return f"/bin/sh -c 'LC_ALL=C; export LC_ALL; echo; echo {nonce} hello; {root}'"


def look_script(nonce: str, probes: Sequence[Probe[Any]], *, booted: bool) -> str:
    """The script that looks at all ``probes`` at once; records carry their index.

    ``booted`` is False for a root that is reached through chroot: it has no kernel command line of its own.
    """
    fragments = "".join(_fragment(index, probe, booted=booted) for index, probe in enumerate(probes))
    functions = _FILE + (identity.SHELL if any(map(identity.is_one, probes)) else "")
    return f"{{\nn={nonce}{_PRELUDE}{functions}{_framed(fragments)}exit 0\n}}\n"


def step_script(nonce: str, script: str) -> str:
    """The script that runs one step's ``script`` in a subshell, and frames its exit code and its output."""
    answer = f'mark - code; printf %s "$r"\nmark - output; printf %.{_MAX_STEP_OUTPUT}s "$e"\n'
    return (
        f"{{\nn={nonce}{_PRELUDE}"
        'if [ "$(id -u)" != 0 ]; then line notroot; exit 0; fi\n'
        f"step() {{\n{script}\n}}\ne=$(step 2>&1)\nr=$?\n{_framed(answer)}exit 0\n}}\n"
    )


def _framed(records: str) -> str:
    return f"line begin\n{{\n{records}mark - end\n}} | od -v -t x1\nline end\n"


def as_in_mountinfo(path: str) -> str:
    """``path`` as the kernel writes it into ``/proc/self/mountinfo``: blanks and backslashes in octal (proc(5))."""
    for char in "\\ \t\n":
        path = path.replace(char, f"\\{ord(char):03o}")
    return path


def _fragment(index: int, probe: Probe[Any], *, booted: bool) -> str:
    if isinstance(probe, File):
        return _file(index, probe.path, min(probe.read, MAX_READ))
    if isinstance(probe, FstabProbe):
        return _file(index, probe.path, MAX_TEXT)
    if isinstance(probe, DiskSpace):
        return f"mark {index} space; stat -f -c '%S %a' {shlex.quote(probe.path)} 2>&1\n"
    if isinstance(probe, DiskUse):
        return f"mark {index} use; stat -f -c '%S %b %f' {shlex.quote(probe.path)} 2>&1\n"
    if isinstance(probe, ProxyProbe):
        return (
            f'for f in {" ".join(map(_pattern, probe.files))}; do if [ -f "$f" ]; then\n'
            f'mark {index} file; printf %s "$f"; mark {index} text\n'
            f'if [ -r "$f" ]; then head -c {MAX_TEXT} "$f"; else mark {index} unreadable; fi\nfi; done\n'
        )
    if isinstance(probe, KernelOption) and booted:
        return f"mark {index} cmdline; head -c {_MAX_CMDLINE} /proc/cmdline\n"
    return identity.fragment(index, probe) if booted else ""


def _file(index: int, path: str, read: int) -> str:
    last = as_in_mountinfo(posixpath.basename(path))
    return f"file {index} {shlex.quote(path)} {shlex.quote(last)} {read}\n"


def _pattern(path: str) -> str:
    """A path for the shell: ``*`` keeps its meaning, all else is quoted."""
    return "*".join(shlex.quote(part) if part else "" for part in path.split("*"))
