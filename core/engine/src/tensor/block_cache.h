// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace mxscope::engine {

struct BlockCacheFigures {
  std::int64_t used_bytes = 0;  // of blocks in use that are large enough to be kept
  std::int64_t kept_bytes = 0;
  std::int64_t peak_bytes = 0;  // most that was used at a time since the last scope ended
};

// Keeps large freed blocks of the CPU's tensors for the next request of the same size: every
// micro-batch asks for the same ones, and the pages of fresh ones cost a tenth of a run on models
// of hidden size 768. What is kept never adds to the peak: kept and used blocks together stay below
// the most that was ever in use.
//
// From the first scope on LibTorch takes the memory of all CPU tensors from here. The end of a
// scope gives what is kept back to the system; blocks still in use then are freed when they are
// done with. Any thread; tensors may outlive the scope.
class BlockCacheScope {
 public:
  BlockCacheScope();
  ~BlockCacheScope();
  BlockCacheScope(const BlockCacheScope&) = delete;
  BlockCacheScope& operator=(const BlockCacheScope&) = delete;

  [[nodiscard]] static BlockCacheFigures figures();
};

}  // namespace mxscope::engine
