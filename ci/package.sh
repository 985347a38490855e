#!/usr/bin/env bash
# Packs a built ballast into a Debian package with its systemd units, and writes its checksum.
#
# usage: ci/package.sh [BINARY] [OUTPUT_FOLDER]
#   BINARY         default target/dist/ballast
#   OUTPUT_FOLDER  default build/artifact
# The same binary gives the same package, byte by byte: times are the commit's, owners are root,
# names are sorted. SOURCE_DATE_EPOCH sets another time.
# shellcheck source=ci/lib.sh
. "$(dirname "$0")/lib.sh"
help_of "$@"

binary=${1:-target/dist/ballast}
output=${2:-$ARTIFACTS}
[ -x "$binary" ] || fail "there is no program $binary; run ci/build.sh, or name one"
need dpkg-deb dpkg
epoch=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct)}
export SOURCE_DATE_EPOCH=$epoch

version=$("$binary" --version | cut -d ' ' -f 2)
[ -n "$version" ] || fail "$binary does not tell its version"
architecture=$(dpkg --print-architecture)
root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
chmod 755 "$root"

install -D -m 755 "$binary" "$root/usr/bin/ballast"
strip --strip-debug "$root/usr/bin/ballast" 2>/dev/null || true
for unit in packaging/*.service; do
    install -D -m 644 "$unit" "$root/usr/lib/systemd/system/${unit##*/}"
done
install -D -m 644 packaging/sysusers.conf "$root/usr/lib/sysusers.d/ballast.conf"
install -D -m 644 packaging/tmpfiles.conf "$root/usr/lib/tmpfiles.d/ballast.conf"
install -D -m 644 packaging/server.json.example "$root/usr/share/doc/ballast/server.json.example"
install -D -m 644 docs/operate.md "$root/usr/share/doc/ballast/operate.md"
install -d -m 755 "$root/DEBIAN"
for script in postinst prerm; do
    install -m 755 "packaging/$script" "$root/DEBIAN/$script"
done
size=$(du -sk --apparent-size "$root/usr" | cut -f 1)
sed -e "s/@VERSION@/$version/" -e "s/@ARCHITECTURE@/$architecture/" -e "s/@SIZE@/$size/" \
    packaging/control.in >"$root/DEBIAN/control"
chmod 644 "$root/DEBIAN/control"
find "$root" -exec touch --no-dereference --date="@$epoch" {} +

mkdir -p "$output"
package="ballast_${version}_${architecture}.deb"
dpkg-deb --root-owner-group --uniform-compression -Zxz -z1 --threads-max=1 \
    --build "$root" "$output/$package" >&2
(cd "$output" && sha256sum "$package" >SHA256SUMS)
cat "$output/SHA256SUMS"
