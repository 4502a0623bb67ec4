// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <mutex>

#include "mxscope/core/store/store.h"
#include "store/database.h"

namespace mxscope::store {

// More windows than any text gives; a damaged file may claim any number.
inline constexpr std::int64_t kMaxWindows = std::int64_t{1} << 26;

struct Store::State {
  std::unique_ptr<Database> database;
  bool read_only = false;
  bool newer = false;
  mutable std::mutex mutex;  // guards the connection

  // Throws Error kUnsupported where the file is open for reading alone.
  void require_writable() const;
  // Number of windows of a job. Throws Error: kNotFound, or kInvalidInput for a nonsense number.
  [[nodiscard]] std::int64_t windows_of(std::int64_t job) const;
};

}  // namespace mxscope::store
