#!/bin/sh
# Makes the source archive of a release, if all is as a release must be. docs/releasing.md is the whole list.
#
#     sh tools/release.sh [--quick]
#
# Checks that the tree is clean and every version the same, packs the commit with `meson dist`, unpacks the archive, builds it and runs its
# tests, and installs it as Debian would. --quick runs of the tests only those of interface and installation. The archive and its
# checksum lie in build-release/meson-dist. Tags nothing and publishes nothing: the last lines say how.
set -eu

quick=no
case "$#:${1:-}" in
0:) ;;
1:--quick) quick=yes ;;
*)
    echo "usage: sh tools/release.sh [--quick]" >&2
    exit 2
    ;;
esac
cd "$(dirname "$0")/.."
fail() {
    echo "release.sh: $1" >&2
    exit 1
}

echo "== the tree and its versions"
test -z "$(git status --porcelain)" || fail "the tree is not clean: $(git status --porcelain | head -n 1)"
version=$(sed -n "s/^project([^)]*version: '\([0-9.]*\)'.*/\1/p" meson.build)
heading=$(grep -m 1 '^## ' CHANGELOG.md)
echo "$heading" | grep -Eqx "## $version, [0-9]{4}-[0-9]{2}-[0-9]{2}" ||
    fail "CHANGELOG.md begins with '$heading', expected '## $version, YYYY-MM-DD'"
header=$(sed -n 's/^#define SNARM_VERSION_[A-Z]* \([0-9]*\)$/\1/p' include/snarm/status.h | paste -s -d .)
test "$header" = "$version" || fail "include/snarm/status.h has version $header, meson.build $version"
grep -q "\"libsnarm $version\"" docs/snarm.1 || fail "docs/snarm.1 is not of version $version"
dumps=$(cd lib/abi && echo *.abi)
test "$dumps" = "libsnarm-$version.abi" || fail "lib/abi holds $dumps, expected libsnarm-$version.abi: python3 tools/abi.py release"
if [ -f pyproject.toml ] && grep -q '^version *=' pyproject.toml; then
    grep -q "^version *= *\"$version\"" pyproject.toml || fail "pyproject.toml is not of version $version"
fi
test -z "$(git tag --list "v$version")" || test "$(git rev-parse "v$version^{commit}")" = "$(git rev-parse HEAD)" ||
    fail "v$version is there already, at another commit"
command -v abidiff >/dev/null || fail "abidiff is not there; install abigail-tools"

echo "== archive of $(git rev-parse --short HEAD)"
rm -rf build-release
shared=$(cd ../shared 2>/dev/null && pwd || echo ../shared)
# The archive's own builds take oneDNN's wheels from here.
export MESON_PACKAGE_CACHE_DIR="${MESON_PACKAGE_CACHE_DIR:-$PWD/subprojects/packagecache}"
meson setup build-release --buildtype=release -Ddebug=true -Dwerror=true -Dshared_data="$shared" >build-release.log 2>&1 ||
    fail "meson setup failed: see build-release.log"
mv build-release.log build-release/
archive=build-release/meson-dist/libsnarm-$version.tar.xz
if [ "$quick" = yes ]; then
    meson dist -C build-release --no-tests
else
    meson dist -C build-release # unpacks it, builds it, runs every test
fi
(cd build-release/meson-dist && sha256sum -c "libsnarm-$version.tar.xz.sha256sum")

echo "== what is in it"
unpacked=$(mktemp -d)
trap 'rm -rf "$unpacked"' EXIT
tar -xf "$archive" -C "$unpacked"
git ls-files | sort >"$unpacked/expected"
(cd "$unpacked/libsnarm-$version" && find . -type f -o -type l) | sed 's|^\./||' | sort >"$unpacked/found"
diff "$unpacked/expected" "$unpacked/found" || fail "the archive does not hold the commit's files and no others"
echo "$(wc -l <"$unpacked/found") files, those of the commit, $(($(wc -c <"$archive") / 1024)) KiB"
if [ "$quick" = yes ]; then
    (cd "$unpacked/libsnarm-$version" && meson setup build --buildtype=release -Ddebug=true -Dwerror=true -Dshared_data="$shared" &&
        ninja -C build && meson test -C build --no-rebuild --suite abi --suite install && meson test -C build --no-rebuild house) \
        >"$unpacked/log" 2>&1 || { tail -n 50 "$unpacked/log"; fail "the archive does not build or its tests fail"; }
    grep -E '(OK|SKIP) ' "$unpacked/log"
fi
echo "== installed as Debian's packages are"
python3 "$unpacked/libsnarm-$version/tests/install/debian_style.py"
git status --porcelain | grep . && fail "the tests left files in the tree"

echo
echo "libsnarm $version is ready:"
cat "$archive.sha256sum"
echo "    git tag -a v$version -m 'libsnarm $version' && git push origin v$version"
echo "and publish $archive with its .sha256sum."
