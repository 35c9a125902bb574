#!/bin/sh
# Install what real guests need (systemd-nspawn, a root file system builder, an SSH client and server; qemu-img for
# volumes) and what stands for Windows (Wine, and a compiler for the programs that Wine lacks), if this is Debian or
# Ubuntu, we are root, and something is missing. Elsewhere: say what will be left out, and go on.
set -eu
packages=
need() { command -v "$1" > /dev/null 2>&1 || [ -x "/usr/sbin/$1" ] || packages="$packages $2"; }
need systemd-nspawn systemd-container
need mmdebstrap mmdebstrap
need ip iproute2
need ssh openssh-client
need sshd openssh-server
need busybox busybox
need dash dash
need sudo sudo
ls /usr/lib/*/libnss_systemd.so.2 > /dev/null 2>&1 || packages="$packages libnss-systemd"
need qemu-img qemu-utils
need wine wine
need /usr/lib/wine/wine64 wine64
need x86_64-w64-mingw32-gcc gcc-mingw-w64-x86-64-win32
[ -n "$packages" ] || exit 0
if [ "$(id -u)" -ne 0 ] || ! command -v apt-get > /dev/null 2>&1 || [ -n "${IMAGEGATE_NO_APT:-}" ]; then
    printf 'guest tools: real guests and Wine need%s (as root, with apt-get); going on without them\n' "$packages"
    exit 0
fi
printf 'guest tools: installing%s\n' "$packages"
export DEBIAN_FRONTEND=noninteractive
log=$(mktemp)
trap 'rm -f "$log"' EXIT
# shellcheck disable=SC2086  # a list of words on purpose
if ! { apt-get update && apt-get install -y --no-install-recommends $packages; } > "$log" 2>&1; then
    tail -n 20 "$log" >&2
    printf 'guest tools: apt-get failed; going on without what is missing\n' >&2
fi
