"""The command ``imagegate``: finds the command that is meant, and runs it. Everything heavy is imported by then."""

from __future__ import annotations

import errno
import gc
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from importlib.util import find_spec
from typing import NamedTuple

from imagegate import surroundings
from imagegate.patient import patient_stdout

USAGE = 4
INTERRUPTED = 2
INTERNAL = 3

_FORBIDDEN = frozenset({errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR})
"""What the system says of a file or folder that the user should have named otherwise, or have the rights to."""

_HELP = """\
usage: imagegate COMMAND ...

Judges golden machine images, and the instances they are captured from, against a policy; mends what it may.

commands:
{commands}

examples:
  imagegate gate build-web-01 --policy golden.yaml --cloud nhn --inventory hosts.yaml
      may this instance be captured?
  imagegate audit --policy golden.yaml --cloud nhn
      every image and instance that the policy's rules select
  imagegate audit --policy golden.yaml --cloud nhn --fix --fix-level disruptive
      mend what can be mended, look again, and report
  imagegate checks linux-machine-id-reset
      what a check wants, and why

exit codes:
   0  compliant: nothing stands
   1  a fail stands
   2  interrupted
   3  internal error
   4  usage or policy error
   5  nothing selected
   6  too many warnings
  10  no fail stands, but something is unknown
  11  a fix failed, stopped part way, or was not verified

imagegate COMMAND --help tells more. imagegate --version prints the version.
"""


class Command(NamedTuple):
    """A command: the module whose ``main(argv)`` carries it out, words that stand before ``argv``, and its help."""

    module: str
    words: tuple[str, ...]
    help: str


_COMMANDS = {
    "gate": Command("imagegate.commands.judge", ("gate",), "judge the named instances, before they are captured"),
    "audit": Command("imagegate.commands.judge", ("audit",), "judge everything that the policy's rules select"),
    "capture": Command("imagegate.commands.capture", (), "gate an instance, capture it, make the image comply"),
    "prove": Command("imagegate.commands.prove", (), "boot two servers from an image: do they share an identity?"),
    "undo": Command("imagegate.commands.undo", (), "take back what a run with --fix changed"),
    "report": Command("imagegate.commands.report", (), "show a run's report again, in any form"),
    "history": Command("imagegate.commands.history", (), "the runs that are kept, and the trend; prune old ones"),
    "diff": Command("imagegate.commands.diff", (), "what changed from one run to another"),
    "waive": Command("imagegate.commands.waive", (), "write a waiver for a finding of a run into the policy"),
    "checks": Command("imagegate.commands.checks", (), "list the checks, or explain one"),
    "policy": Command("imagegate.commands.policy", (), "check a policy file, or print the schema"),
    "demo": Command("imagegate.demo", (), "see it all at work on this machine"),
    "sandbox": Command("imagegate.commands.sandbox", (), "a real OpenStack on this machine to try things on"),
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; returns the exit code."""
    words = list(sys.argv[1:] if argv is None else argv)
    surroundings.complete()
    try:
        with patient_stdout() as out:
            code = _dispatch(words)
    except BrokenPipeError:  # of stderr
        return INTERRUPTED
    except KeyboardInterrupt:
        return INTERRUPTED
    if out is None or out.lost is None:
        return code
    usage_error(f"the output could not be written: {out.lost.strerror or out.lost}")
    return code or USAGE


def _dispatch(words: list[str]) -> int:
    first, *rest = words or [""]
    if first in {"-V", "--version"}:
        from importlib.metadata import version

        print(f"imagegate {version('imagegate')}")
        return 0
    commands = available()
    if not words:
        print(_help(commands), end="", file=sys.stderr)
        return USAGE
    if first in {"-h", "--help", "help"}:
        if rest and rest[0] in commands:
            return _run(commands[rest[0]], ["--help"])
        print(_help(commands), end="")
        return 0
    if first not in commands:
        return usage_error(f"there is no command {first!r}{nearest(first, commands)}; imagegate --help lists them all")
    return _run(commands[first], rest)


def _run(command: Command, rest: Sequence[str]) -> int:
    gc.set_threshold(50_000, 20, 20)  # a short-lived process that makes few cycles: imports alone ran it 150 times
    import logging

    logging.getLogger("stamina").addHandler(logging.NullHandler())  # that a request is sent again is progress, no news
    from imagegate.errors import ImagegateError, Owner

    run: Callable[[Sequence[str]], int] = import_module(command.module).main
    try:
        return run([*command.words, *rest])
    except ImagegateError as error:
        usage_error(str(error))
        return USAGE if error.owner is Owner.USER else INTERNAL
    except (BrokenPipeError, SystemExit):
        raise
    except OSError as error:
        if error.errno not in _FORBIDDEN or error.filename is None:
            return _internal()
        return usage_error(f"{os.fsdecode(error.filename)}: {error.strerror}")
    except Exception:  # noqa: BLE001 - Python's own exit code for it is 1, which here means that a fail stands
        return _internal()


def _internal() -> int:
    from traceback import print_exc

    print_exc()
    return INTERNAL


def available() -> Mapping[str, Command]:
    """The commands that are there: one that does not exist yet is not in the help."""
    return {name: command for name, command in _COMMANDS.items() if _exists(command.module)}


def _exists(module: str) -> bool:
    if module.startswith("imagegate.commands."):
        return True
    return find_spec(module) is not None and hasattr(import_module(module), "main")


def _help(commands: Mapping[str, Command]) -> str:
    return _HELP.format(commands="\n".join(f"  {name:<8} {command.help}" for name, command in commands.items()))


def usage_error(message: str) -> int:
    """Say what is wrong with the command line, visibly, whatever it holds."""
    from imagegate.report.safe import TEXT_LIMIT, inert, visible

    for each in message.splitlines():
        shown = inert(visible(each, TEXT_LIMIT))
        print(shown if each.startswith(" ") else f"ERROR: {shown}", file=sys.stderr)
    return USAGE


def nearest(word: str, known: Sequence[str] | Mapping[str, object], *, cutoff: float = 0.6) -> str:
    """``, did you mean …?`` where a known word is near."""
    from difflib import get_close_matches

    found = get_close_matches(word, list(known), n=1, cutoff=cutoff)
    return f", did you mean {found[0]}?" if found else ""
