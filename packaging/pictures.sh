#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Makes the pictures of docs/pictures anew, without a display: every screen and state that the window
# can be brought to from the command line, light and dark, in three sizes and two scales.
#
#   packaging/pictures.sh [BUILD_FOLDER] [OUTPUT_FOLDER]
#
# BUILD_FOLDER (default: build) holds bin/mxscope-gui and bin/mxscope.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
build=$(cd "${1:-$root/build}" && pwd)
out=${2:-$root/docs/pictures}
gui=$build/bin/mxscope-gui
command=$build/bin/mxscope
for program in "$gui" "$command"; do
  if [[ ! -x $program ]]; then
    echo "pictures.sh: $program is missing; build the targets mxscope and mxscope-gui first." >&2
    exit 4
  fi
done
mkdir -p "$out"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

export QT_QPA_PLATFORM=offscreen LC_ALL=C.UTF-8 XDG_RUNTIME_DIR=$work/run
mkdir -m 700 "$XDG_RUNTIME_DIR"

# shoot NAME SCALE ARGUMENTS...: one picture from a profile of its own.
shoot() {
  local name=$1 scale=$2
  shift 2
  local profile
  profile=$(mktemp -d "$work/profile.XXXX")
  echo "$name"
  QT_SCALE_FACTOR=$scale timeout 180 "$gui" --profile "$profile" --engine "$command serve" \
    --grab "$out/$name.png" "$@" 2>>"$work/log" || {
    tail -n 20 "$work/log" >&2
    echo "pictures.sh: $name was not made." >&2
    return 1
  }
}

# Smaller files where a tool for that is installed; pictures of windows have few colours.
shrink() {
  if command -v pngquant >/dev/null; then
    pngquant --force --skip-if-larger --quality 80-98 --ext .png -- "$@" || true
  fi
  if command -v optipng >/dev/null; then
    optipng -quiet -o2 -- "$@"
  fi
}

echo "running the demo for its results" >&2
"$command" run "$root/resources/demo/demo.mxscope" -o "$work/demo" >/dev/null 2>>"$work/log"
results=$work/demo/results.json

for theme in light dark; do
  shoot "welcome-$theme" 1 --theme $theme --size 1280x720
  for size in 1024x700 1280x720 1680x1050; do
    shoot "results-$theme-$size" 1 --theme $theme --size $size --open "$results"
  done
done
shoot results-light-1280x720-2x 2 --theme light --size 1280x720 --open "$results"
shoot results-dark-1280x720-2x 2 --theme dark --size 1280x720 --open "$results"
shoot running-light 1 --theme light --size 1680x1050 --demo --after 8
shoot running-dark 1 --theme dark --size 1680x1050 --demo --after 8
shoot builder-light 1 --theme light --size 1680x1050 --open "$root/resources/demo/demo.mxscope"
shoot no-engine-light 1 --theme light --size 1280x720 --engine "$work/no-such-engine" --after 4

for kind in bars heatmap live scatter; do
  for ending in png svg pdf; do
    "$gui" --plot $kind "$results" -o "$work/$kind.$ending" 2>>"$work/log" || true
  done
  if [[ -s $work/$kind.png ]]; then
    cp "$work/$kind.png" "$out/plot-$kind.png"
  fi
done

# The cards by themselves, from the made-up sample data of the tests.
if [[ -x $build/bin/mxscope_gallery ]]; then
  for theme in light dark; do
    "$build/bin/mxscope_gallery" "$work/gallery" $theme 2>>"$work/log"
    cp "$work/gallery/$theme-board-selected.png" "$out/sample-cards-$theme.png"
    cp "$work/gallery/$theme-empty.png" "$out/sample-empty-$theme.png"
  done
fi

shrink "$out"/*.png
du -ch "$out"/*.png | tail -n 1
