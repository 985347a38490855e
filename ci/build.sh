#!/usr/bin/env bash
# Builds the release: the binary of the profile `dist`, packed by ci/package.sh with its checksum.
#
# usage: ci/build.sh
# Leaves build/artifact/{ballast_VERSION_ARCH.deb,SHA256SUMS}. The same commit with the same
# compiler gives the same package, byte by byte.
# shellcheck source=ci/lib.sh
. "$(dirname "$0")/lib.sh"
help_of "$@"

need cargo "cargo, or Rust from https://rustup.rs"
say "building $(commit)"
# Paths of the builder do not enter the binary.
export RUSTFLAGS="${RUSTFLAGS:-} --remap-path-prefix=$PWD=/build --remap-path-prefix=${CARGO_HOME:-$HOME/.cargo}=/cargo"
cargo build --profile dist --locked --package ballast
ci/package.sh "${CARGO_TARGET_DIR:-target}/dist/ballast"
