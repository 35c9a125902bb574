"""``imagegate policy``: check a policy file, or print the JSON Schema of policies."""
# ruff: noqa: T201, PLC0415

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from imagegate.catalogue import load_catalogue, packaged_root
from imagegate.cli import USAGE
from imagegate.errors import InputErrors
from imagegate.report.safe import TEXT_LIMIT, visible
from imagegate.report.words import plural


def main(argv: Sequence[str]) -> int:
    """Check, or print the schema."""
    parser = argparse.ArgumentParser(prog="imagegate policy", description="Check policies, or print their schema.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="check|schema")
    check = commands.add_parser("check", help="say what is wrong with a policy, with line and column")
    check.add_argument("files", nargs="+", type=Path, metavar="FILE")
    schema = commands.add_parser("schema", help="print the JSON Schema, for editors")
    for each in (check, schema):
        each.add_argument("--checks", action="append", default=[], metavar="DIR", help="a folder of your own checks")
    try:
        given = parser.parse_args(list(argv))
    except SystemExit as stop:
        return 4 if stop.code else 0
    checks = load_catalogue([packaged_root(), *map(Path, given.checks)]).checks
    if given.command == "schema":
        from imagegate.policy_schema import policy_schema

        print(json.dumps(policy_schema(checks), indent=2))
        return 0
    from imagegate.policy import load_policy

    code = 0
    for file in given.files:
        try:
            policy = load_policy(file, checks, today=datetime.now(UTC).date())
        except InputErrors as error:
            print(_shown(error), file=sys.stderr)
            code = USAGE
            continue
        ids = {required.check.id for rule in policy.rules for required in rule.required}
        parts = [plural(len(policy.rules), "rule"), plural(len(ids), "check"), plural(len(policy.waivers), "waiver")]
        parts.append(plural(len(policy.attestations), "attestation"))
        print(f"{file}: OK: policy {visible(policy.name)} version {policy.version}: {', '.join(parts)}")
    return code


def _shown(error: InputErrors) -> str:
    """``file:line:column: message``, a line each, as editors and CI logs expect it."""
    return "\n".join(visible(line, TEXT_LIMIT) for line in str(error).splitlines())
