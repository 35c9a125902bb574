#!/bin/sh
# Install what the tests of the HTML report need: Chromium and its driver, if this is Debian or
# Ubuntu, we are root, and something is missing. Elsewhere: say what will be left out, and go on.
# tools/browser-tools.sh --fonts adds the fonts of the screenshots (tools/screenshots.py).
set -eu
packages=
need() { command -v "$1" > /dev/null 2>&1 || packages="$packages $2"; }
need chromium chromium
need chromedriver chromium-driver
if [ "${1:-}" = --fonts ]; then
    need pngquant pngquant
    for font in fonts-noto-cjk fonts-inter fonts-jetbrains-mono; do
        dpkg -s "$font" > /dev/null 2>&1 || packages="$packages $font"
    done
fi
[ -n "$packages" ] || exit 0
if [ "$(id -u)" -ne 0 ] || ! command -v apt-get > /dev/null 2>&1 || [ -n "${IMAGEGATE_NO_APT:-}" ]; then
    printf 'browser tools: the HTML report is tested with%s (as root, with apt-get); going on without\n' "$packages"
    exit 0
fi
printf 'browser tools: installing%s\n' "$packages"
export DEBIAN_FRONTEND=noninteractive
log=$(mktemp)
trap 'rm -f "$log"' EXIT
# shellcheck disable=SC2086  # a list of words on purpose
if ! { apt-get update && apt-get install -y --no-install-recommends $packages; } > "$log" 2>&1; then
    tail -n 20 "$log" >&2
    printf 'browser tools: apt-get failed; going on without what is missing\n' >&2
fi
