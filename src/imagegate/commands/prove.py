"""``imagegate prove``: boot two servers from an image, and see whether they share an identity."""
# ruff: noqa: T201, PLC0415

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Callable, Sequence
from dataclasses import fields
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from imagegate.cli import nearest
from imagegate.errors import UsageError
from imagegate.notify.arguments import add_notify, read_notify
from imagegate.notify.hooks import NOBODY, NotifyOptions
from imagegate.options import Options, wanted_clouds
from imagegate.policy_info import policy_info
from imagegate.report.formats import ALWAYS, FORMATS, files_of
from imagegate.report.lines import output
from imagegate.report.safe import TEXT_LIMIT, inert, visible
from imagegate.report.stored import document_of
from imagegate.report.terminal import render_result
from imagegate.report.write import write_reports
from imagegate.result import ExitCode, Result
from imagegate.runs.naming import FORMS, resolve
from imagegate.shielded import Shielded

if TYPE_CHECKING:
    from imagegate.policy_model import Policy

_ABOUT = """\
Boots two servers from an image through the compute API, waits until both are ACTIVE and answer over SSH, and compares
what they must not share: machine id, D-Bus id, SSH host keys, host name, DHCP client id. An equal pair is a fail. Both
servers are always removed again, also after an error or Ctrl-C; what could not be removed is named.

Of an image whose os_type is windows it compares the machine SID, MachineGuid and host name, over WinRM (HTTPS, NTLM).
That is not yet proven on real Windows.
"""

_MORE = """\
examples:
  imagegate prove golden-web-20260510 --cloud nhn --region KR1 --flavor u2.c1m2 --network NETWORK-ID \\
      --key-name ops --identity-file ~/.ssh/ops
  imagegate prove IMAGE --policy golden.yaml          flavor, network, key … from the policy's section prove
  imagegate prove IMAGE --cloud nhn --flavor m2.c1m2 --volume-size 20
      a flavor without a local disk boots from a volume
  imagegate prove golden-win-20260510 --cloud nhn --flavor m2.c2m4 --volume-size 50 --password-env WIN_PASSWORD
      a Windows image; the password is in the variable, never in an argument
  imagegate prove --clean 20260510T090000Z-3f2a
      remove the servers of a proof that was killed
  imagegate prove IMAGE --cloud sandbox --region KR1 --flavor u2.c1m2 --address-from metadata:sandbox_address \\
      --ssh-port 2222 --ssh-config ~/.cache/imagegate/sandbox/run/ssh_config
      in the sandbox, whose servers have no networks: their address stands in their metadata

Nothing secret is kept: of ids only digests, keyed with a key that is thrown away. SSH host keys of new servers are not
known to anybody, so they are taken as they come (the report says so); --check-host-keys demands known ones, for images
whose host keys a certificate authority signs at boot.

Killed with SIGKILL it cannot remove its servers: the next prove with the same --report-dir does, or prove --clean RUN.
Only those are removed that the run has written down before it made them (RUN/prove.json), and that carry its mark.

exit codes: 0 all differ (with --clean: nothing is left), 1 an equal pair, 10 something could not be seen, 11 something
could not be removed, 4 usage or policy error, 2 interrupted, 3 internal error
"""

_REMOVAL_S = 180.0
_ADDRESS = re.compile(r"addresses(:.+)?|metadata:.+")


