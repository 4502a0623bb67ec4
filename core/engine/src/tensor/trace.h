// SPDX-License-Identifier: Apache-2.0
#pragma once

#if MXSCOPE_HAS_CUDA && __has_include(<nvtx3/nvToolsExt.h>)
#include <nvtx3/nvToolsExt.h>
#define MXSCOPE_HAS_NVTX 1
#endif

#include <cstddef>
#include <string>

namespace mxscope::engine {

// A named stretch of the calling thread in the timeline of Nsight Systems (`nsys profile mxscope
// run
// ...`); without such a tool the call costs some nanoseconds, in builds without CUDA nothing.
class TraceRange {
 public:
  explicit TraceRange(const char* name) {
#ifdef MXSCOPE_HAS_NVTX
    nvtxRangePushA(name);
#else
    (void)name;
#endif
  }
  TraceRange(const char* name, std::size_t number) {
#ifdef MXSCOPE_HAS_NVTX
    nvtxRangePushA((name + (" " + std::to_string(number))).c_str());
#else
    (void)name;
    (void)number;
#endif
  }
  ~TraceRange() {
#ifdef MXSCOPE_HAS_NVTX
    nvtxRangePop();
#endif
  }
  TraceRange(const TraceRange&) = delete;
  TraceRange& operator=(const TraceRange&) = delete;
};

}  // namespace mxscope::engine
