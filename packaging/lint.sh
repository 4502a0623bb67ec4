#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Runs clang-tidy over the sources that need neither LibTorch nor Qt: kernels and core.
#
#   bash packaging/lint.sh BUILD_DIR [FOLDER ...]
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

cd "$MXSCOPE_ROOT"
build="${1:?a configured build folder is needed}"
shift
[ -e "$build/compile_commands.json" ] || fail "$build/compile_commands.json is missing; configure it first"
tidy="$(command -v clang-tidy-14 || command -v clang-tidy)" ||
  fail "clang-tidy is missing; run packaging/setup.sh --checks"
folders=("$@")
if [ "${#folders[@]}" = 0 ]; then folders=(kernels/reference kernels/cpu core/src); fi
# Only files that this build compiles: the others have no command to be read with. The kernels of an
# instruction set shuffle vectors by a function that only g++ has.
git ls-files "${folders[@]/%//*.cpp}" ":!kernels/cpu/kernels_*.cpp" | while read -r file; do
  if grep -qF "\"$MXSCOPE_ROOT/$file\"" "$build/compile_commands.json"; then printf '%s\0' "$file"; fi
done | xargs -0 -r -n 1 -P "$(jobs)" "$tidy" --quiet -p "$build" --extra-arg=-Wno-unknown-warning-option
