"""The small programs: ``reg``, ``sc``, ``whoami``, ``chcp``, ``shutdown``, ``ipconfig``, ``hostname``."""

from __future__ import annotations

from imagegate.sandbox.windows.machine.console import Console, codec
from imagegate.sandbox.windows.machine.machine import Machine
from imagegate.sandbox.windows.machine.registry import full_key
from imagegate.sandbox.windows.machine.state import Value
from imagegate.sandbox.windows.machine.words import options

SERVICES = r"HKLM\SYSTEM\CurrentControlSet\Services"
START_TYPES = {"boot": 0, "system": 1, "auto": 2, "demand": 3, "disabled": 4}
_STATES = {"stopped": (1, "STOPPED"), "running": (4, "RUNNING"), "paused": (7, "PAUSED")}


def reg(machine: Machine, console: Console, words: list[str]) -> int:
    """``reg query KEY [/v N]``, ``reg add KEY [/v N] [/t TYPE] [/d DATA] /f``, ``reg delete KEY [/v N] /f``."""
    verb = words[0].lower() if words else ""
    parsed = options(words[1:], {"f", "ve", "va"}, {"v", "t", "d"})
    key = full_key(parsed[1][0]) if parsed and len(parsed[1]) == 1 else None
    if parsed is None or key is None or verb not in ("query", "add", "delete"):
        console.complain(console.say("syntax", "REG"))
        return 1
    given = parsed[0]
    if verb == "query":
        return _reg_query(machine, console, key, given)
    if not machine.state.elevated:
        console.complain(console.say("denied"))
        return 1
    if "f" not in given:
        console.complain(console.say("syntax", "REG"))  # it asks, and nobody answers
        return 1
    if verb == "delete":
        if not machine.registry.delete(key, given.get("v")):
            console.complain(console.say("no-key"))
            return 1
    elif "v" in given:
        value = _value(given.get("t", "REG_SZ").upper(), given.get("d", ""))
        if value is None:
            console.complain(console.say("syntax", "REG ADD"))
            return 1
        machine.registry.put(key, given["v"], value)
    else:
        machine.registry.create(key)
    console.print(console.say("done"))
    return 0


def _reg_query(machine: Machine, console: Console, key: str, given: dict[str, str]) -> int:
    found = machine.registry.listing(key)
    values = {} if found is None else found[0]
    if "v" in given:
        values = {name: value for name, value in values.items() if name.casefold() == given["v"].casefold()}
    if found is None or ("v" in given and not values):
        console.complain(console.say("no-key"))
        return 1
    lines: list[str] = []
    if values:
        lines += ["", key]
        lines += [f"    {name or '(Default)'}    {value.type}    {shown(value)}" for name, value in values.items()]
        lines.append("")
    if "v" not in given and found[1]:
        lines += [] if values else [""]
        lines += [f"{key}\\{subkey}" for subkey in found[1]]
    if lines:
        console.print("\n".join(lines))
    return 0


def shown(value: Value) -> str:
    """A value's data as ``reg query`` prints it."""
    if isinstance(value.data, int):
        return f"0x{value.data:x}"
    return "\\0".join(value.data) if isinstance(value.data, list) else value.data


def _value(kind: str, data: str) -> Value | None:
    if kind in ("REG_DWORD", "REG_QWORD"):
        try:
            number = int(data, 16) if data.lower().startswith("0x") else int(data)
        except ValueError:
            return None
        return Value(type=kind, data=number)
    if kind == "REG_MULTI_SZ":
        return Value(type=kind, data=[part for part in data.split("\\0") if part])
    return Value(type=kind, data=data) if kind in ("REG_SZ", "REG_EXPAND_SZ", "REG_BINARY") else None


