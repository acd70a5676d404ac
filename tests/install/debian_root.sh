#!/bin/sh
# Makes a Debian package by hand, installs it with dpkg into a fresh Debian 12 of nothing else, uses it there, and removes it again.
# By hand, as root; needs debootstrap, dpkg-dev and a Debian mirror; minutes.
#
#     sh tests/install/debian_root.sh FOLDER
#
# FOLDER is made anew: FOLDER/root is the Debian, FOLDER/libsnarm_VERSION_amd64.deb the package.
set -eu

if [ $# -ne 1 ] || [ -e "$1" ]; then
    echo "usage: sh tests/install/debian_root.sh FOLDER     (a folder that is not there yet)" >&2
    exit 2
fi
mkdir -p "$1"
folder=$(cd "$1" && pwd)
source=$(cd "$(dirname "$0")/../.." && pwd)
version=$(sed -n "s/^project([^)]*version: '\([0-9.]*\)'.*/\1/p" "$source/meson.build")

echo "== build and install under a folder"
meson setup "$folder/build" "$source" --wrap-mode=nodownload --buildtype=plain --prefix=/usr --sysconfdir=/etc --localstatedir=/var \
    --libdir=lib/x86_64-linux-gnu -Dtests=false \
    -Dc_args="$(dpkg-buildflags --get CFLAGS)" -Dc_link_args="$(dpkg-buildflags --get LDFLAGS)" >"$folder/build.log"
ninja -C "$folder/build" >>"$folder/build.log"
meson install -C "$folder/build" --no-rebuild --destdir "$folder/package" >>"$folder/build.log"
strip --strip-unneeded "$folder/package/usr/bin/snarm" "$folder/package/usr/lib/x86_64-linux-gnu/libsnarm.so.$version"
gzip -9n "$folder/package/usr/share/man/man1/snarm.1"

echo "== package"
# The libraries that it links, as dpkg-shlibdeps finds them; oneDNN is its own.
mkdir -p "$folder/debian" "$folder/package/DEBIAN"
printf 'Source: libsnarm\n\nPackage: libsnarm\nArchitecture: amd64\nDescription: a\n' >"$folder/debian/control"
depends=$(cd "$folder" && dpkg-shlibdeps -O --ignore-missing-info -lpackage/usr/lib/x86_64-linux-gnu/snarm -xlibsnarm \
    package/usr/bin/snarm \
    "package/usr/lib/x86_64-linux-gnu/libsnarm.so.$version" \
    package/usr/lib/x86_64-linux-gnu/snarm/libdnnl.so.3 2>"$folder/shlibdeps.log" |
    sed -n 's/^shlibs:Depends=//p')
cat >"$folder/package/DEBIAN/control" <<END
Package: libsnarm
Version: $version
Architecture: amd64
Maintainer: libsnarm <libsnarm@localhost>
Depends: $depends
Section: science
Priority: optional
Description: anomaly detection for industrial inspection
 Finds defects that no one has seen before: library, headers and command.
END
echo activate-noawait ldconfig >"$folder/package/DEBIAN/triggers"
dpkg-deb --build --root-owner-group "$folder/package" "$folder/libsnarm_${version}_amd64.deb"
dpkg-deb --info "$folder/libsnarm_${version}_amd64.deb"

echo "== a fresh Debian 12, with what the package depends on"
debootstrap --variant=minbase --include="$(echo "$depends" | sed 's/ ([^)]*)//g; s/ //g')" bookworm "$folder/root" >"$folder/debootstrap.log"
inside() { env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C chroot "$folder/root" "$@"; }
list_files() {
    inside find / -xdev \( -path /proc -o -path /var/lib/dpkg -o -path /var/cache -o -path /var/log -o -path /run -o -path /tmp \) \
        -prune -o -print | sort
}
list_files >"$folder/before"

echo "== install"
cp "$folder/libsnarm_${version}_amd64.deb" "$folder/root/tmp/"
inside dpkg --install "/tmp/libsnarm_${version}_amd64.deb"
inside dpkg --status libsnarm | grep -E '^(Status|Version)'
inside dpkg --verify libsnarm
inside ldconfig -p | grep libsnarm
inside ldd /usr/lib/x86_64-linux-gnu/libsnarm.so.0

echo "== use"
inside snarm --version | tee "$folder/said"
grep -qx "snarm $version" "$folder/said"
inside snarm info /usr/bin/snarm && exit 1 || test $? -eq 3
"$folder/build/examples/make_parts/make_parts" "$folder/root/tmp/parts" >/dev/null 2>&1 || true
python3 - "$folder/root/tmp/resnet.safetensors" "$source/tests/cli" <<'END'
"""A small network of random weights."""
import sys
sys.path.insert(0, sys.argv[2])
import sample_files
sample_files.safetensors(sys.argv[1], sample_files.random_resnet())
END
good=$(cd "$folder/root/tmp/parts" && find . -type d -path '*train/good' | sort | head -n 1)
inside snarm fit --images "/tmp/parts/$good" --backbone /tmp/resnet.safetensors --size 64 --steps 0 --out /tmp/part.snarm
inside snarm inspect --model /tmp/part.snarm "/tmp/parts/$good" | head -n 3

echo "== remove"
inside dpkg --purge libsnarm
list_files >"$folder/after"
diff "$folder/before" "$folder/after"
echo "nothing is left"
