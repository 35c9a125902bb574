#!/usr/bin/env bash
# Install imagegate into an environment of its own in RUNNER_TEMP: from this checkout, with dependencies pinned by hash,
# or a version from the package index that pip is configured for (IMAGEGATE_VERSION).
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
venv=${RUNNER_TEMP:?is set by GitHub}/imagegate
version=${IMAGEGATE_VERSION:-}

if [[ -n $version && ! $version =~ ^[0-9]+(\.[0-9]+)*((a|b|rc|\.post|\.dev)[0-9]+)?$ ]]; then
    echo "::error::version: not a version like 0.1.0"
    exit 4
fi
"${PYTHON:-python3}" -m venv "$venv"
pip=("$venv/bin/python" -m pip --disable-pip-version-check install --quiet)
if [[ -n $version ]]; then
    "${pip[@]}" "imagegate==$version"
else
    "${pip[@]}" --require-hashes -r "$here/tools/lock-deploy.txt"
    "${pip[@]}" --no-deps --no-build-isolation "$here"
fi
"$venv/bin/imagegate" --version
