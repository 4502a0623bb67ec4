#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Sets up the machine, builds everything and runs all tests; ctest's summary comes last.
#
#   bash packaging/test.sh [--cpu | --cuda] [--preset NAME] [arguments of ctest ...]
#
#   --cpu, --cuda  build without or with CUDA (default: with it where an NVIDIA driver is loaded)
#   --preset NAME  a preset of CMakePresets.json (default: release)
#   others         go to ctest, for example -L core, -LE reference, -R Rules
#
# Tests labelled `reference` compare with data outside this repository (../shared) and skip
# themselves where it is absent.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

device=auto preset=release
arguments=()
while [ "$#" -gt 0 ]; do
  case "$1" in
    --cpu | --cuda) device="${1#--}" ;;
    --preset)
      [ "$#" -ge 2 ] || fail "--preset needs a name; see cmake --list-presets"
      preset="$2"
      shift
      ;;
    -h | --help)
      sed -n '3,13s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"
      exit 0
      ;;
    *) arguments+=("$1") ;;
  esac
  shift
done

prepare_build "$device" "$preset" --tests
say "building"
cmake --build "$MXSCOPE_ROOT/build/$preset" --parallel "$(jobs)"
say "testing"
cd "$MXSCOPE_ROOT"
ctest --preset "$preset" --parallel "$(jobs)" "${arguments[@]}"