def main(argv: Sequence[str]) -> int:
    """Prove."""
    parser = _parser()
    try:
        given = parser.parse_args(list(argv))
    except SystemExit as stop:
        return 4 if stop.code else 0
    if given.clean is not None:
        return _clean(given)
    if given.image is None:
        raise UsageError("prove: IMAGE must be given (or --clean RUN)")
    from imagegate.prove import PATIENCE, Proof
    from imagegate.prove_report import again

    told = read_notify(given)
    policy = None if given.policy is None else _policy(given)
    clouds = _clouds(given, policy)
    with Shielded(lambda: say(PATIENCE)) as shield:
        proof = Proof(
            image=given.image,
            boots=_boots(given, policy),
            clouds=clouds,
            policy=None if policy is None else policy_info(policy),
            report_dir=given.report_dir.absolute(),
            shield=shield,
            say=say,
        )
        say(f"run {proof.run_id}; if it is killed, this removes its servers: {again(proof.run_id, given.report_dir)}")
        return finish(proof.run(), given.report_dir, shield, formats=given.format, told=told)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="imagegate prove",
        description=_ABOUT,
        epilog=_MORE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("image", metavar="IMAGE", nargs="?", help="the image, by id or by name")
    parser.add_argument("--clean", metavar="RUN", help=f"remove what this run has left: {FORMS}")
    where = parser.add_argument_group("where")
    where.add_argument("--policy", type=Path, metavar="FILE", help="the policy: its section prove, and its clouds")
    where.add_argument("--checks", action="append", default=[], metavar="DIR", help="a folder of your own checks")
    where.add_argument("--cloud", action="append", default=[], metavar="NAME", help="an entry of clouds.yaml")
    where.add_argument("--region", action="append", default=[], metavar="NAME", help="only this region")
    boot = parser.add_argument_group("how the servers are made")
    boot.add_argument("--flavor", metavar="NAME", help="their flavor, by name or id")
    boot.add_argument("--network", metavar="ID", help="the network they are attached to; else what the cloud chooses")
    boot.add_argument("--key-name", metavar="NAME", help="the key pair, as the compute API knows it")
    boot.add_argument("--volume-size", type=_positive, metavar="GB", help="boot from volumes of this size")
    reach = parser.add_argument_group("how they are reached")
    reach.add_argument(
        "--address-from", type=_source, metavar="SOURCE",
        help="addresses (floating before fixed, IPv4 before IPv6; the default), addresses:NETWORK, or metadata:KEY",
    )  # fmt: skip
    reach.add_argument("--user", metavar="NAME", help="who logs in; else the image's login_username, else ssh decides")
    reach.add_argument("--ssh-port", type=_positive, metavar="PORT", help="SSH's port (22, or what ssh's files say)")
    reach.add_argument("--ssh-config", type=Path, metavar="FILE", help="in place of ~/.ssh/config")
    reach.add_argument("--identity-file", type=Path, metavar="FILE", help="the private key of --key-name")
    reach.add_argument("--via", metavar="[USER@]HOST[:PORT]", help="a jump host")
    reach.add_argument(
        "--check-host-keys", action="store_true", help="refuse unknown SSH host keys (Windows: certificates)"
    )
    reach.add_argument(
        "--password-env", metavar="NAME", help="Windows: the variable that holds the password which the image brings"
    )
    reach.add_argument("--winrm-port", type=_positive, metavar="PORT", help="Windows: WinRM's port for HTTPS (5986)")
    reach.add_argument("--ca-file", type=Path, metavar="FILE", help="Windows: the certificates that are trusted")
    reach.add_argument(
        "--timeout", dest="timeout_s", type=_positive, metavar="SECONDS",
        help="how long until ACTIVE, and again until SSH answers (600)",
    )  # fmt: skip
    parser.add_argument(
        "--report-dir", type=Path, default=Path("reports"), metavar="DIR", help="where reports go (reports/)"
    )
    parser.add_argument(
        "--format", action="append", default=[], type=form, metavar="NAME",
        help="write the report in this form too; may be repeated (imagegate report --help lists them)",
    )  # fmt: skip
    add_notify(parser)
    return parser


def _clean(given: argparse.Namespace) -> int:
    """Remove what a killed proof has left. All that has to be known for that stands in its folder."""
    from imagegate.prove import compute_of
    from imagegate.prove_clean import clean
    from imagegate.prove_servers import Boots
    from imagegate.prove_state import FILE
    from imagegate.runs.shelves import Begun
    from imagegate.transports.openstack.failures import ApiError
    from imagegate.transports.openstack.transport import OpenStack

    stray = [name for name in ("image", "policy", "cloud", "region", *(field.name for field in fields(Boots)))
             if getattr(given, name, None)]  # fmt: skip
    if stray:
        raise UsageError(f"--clean RUN needs nothing else: leave out {', '.join(stray)}")
    reports = given.report_dir.absolute()
    folder = reports / resolve(Begun(reports, FILE, "proof"), given.clean)
    openstack = OpenStack()
    try:
        done = clean(folder, lambda *place: compute_of(openstack, *place), seconds=_REMOVAL_S, say=say)
    except ApiError as error:
        say(f"ERROR: {error}")
        return int(ExitCode.FIX_FAILED)
    finally:
        openstack.close()
    for line in done.lines or (f"run {done.run} has left nothing",):
        print(visible(line, TEXT_LIMIT))
    return int(ExitCode.FIX_FAILED if done.left else ExitCode.COMPLIANT)


