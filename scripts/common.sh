# shellcheck shell=bash
# Read by every script here: where the project is, how the scripts speak, how they become root.

set -euo pipefail

project=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$project"

target=${CARGO_TARGET_DIR:-$project/target}
# Tools that only the checks need live with the build output, so that `cargo clean` is all it takes to remove them.
tools=$target/tools
export PATH="$tools/bin:$PATH:${CARGO_HOME:-${HOME:?HOME is not set}/.cargo}/bin"

say() { printf '%s\n' "$*"; }

# fail WHAT [WHAT TO DO NEXT…]
fail() {
  printf 'error: %s\n' "$1" >&2
  shift
  if [ $# -gt 0 ]; then printf '       %s\n' "$@" >&2; fi
  exit 1
}

have() { command -v "$1" >/dev/null 2>&1; }

as_root() {
  if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi
}

can_be_root() { [ "$(id -u)" = 0 ] || have sudo; }
