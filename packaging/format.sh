#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Formats every C++ and CUDA file with the one version of clang-format that the project uses, or
# with --check says which files are not formatted.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

cd "$MXSCOPE_ROOT"
formatter="$MXSCOPE_ENV/bin/clang-format"
[ -x "$formatter" ] || bash packaging/setup.sh --checks
mode=(-i)
if [ "${1:-}" = --check ]; then mode=(--dry-run --Werror); fi
git ls-files -z '*.h' '*.cpp' '*.cu' '*.cuh' | xargs -0 -r -n 40 -P "$(jobs)" "$formatter" "${mode[@]}"