def _policy(given: argparse.Namespace) -> Policy:
    from imagegate.catalogue import load_catalogue, packaged_root
    from imagegate.policy import load_policy

    checks = load_catalogue([packaged_root(), *map(Path, given.checks)]).checks
    return load_policy(given.policy, checks, today=datetime.now(UTC).date())


def _clouds(given: argparse.Namespace, policy: Policy | None) -> dict[str, tuple[str, ...] | None]:
    from imagegate.run import cloud_of_environment

    options = Options(
        command="prove", policy=Path(), clouds=tuple(given.cloud), regions=tuple(given.region)
    )  # fmt: skip
    clouds = wanted_clouds(options, policy.scope.clouds if policy else None, cloud_of_environment())
    if not clouds:
        raise UsageError("prove: no cloud is named: use --cloud NAME, scope.clouds in the policy, or OS_* variables")
    return clouds


def _boots(given: argparse.Namespace, policy: Policy | None) -> Any:
    from imagegate.prove_servers import Boots

    said = {each.name: getattr(given, each.name, None) for each in fields(Boots)}
    wanted = {name: value for name, value in said.items() if value is not None}
    if policy is not None:
        ruled = {each.name: getattr(policy.prove, each.name) for each in fields(policy.prove)}
        wanted = {**{name: value for name, value in ruled.items() if value is not None}, **wanted}
    if "flavor" not in wanted:
        raise UsageError(
            "prove: of which flavor shall the servers be? --flavor NAME, or prove: {flavor: …} in the policy"
        )
    for name in ("ssh_config", "identity_file", "ca_file"):
        if name in wanted:
            wanted[name] = wanted[name].expanduser().absolute()
            if not wanted[name].is_file():
                raise UsageError(f"--{name.replace('_', '-')} {wanted[name]}: no such file")
    return Boots(**wanted)


def say(text: str) -> None:
    """What happens, for whoever waits."""
    print(inert(visible(text, TEXT_LIMIT)), file=sys.stderr, flush=True)


def form(name: str) -> str:
    """A name that ``--format`` knows."""
    if name not in FORMATS and name not in ALWAYS:
        raise argparse.ArgumentTypeError(f"{name}: there is no such form{nearest(name, FORMATS)}")
    return name


def finish(
    result: Result,
    report_dir: Path,
    shield: Shielded,
    *,
    next_command: str | None = None,
    complain: Callable[[str], None] = say,
    formats: Sequence[str] = (),
    told: NotifyOptions = NOBODY,
) -> int:
    """Write the reports and print the result, with what to run next; the exit code. Only hooks can be interrupted."""
    code = int(result.exit_code)
    folder: Path | None = None
    try:
        folder = write_reports(result, report_dir, next_command=next_command, say=complain, formats=formats)
    except OSError as error:
        complain(f"ERROR: the reports could not be written: {error.filename or report_dir}: {error.strerror or error}")
        code = min(code, 4, key=(4, 3, 2, 11, 1, 10, 6, 5, 0).index)
    console = output(sys.stdout, colour=True)
    render_result(result, console, verbose=True, next_command=next_command, report_path=folder, forms=files_of(formats))
    sys.stdout.flush()
    if told.hooks or told.silent:
        from imagegate.notify.run import notify

        try:
            with shield.open(after=shield.pending):
                notify(document_of(result), told, complain)
        except KeyboardInterrupt:
            complain("--notify: interrupted; whether all hooks were told is not known")
    return code


def _positive(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"{text}: at least 1")
    return value


def _source(text: str) -> str:
    if not _ADDRESS.fullmatch(text):
        raise argparse.ArgumentTypeError(f"{text}: addresses, addresses:NETWORK, or metadata:KEY")
    return text
