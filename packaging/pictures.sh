#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Makes the pictures of docs/pictures anew, without a display: every state of the window, light and
# dark, in three sizes, three scales and a large font.
#
#   packaging/pictures.sh [BUILD_FOLDER] [OUTPUT_FOLDER]
#
# BUILD_FOLDER (default: build) holds bin/mxscope-gui, bin/mxscope and bin/mxscope_pictures, a target
# that is built only when it is asked for. MXSCOPE=PATH names another bin/mxscope.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
build=$(cd "${1:-$root/build}" && pwd)
out=${2:-$root/docs/pictures}
gui=$build/bin/mxscope-gui
pictures=$build/bin/mxscope_pictures
command=${MXSCOPE:-$build/bin/mxscope}
for program in "$gui" "$pictures" "$command"; do
  if [[ ! -x $program ]]; then
    echo "pictures.sh: $program is missing; build mxscope, mxscope-gui and mxscope_pictures." >&2
    exit 4
  fi
done
mkdir -p "$out"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

export QT_QPA_PLATFORM=offscreen LC_ALL=C.UTF-8 XDG_RUNTIME_DIR=$work/run
mkdir -m 700 "$XDG_RUNTIME_DIR"

# Old pictures go, so that none of a state that is gone is left.
rm -f "$out"/*.png

# shoot SCALE ARGUMENTS...
shoot() {
  local scale=$1
  shift
  QT_SCALE_FACTOR=$scale timeout 900 "$pictures" "$out" --engine "$command serve" "$@" \
    2>>"$work/log" || {
    tail -n 20 "$work/log" >&2
    echo "pictures.sh: pictures at scale $scale were not made ($*)." >&2
    return 1
  }
}

# Fewer colours, smaller files: a window has few, and text stays crisp without dithering.
shrink() {
  local file
  for file in "$@"; do
    if command -v pngquant >/dev/null; then
      pngquant --force --speed 1 --nofs --ext .png 128 -- "$file"
    elif command -v convert >/dev/null; then
      convert "$file" +dither -colors 128 "PNG8:$file"
    fi
  done
  if command -v optipng >/dev/null; then
    optipng -quiet -o2 -- "$@"
  fi
}

demo=$root/resources/demo/demo.mxscope
echo "every state while the demo runs and after it" >&2
# All states in one size; those that depend on the size in all three.
shoot 1 --run "$demo" --sizes 1280x720,1024x700,1680x1050 \
  --only '1280x720$|^(start|builder|running|results|compare|card-heatmap)-(light|dark)-'
echo "other scales, a large font, no engine" >&2
"$command" run "$demo" -o "$work/demo" >/dev/null 2>>"$work/log"
results=$work/demo/results.json
shoot 2 --results "$results" --sizes 1280x720 --only '^(results|card-heatmap)-' --suffix=-2x
shoot 1.5 --results "$results" --sizes 1280x720 --only '^results-light' --suffix=-1.5x
shoot 1 --results "$results" --sizes 1024x700 --font 150 --only '^(results|selected)-light' \
  --suffix=-font150
shoot 1 --sample 1 --sizes 1680x1050 --only '^sample-(light|dark)'
for theme in light dark; do
  "$gui" --profile "$work/none" --engine "$work/no-such-engine" --theme $theme --size 1280x720 \
    --grab "$out/no-engine-$theme-1280x720.png" --after 3 2>>"$work/log"
done

for kind in bars heatmap live; do
  "$gui" --plot $kind "$results" -o "$out/plot-$kind.png" 2>>"$work/log"
done

shrink "$out"/*.png
du -ch "$out"/*.png | tail -n 1
