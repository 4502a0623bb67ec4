#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Installs what the build needs: distribution packages, a private Python environment with LibTorch,
# CMake and Ninja, and Rust where there is none. Run again, it only looks and is done in a second.
#
#   bash packaging/setup.sh [--cpu | --cuda] [--nvcc] [--checks] [--tests] [--no-ui]
#
#   --cpu     LibTorch without the CUDA libraries (default where no NVIDIA driver is loaded)
#   --cuda    LibTorch with the CUDA libraries, and the CUDA compiler (default where one is)
#   --nvcc    the CUDA compiler alone, to compile kernels on a machine without a GPU
#   --checks  tools of the continuous checks: clang-format, clang-tidy
#   --tests   what tests of the window as a program need: an X server without a screen, xdotool
#   --no-ui   leave Qt out
#
# The environment lies at $MXSCOPE_ENV (default ~/.cache/mxscope/env). Debian 12 and Ubuntu 24.04.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"
requirements="$MXSCOPE_ROOT/packaging/requirements"

device=auto nvcc=no checks=no tests=no ui=yes
for argument in "$@"; do
  case "$argument" in
    --cpu) device=cpu ;;
    --cuda) device=cuda ;;
    --nvcc) nvcc=yes ;;
    --checks) checks=yes ;;
    --tests) tests=yes ;;
    --no-ui) ui=no ;;
    -h | --help)
      sed -n '3,16s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"
      exit 0
      ;;
    *) fail "unknown option '$argument'; see bash packaging/setup.sh --help" ;;
  esac
done
if [ "$device" = auto ]; then
  device=cpu
  if has_gpu; then device=cuda; fi
fi
[ "$device" = cuda ] && nvcc=yes

# -- distribution packages ------------------------------------------------------------------------

# A word with bars names alternatives: the first that the distribution has is taken.
packages=(g++ make git pkg-config ccache mold ca-certificates python3 python3-venv
  nlohmann-json3-dev libre2-dev libsqlite3-dev libcurl4-openssl-dev libcli11-dev libspdlog-dev
  libgtest-dev libgmock-dev librapidcheck-dev libbenchmark-dev)
if [ "$ui" = yes ]; then
  packages+=(qt6-base-dev "qt6-svg-dev|libqt6svg6-dev" libqcustomplot-dev fonts-dejavu-core)
fi
if [ "$checks" = yes ]; then
  packages+=("clang-tidy-14|clang-tidy")
fi

command -v apt-get > /dev/null ||
  fail "this script knows Debian and Ubuntu; on another system install these packages or their" \
    "like by hand: ${packages[*]}, and Rust 1.80 or newer"

installed() { dpkg-query -W -f '${Status}\n' "$1" 2> /dev/null | grep -q '^install ok installed$'; }

may_install() {
  [ "$(id -u)" = 0 ] ||
    { command -v sudo > /dev/null && { [ -t 0 ] || sudo -n true 2> /dev/null; }; }
}

# Tests that miss these skip themselves, so a user without the rights goes on without them.
if [ "$ui" = yes ] && [ "$tests" = yes ]; then
  for tool in xvfb xdotool; do
    if installed "$tool" || may_install; then
      packages+=("$tool")
    else
      say "without $tool, which this user may not install, a test of the window is skipped"
    fi
  done
fi

# Words to put before a command that needs root; a person without the rights is told what to run.
root_prefix=()
lists_updated=no
update_lists() {
  if [ "$lists_updated" = yes ]; then return; fi
  if [ "$(id -u)" != 0 ]; then
    may_install ||
      fail "this user may not install packages, and these are missing: ${missing[*]%%|*};" \
        "run 'bash packaging/setup.sh' once as root"
    root_prefix=(sudo)
  fi
  "${root_prefix[@]}" apt-get update -q > "$log" 2>&1 ||
    { tail -n 20 "$log" >&2; fail "apt-get update failed; is the network there?"; }
  lists_updated=yes
}
apt_install() {
  "${root_prefix[@]}" env DEBIAN_FRONTEND=noninteractive \
    apt-get install -y -q --no-install-recommends "$@" > "$log" 2>&1 ||
    { tail -n 20 "$log" >&2; fail "apt-get could not install: $*"; }
}
log="$(mktemp)"
trap 'rm -f "$log"' EXIT

