#!/bin/sh
# Make the project's own environment from a hashed lock file: tools/bootstrap.sh VENV [LOCK]
# uv (pinned in the same lock) installs in seconds; where it cannot, pip does the same from the same file.
set -eu
cd "$(dirname "$0")/.."
venv=$1
lock=${2:-tools/lock.txt}
python=${PYTHON:-python3}

say() { printf 'bootstrap: %s\n' "$*"; }

"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || {
    say "$("$python" --version) is too old: Python 3.11 or newer is needed (set PYTHON=/path/to/python3.11)" >&2
    exit 1
}
"$python" -c 'import ensurepip' 2>/dev/null || {
    say "this Python cannot make virtual environments: install python3-venv" >&2
    exit 1
}
say "making $venv with $("$python" --version)"
rm -rf "$venv"
"$python" -m venv "$venv"
awk '/^[^ #]/ { mine = /^uv==/ } mine' "$lock" > "$venv/uv.txt"
if "$venv/bin/python" -m pip install -q --disable-pip-version-check --require-hashes --no-deps -r "$venv/uv.txt" &&
    "$venv/bin/uv" pip install -q --python "$venv/bin/python" --require-hashes -r "$lock"; then
    say "installed the locked packages with uv"
else
    say "uv did not work here; installing with pip, which takes a minute"
    "$venv/bin/python" -m pip install -q --disable-pip-version-check --require-hashes -r "$lock"
fi
"$venv/bin/python" -m pip install -q --disable-pip-version-check --no-deps --no-build-isolation --no-index -e .
touch "$venv/.ready"
say "ready"
