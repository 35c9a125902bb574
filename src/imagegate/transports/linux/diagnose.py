"""Why an exchange gave no answer: one clear sentence, and whose fault it is.

ssh, sudo and chroot tell it in English on standard error (``LC_ALL=C``); what is not known is quoted, cleaned and cut.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from imagegate.errors import Owner
from imagegate.inventory import Host, Via
from imagegate.transports.linux.process import MAX_OUTPUT, End, Outcome
from imagegate.transports.text import clean, last_line


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """Why there is no answer, in words that name the inventory entry.

    ``untouched`` is True only if it is certain that nothing ran on the guest.
    """

    reason: str
    owner: Owner = Owner.TARGET
    untouched: bool = False


@dataclass(frozen=True, slots=True)
class _Sign:
    """A text on ssh's standard error, and what it means in the words of its groups and ``{at}``.

    ``early`` is False where commands may have run already.
    """

    pattern: re.Pattern[str]
    means: str
    owner: Owner = Owner.TARGET
    early: bool = True


def _sign(pattern: str, means: str, *, owner: Owner = Owner.TARGET, early: bool = True) -> _Sign:
    return _Sign(re.compile(pattern, re.MULTILINE), means, owner, early)


_CUT_OFF = ("kex_exchange_identification: ", "banner exchange: ")
_LOST = re.compile(r"Connection (?:closed|reset)|Connection to \S+ closed|Broken pipe|not responding")
_SIGNS = (
    _sign(
        r"^Host key for (?P<name>\S+) has changed",
        "the host key of {name} has changed: if the host was made anew, check the new fingerprint and remove the old "
        "key with ssh-keygen -R '{name}'; else somebody is in between",
    ),
    _sign(
        r"^REMOTE HOST IDENTIFICATION HAS CHANGED|WARNING: REMOTE HOST IDENTIFICATION",
        "the host key of {at} has changed: check the new fingerprint before you remove the old key from known_hosts",
    ),
    _sign(
        r"^No \S+ host key is known for \[(?P<name>\S+)\]:(?P<port>\d+) and",
        "the host key of {name}:{port} is not in known_hosts: get it with ssh-keyscan -p {port} {name}, check its "
        "fingerprint, and add it",
    ),
    _sign(
        r"^No \S+ host key is known for (?P<name>\S+) and",
        "the host key of {name} is not in known_hosts: get it with ssh-keyscan {name}, check its "
        "fingerprint, and add it",
    ),
    _sign(r"^Host key verification failed", "the host key of {at} could not be verified"),
    _sign(
        r"^(?P<said>.*(?:Bad configuration option|Bad owner or permissions|Can't open user config file).*)$",
        "ssh refuses its configuration: {said}",
        owner=Owner.USER,
    ),
    _sign(
        r"Permissions \S+ for '(?P<file>.+)' are too open",
        "ssh refuses the key file {file}: others may read it",
        owner=Owner.USER,
    ),
    _sign(
        r"Too many authentication failures",
        "{at} refused the login after too many keys: name the right one with identity_file",
    ),
    _sign(
        r"^(?:(?P<login>\S+?)@)?(?P<name>\S+): Permission denied \((?P<methods>[^)]*)\)",
        "the key was refused for user {login} at {name} (the server accepts: {methods})",
    ),
    _sign(r"Could not resolve hostname (?P<name>\S+?):", "the name {name} is not resolved"),
    _sign(
        r"connect to host (?P<name>\S+) port (?P<port>\d+): Connection refused",
        "connection refused on {name}:{port} (is sshd running?)",
    ),
    _sign(
        r"connect to host (?P<name>\S+) port (?P<port>\d+): (?:Connection|Operation) timed out",
        "no answer from {name}:{port} (is the host up, does a security group let port {port} through?)",
    ),
    _sign(
        r"connect to host (?P<name>\S+) port (?P<port>\d+): (?P<said>.+?)\r?$",
        "no connection to {name}:{port}: {said}",
    ),
    _sign(
        r"timed out during banner exchange|Connection to \S+ port \d+ timed out",
        "{at} took the connection but did not answer (does sshd hang?)",
    ),
    _sign(
        r"open failed: (?:connect failed: |administratively prohibited: )?(?P<said>.+?)\r?$",
        "the jump host could not reach {at}: {said}",
    ),
    _sign(r"Unable to negotiate with .*: (?P<said>.+?)\.? Their offer", "no algorithm in common with {at}: {said}"),
    _sign(
        "|".join(_CUT_OFF),
        "{at} closed the connection before the login (too many at once, or not an SSH server?)",
    ),
    _sign(_LOST.pattern, "{at} closed the connection half way", early=False),
)


def _at(host: Host) -> str:
    return host.address if host.port is None else f"{host.address}:{host.port}"


def diagnose(host: Host, outcome: Outcome, *, greeted: bool, waited_s: float, problem: str) -> Trouble:
    """What stands between us and a whole answer.

    ``greeted`` tells that a shell on the guest began, ``problem`` what is wrong with the frames.
    """
    if outcome.end is End.OVERFLOW:
        return _trouble(
            host, f"it sent more than {MAX_OUTPUT >> 20} MiB, most of it not ours (what do its login scripts print?)"
        )
    if outcome.end is End.STOPPED:
        return _trouble(host, "the run was interrupted")
    errors = outcome.stderr.decode("utf-8", "replace")
    if outcome.end is not End.EXIT:
        stage = "after the login" if greeted else "nothing was heard from its shell"
        return _trouble(host, f"no answer within {waited_s:.0f} s ({stage})")
    if greeted:
        return _after_greeting(host, outcome, errors, problem)
    if host.transport is Via.SSH and outcome.code == 255:
        return _of_ssh(host, errors)
    if host.transport is Via.SSH:
        said = last_line(outcome.stderr) or last_line(outcome.stdout)
        return _trouble(host, f"the login shell did not run our command (exit code {outcome.code}{_quoted(said)})")
    if sudo := _of_sudo(outcome, errors):
        return Trouble(reason=f"{host.name}: needs root: {sudo}", untouched=True)
    said = _quoted(last_line(outcome.stderr))
    return _trouble(host, f"no shell started in {host.transport} {host.address} (exit code {outcome.code}{said})")


def _after_greeting(host: Host, outcome: Outcome, errors: str, problem: str) -> Trouble:
    if sudo := _of_sudo(outcome, errors):
        user = host.user or "the login user"
        return Trouble(reason=f"{host.name}: needs root, and {user} is not: {sudo}", untouched=True)
    if host.transport is Via.SSH and outcome.code == 255:
        if _LOST.search(errors):
            return _trouble(host, f"{_at(host)} closed the connection half way")
        return _trouble(host, "the shell on the guest was ended by a signal, or with exit code 255")
    return _trouble(host, f"{problem} (exit code {outcome.code}{_quoted(last_line(outcome.stderr))})")


_SUDO = (
    (
        r"^sudo: (?:a password is required|a terminal is required)",
        "sudo asks for a password (add NOPASSWD, or log in as root)",
    ),
    (r"^sudo: .*you must have a tty", "sudo insists on a terminal (remove requiretty)"),
    (r"is not in the sudoers file|may not run sudo|not allowed to execute", "sudo does not allow it"),
    (r"\bsudo: (?:(?:command )?not found|Permission denied|No such file)", "there is no sudo"),
)


def _of_sudo(outcome: Outcome, errors: str) -> str | None:
    """What keeps sudo from starting a shell; None if it is not sudo's fault."""
    if outcome.code not in {1, 126, 127}:
        return None
    return next((means for pattern, means in _SUDO if re.search(pattern, errors, re.MULTILINE)), None)


