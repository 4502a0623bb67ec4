#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Sets up the machine, builds MXScope, runs the demo experiment on the bundled model and shows the
# results: a table here; report, data and figures in demo-output/; the window where there is a
# display.
#
#   bash packaging/demo.sh [--cpu | --cuda] [--no-window]
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

device=auto window=yes
for argument in "$@"; do
  case "$argument" in
    --cpu | --cuda) device="${argument#--}" ;;
    --no-window) window=no ;;
    -h | --help)
      sed -n '3,7s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"
      exit 0
      ;;
    *) fail "unknown option '$argument'; see bash packaging/demo.sh --help" ;;
  esac
done

cd "$MXSCOPE_ROOT"
prepare_build "$device" release
targets=(mxscope)
if ninja -C build/release -t query mxscope-gui > /dev/null 2>&1; then targets+=(mxscope-gui); fi
say "building ${targets[*]}"
cmake --build build/release --parallel "$(jobs)" --target "${targets[@]}"

bin="$MXSCOPE_ROOT/build/release/bin"
output="$MXSCOPE_ROOT/demo-output"
mkdir -p "$output"
say "running resources/demo/demo.mxscope"
# The demo's own files of an earlier run make room; anything else in the folder stays.
rm -f "$output"/store.sqlite* "$output"/{results.json,results.csv,windows.csv,report.md}
"$bin/mxscope" run resources/demo/demo.mxscope -o "$output"
"$bin/mxscope" export "$output" --as markdown -o "$output/report.md"
say "report: demo-output/report.md; data: demo-output/results.json, results.csv, windows.csv"

gui="$bin/mxscope-gui"
if [ -x "$gui" ]; then
  mkdir -p "$output/figures"
  for kind in bars heatmap scatter; do
    QT_QPA_PLATFORM=offscreen "$gui" --plot "$kind" "$output/results.json" -o "$output/figures/$kind.png"
  done
  say "figures: demo-output/figures"
  if [ "$window" = yes ] && [ -z "${CI:-}" ] && [ -n "${DISPLAY:-}${WAYLAND_DISPLAY:-}" ]; then
    say "opening the window"
    "$gui" resources/demo/demo.mxscope "$output/results.json" > /dev/null 2>&1 < /dev/null &
    disown
  fi
fi
