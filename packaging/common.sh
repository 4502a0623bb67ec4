# SPDX-License-Identifier: Apache-2.0
# Shared by the scripts of this folder; sourced, never run.

MXSCOPE_ROOT="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
export MXSCOPE_ENV="${MXSCOPE_ENV:-${XDG_CACHE_HOME:-$HOME/.cache}/mxscope/env}"
export PATH="$MXSCOPE_ENV/bin:$PATH:$HOME/.cargo/bin"
# What one clone compiled serves another, precompiled headers included.
export CCACHE_BASEDIR="$MXSCOPE_ROOT" CCACHE_NOHASHDIR=1
export CCACHE_SLOPPINESS=pch_defines,time_macros,include_file_mtime,include_file_ctime

say() { printf '\033[1m==> %s\033[0m\n' "$*" >&2; }

fail() {
  printf 'error: %s\n' "$*" >&2
  exit 1
}

# True where an NVIDIA driver is loaded.
has_gpu() { [ -e /proc/driver/nvidia/version ] || [ -e /dev/nvidiactl ] || [ -e /dev/dxg ]; }

# The folder of the CUDA wheels in the private environment; empty without them.
cuda_wheels() {
  local folder
  for folder in "$MXSCOPE_ENV"/lib/python3*/site-packages/nvidia/cu13; do
    if [ -d "$folder" ]; then
      printf '%s\n' "$folder"
      return
    fi
  done
}

# Number of parallel compile jobs: one per core, and at least 2 GiB of memory for each.
jobs() {
  local cores memory
  cores="$(nproc)"
  memory="$(awk '/MemAvailable/ {print int($2 / 2097152)}' /proc/meminfo)"
  [ "$memory" -ge 1 ] || memory=1
  [ "$memory" -lt "$cores" ] && cores="$memory"
  printf '%s\n' "$cores"
}

# prepare_build DEVICE PRESET [OPTION ...]: sets up the machine for DEVICE (auto, cpu, cuda) with
# these options of setup.sh and configures build/PRESET accordingly.
prepare_build() {
  local device="$1" preset="$2" cuda=OFF options=()
  shift 2
  if [ "$device" = auto ]; then
    device=cpu
    if has_gpu; then device=cuda; fi
  fi
  bash "$MXSCOPE_ROOT/packaging/setup.sh" "--$device" "$@"
  if [ "$device" = cuda ]; then cuda=ON; fi
  options=("-DMXSCOPE_WITH_CUDA=$cuda" "-DMXSCOPE_ENV=$MXSCOPE_ENV")
  say "configuring build/$preset (CUDA $cuda)"
  local log="$MXSCOPE_ROOT/build/$preset.configure.log"
  mkdir -p "$MXSCOPE_ROOT/build"
  (cd "$MXSCOPE_ROOT" && cmake --preset "$preset" "${options[@]}") > "$log" 2>&1 ||
    { cat "$log" >&2; fail "the configuration failed"; }
}