def sc(machine: Machine, console: Console, words: list[str]) -> int:
    """``sc query NAME`` and ``sc config NAME start= TYPE`` (the blank after the equals sign is needed)."""
    verb = words[0].lower() if words else ""
    name = words[1] if len(words) > 1 else ""
    state = machine.state
    known = next((service for service in state.services if service.casefold() == name.casefold()), None)
    if verb == "query" and len(words) == 2:
        if known is None:
            return _sc_failed(console, "EnumQueryServicesStatus:OpenService", 1060, "no-service")
        number, word = _STATES[state.services[known]]
        accepts = "STOPPABLE, NOT_PAUSABLE, ACCEPTS_SHUTDOWN" if word == "RUNNING" else ""
        lines = [
            "",
            f"SERVICE_NAME: {name}",
            f"        {console.say('sc-type'):<18} : 10  WIN32_OWN_PROCESS  ",
            f"        {console.say('sc-state'):<18} : {number}  {word} ",
            *([f"                                ({accepts})"] if accepts else []),
            "        WIN32_EXIT_CODE    : 0  (0x0)",
            "        SERVICE_EXIT_CODE  : 0  (0x0)",
            f"        {console.say('sc-checkpoint'):<18} : 0x0",
            "        WAIT_HINT          : 0x0",
        ]
        console.print("\n".join(lines))
        return 0
    if verb == "config" and len(words) == 4 and words[2].lower() == "start=" and words[3].lower() in START_TYPES:
        if not state.elevated:
            return _sc_failed(console, "OpenService", 5, "access-denied")
        if known is None:
            return _sc_failed(console, "OpenService", 1060, "no-service")
        start = Value(type="REG_DWORD", data=START_TYPES[words[3].lower()])
        machine.registry.put(f"{SERVICES}\\{known}", "Start", start)
        console.print("[SC] ChangeServiceConfig SUCCESS")
        return 0
    console.print("ERROR:  Unrecognized command\n\nDESCRIPTION:\n        SC is a command line program used for "
                  "communicating with the\n        Service Control Manager and services.")  # fmt: skip
    return 1639


def _sc_failed(console: Console, call: str, number: int, message: str) -> int:
    console.print(f"[SC] {call} FAILED {number}:\n\n{console.say(message)}\n")
    return number


def whoami(machine: Machine, console: Console, words: list[str]) -> int:
    """``whoami`` and ``whoami /groups /fo csv /nh``."""
    state = machine.state
    if not words:
        console.print(f"{state.name.lower()}\\{state.user.lower()}")
        return 0
    if [word.lower() for word in words] != ["/groups", "/fo", "csv", "/nh"]:
        console.complain(console.say("syntax", "WHOAMI"))
        return 1
    level = ("high", 12288) if state.elevated else ("medium", 8192)
    rows = [
        ("everyone", "well-known", "S-1-1-0", "group-on"),
        ("administrators", "alias", "S-1-5-32-544", "group-on" if state.elevated else "group-deny"),
        ("users", "alias", "S-1-5-32-545", "group-on"),
        ("network", "well-known", "S-1-5-2", "group-on"),
        (level[0], "label", f"S-1-16-{level[1]}", ""),
    ]
    for name, kind, sid, attributes in rows:
        shown_attributes = console.say(attributes) if attributes else ""
        console.print(f'"{console.say(name)}","{console.say(kind)}","{sid}","{shown_attributes}"')
    return 0


def chcp(machine: Machine, console: Console, words: list[str]) -> int:
    """``chcp`` shows the console's code page, ``chcp N`` changes it."""
    if words:
        try:
            number = int(words[0])
            codec(number)
        except (ValueError, LookupError):
            console.complain(console.say("bad-code-page"))
            return 1
        console.code_page = number
        console.language = machine.state.language if number == machine.state.oem_code_page else "en"
    console.print(console.say("code-page", console.code_page))
    return 0


def shutdown(machine: Machine, console: Console, words: list[str]) -> int:
    """``shutdown /s|/r [/t SECONDS] [/f]``."""
    parsed = options(words, {"s", "r", "f"}, {"t", "c", "d"})
    chosen = [] if parsed is None or parsed[1] else [name for name in ("s", "r") if name in parsed[0]]
    delay = parsed[0].get("t", "30") if parsed else ""
    if len(chosen) != 1 or not delay.isdigit():
        console.complain(
            "Usage: shutdown [/i | /l | /s | /sg | /r | /g | /a | /p | /h | /e | /o] [/hybrid] [/soft] [/fw]"
        )
        return 87
    if not machine.state.elevated:
        console.complain(console.say("access-denied") + "(5)")
        return 5
    machine.host.power("off" if chosen == ["s"] else "reboot", float(delay))
    return 0


def ipconfig(_machine: Machine, console: Console, _words: list[str]) -> int:
    """``ipconfig`` with whatever options: one adapter, whose lease is always there."""
    console.print(
        "\nWindows IP Configuration\n\n\nEthernet adapter Ethernet:\n\n   Connection-specific DNS Suffix  . : "
    )
    return 0


def hostname(machine: Machine, console: Console, _words: list[str]) -> int:
    """The computer's name."""
    console.print(machine.state.name)
    return 0
