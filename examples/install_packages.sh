#!/bin/sh
# Installs what the build needs on Debian 12 and its descendants, as root or through sudo. Packages that are
# there already are left alone; where none is missing, nothing is run. Further packages may be named: those that only
# the tests need, for instance.
#
#     sh examples/install_packages.sh [PACKAGE...]
set -eu

packages="gcc libc6-dev meson ninja-build pkg-config python3 python3-pip libpng-dev libjpeg62-turbo-dev
          libtiff-dev libjansson-dev libmd-dev check $*"

if ! command -v dpkg >/dev/null || ! command -v apt-get >/dev/null; then
    echo "This is no Debian system. Install by its own means, then run again with --no-install:" >&2
    echo "  a C compiler, meson 1.0, ninja, pkg-config, python3 with pip, and the headers of libpng," >&2
    echo "  libjpeg-turbo, libtiff (4.5 or later; can be left out), jansson, libmd and check" >&2
    [ $# -eq 0 ] || echo "  and what Debian calls $*" >&2
    exit 1
fi

is_there() {
    dpkg -s "$1" 2>/dev/null | grep -q '^Status: .* installed$' && return
    # A newer one that came another way (pip's meson, say) will do as well.
    case $1 in
    meson) command -v meson >/dev/null && [ "$(meson --version | cut -d. -f1)" -ge 1 ] ;;
    ninja-build) command -v ninja >/dev/null ;;
    pkg-config) command -v pkg-config >/dev/null ;;
    cmake) command -v cmake >/dev/null ;;
    python3) command -v python3 >/dev/null ;;
    python3-pip) python3 -m pip --version >/dev/null 2>&1 ;;
    python3-numpy) python3 -c 'import numpy' 2>/dev/null ;;
    python3-pytest) python3 -c 'import pytest' 2>/dev/null ;;
    *) false ;;
    esac
}

missing=""
for package in $packages; do
    is_there "$package" || missing="$missing $package"
done
if [ -z "$missing" ]; then
    echo "packages: all there"
    exit 0
fi

as_root="env"
if [ "$(id -u)" -ne 0 ]; then
    if ! command -v sudo >/dev/null; then
        echo "These packages are missing, and neither root nor sudo is at hand:$missing" >&2
        exit 1
    fi
    as_root="sudo env"
fi
echo "packages: installing$missing"
$as_root DEBIAN_FRONTEND=noninteractive apt-get update -qq
$as_root DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing >/dev/null
