"""The options of notifications, for commands that read their own command line."""

from __future__ import annotations

import argparse
import os

from imagegate.notify.hooks import NotifyOptions, notify_options

NOTIFY = """\
tell this webhook when the run has ended: slack:env:NAME or json:env:NAME, NAME being the variable of the environment
that holds its URL; may be repeated"""
NOTIFY_ON = "when hooks are told: problem (the exit code is not 0; the default), always, or new (since the baseline)"
NOTIFY_SECRET = "sign what json hooks are sent (HMAC-SHA256) with the secret in this variable"


def add_notify(parser: argparse.ArgumentParser) -> None:
    """Add ``--notify``, ``--notify-on`` and ``--notify-secret``."""
    group = parser.add_argument_group("who is told")
    group.add_argument("--notify", action="append", default=[], metavar="KIND:env:NAME", help=NOTIFY)
    group.add_argument("--notify-on", metavar="problem|always|new", help=NOTIFY_ON)
    group.add_argument("--notify-secret", metavar="env:NAME", help=NOTIFY_SECRET)


def read_notify(given: argparse.Namespace) -> NotifyOptions:
    """What they say. Raises ``UsageError``."""
    return notify_options(given.notify, when=given.notify_on, secret=given.notify_secret, environment=os.environ)