missing=()
for package in "${packages[@]}"; do
  found=no
  for name in ${package//|/ }; do
    if installed "$name"; then found=yes; fi
  done
  if [ "$found" = no ]; then missing+=("$package"); fi
done
if [ "${#missing[@]}" -gt 0 ]; then
  say "installing ${#missing[@]} packages: ${missing[*]}"
  update_lists
  names=()
  for package in "${missing[@]}"; do
    for name in ${package//|/ }; do
      if apt-cache show "$name" > /dev/null 2>&1; then break; fi
    done
    names+=("$name")
  done
  apt_install "${names[@]}"
fi

# -- Rust (for the tokenizer) ---------------------------------------------------------------------

# True where this cargo and its rustc are 1.80 or newer.
rust_is_new() {
  local version
  version="$("$1" --version 2> /dev/null | sed -n 's/^cargo 1\.\([0-9]*\)\..*/\1/p')"
  [ -n "$version" ] && [ "$version" -ge 80 ]
}

if ! rust_is_new cargo; then
  say "installing Rust"
  missing=("cargo and rustc 1.80 or newer")
  update_lists
  if apt-cache show cargo-web > /dev/null 2>&1; then
    apt_install cargo-web rustc-web
  else
    newest="$(apt-cache search --names-only '^cargo-1\.[0-9]+$' | sed -n 's/^cargo-1\.\([0-9]*\) .*/\1/p' |
      sort -n | tail -n 1)"
    [ -n "$newest" ] && [ "$newest" -ge 80 ] ||
      fail "no Rust 1.80 or newer in this distribution; install it from rustup.rs and run again"
    apt_install "cargo-1.$newest" "rustc-1.$newest"
    mkdir -p "$MXSCOPE_ENV/bin"
    for tool in cargo rustc; do ln -sf "$(command -v "$tool-1.$newest")" "$MXSCOPE_ENV/bin/$tool"; done
  fi
  hash -r
  rust_is_new cargo || fail "cargo 1.80 or newer is needed; found $(cargo --version 2>&1 | head -n 1)"
fi

# -- private Python environment -------------------------------------------------------------------

python=""
for candidate in /usr/bin/python3 python3; do
  if "$candidate" -c 'import ensurepip, sys, venv; sys.exit(not (3, 10) <= sys.version_info < (3, 15))' \
    2> /dev/null; then
    python="$candidate"
    break
  fi
done
[ -n "$python" ] || fail "Python 3.10 to 3.14 with its venv module is needed"
if [ ! -x "$MXSCOPE_ENV/bin/pip" ]; then
  say "making the environment $MXSCOPE_ENV"
  mkdir -p "$(dirname "$MXSCOPE_ENV")"
  "$python" -m venv "$MXSCOPE_ENV"
fi

# Installs the named requirement lists, once: a stamp holds the hash of what was installed.
pip_install() {
  local name="$1" stamp hash file arguments=()
  shift
  for file in "$@"; do arguments+=(-r "$requirements/$file.txt"); done
  hash="$(cd "$requirements" && cat "${@/%/.txt}" | sha256sum | cut -d ' ' -f 1)"
  stamp="$MXSCOPE_ENV/.mxscope-$name"
  if [ "$(cat "$stamp" 2> /dev/null)" = "$hash" ]; then return; fi
  say "installing into the environment: $*"
  "$MXSCOPE_ENV/bin/python" -m pip install --quiet --disable-pip-version-check --no-input \
    --no-deps "${arguments[@]}"
  printf '%s\n' "$hash" > "$stamp"
}

pip_install base base
pip_install torch-cpu torch-cpu
if [ "$device" = cuda ]; then pip_install torch-cuda torch-cpu torch-cuda; fi
if [ "$nvcc" = yes ]; then pip_install nvcc nvcc; fi
if [ "$checks" = yes ]; then pip_install checks checks; fi

# CMake and nvcc look for the layout of an installed toolkit, which the wheels lack.
if [ "$nvcc" = yes ]; then
  cuda="$(cuda_wheels)"
  [ -x "$cuda/bin/nvcc" ] || fail "the CUDA compiler is not at $cuda/bin/nvcc"
  [ -e "$cuda/lib64" ] || ln -s lib "$cuda/lib64"
  for library in "$cuda"/lib/lib*.so.*; do
    plain="${library%%.so.*}.so"
    [ -e "$plain" ] || ln -s "$(basename "$library")" "$plain"
  done
  if [ ! -e "$cuda/lib/stubs/libcuda.so" ]; then
    mkdir -p "$cuda/lib/stubs"
    g++ -shared -x c++ /dev/null -Wl,-soname,libcuda.so.1 -o "$cuda/lib/stubs/libcuda.so"
  fi
fi
say "ready: environment $MXSCOPE_ENV ($device$([ "$nvcc" = yes ] && echo ', CUDA compiler'))"