def _of_ssh(host: Host, errors: str) -> Trouble:
    for sign in _SIGNS:
        match = sign.pattern.search(errors)
        if match is not None:
            if host.via is not None and match[0] in _CUT_OFF:
                return _trouble(
                    host, f"no connection to {_at(host)} through the jump host {host.via} (is it up, is sshd running?)"
                )
            words = {"login": host.user or "(default)", "at": _at(host)}
            words |= {name: text for name, text in match.groupdict().items() if text is not None}
            reason = clean(f"{host.name}: {_through(host, errors, match)}{sign.means.format(**words)}", 400)
            return Trouble(reason=reason, owner=sign.owner, untouched=sign.early)
    return _trouble(host, f"ssh failed{_quoted(last_line(errors.encode()))}")


def _through(host: Host, errors: str, match: re.Match[str]) -> str:
    """``jump host NAME: `` where the message is about the jump host."""
    if host.via is None or "stdio forwarding failed" in errors or "open failed" in errors:
        return ""
    for jump in host.via.split(","):
        name = jump.rpartition("@")[2]
        bare = name.partition("]")[0].lstrip("[") if name.startswith("[") else name.partition(":")[0]
        if bare != host.address and bare in match[0]:
            return f"jump host {bare}: "
    return ""


def _quoted(said: str) -> str:
    return f"; it said: {said}" if said else ""


def _trouble(host: Host, what: str) -> Trouble:
    return Trouble(reason=f"{host.name}: {what}")
