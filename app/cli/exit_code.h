// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "mxscope/core/base/error.h"

namespace mxscope::cli {

// What the command tells its caller; a script may rely on these numbers (docs/commands.md).
enum ExitCode : int {
  kDone = 0,
  kUsage = 1,        // flags or input that a person can correct
  kRunsFailed = 2,   // some runs failed; the others are complete
  kCancelled = 3,    // stopped by a person; what was finished is written
  kEnvironment = 4,  // memory, disk, device, driver
};

// Exit code of an error that ended the command.
[[nodiscard]] constexpr ExitCode exit_code(ErrorCode code) noexcept {
  switch (code) {
    case ErrorCode::kInvalidInput:
    case ErrorCode::kUnsupported:
    case ErrorCode::kNotFound:
      return kUsage;
    case ErrorCode::kCancelled:
      return kCancelled;
    case ErrorCode::kIo:
    case ErrorCode::kOutOfMemory:
    case ErrorCode::kDevice:
    case ErrorCode::kInternal:
      return kEnvironment;
  }
  return kEnvironment;
}

}  // namespace mxscope::cli
