// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stdexcept>
#include <string>
#include <string_view>

namespace mxscope {

// What kind of mistake or fault an Error reports; decides the exit code of the command and the
// `code` of an error event.
enum class ErrorCode {
  kInvalidInput,  // the user's experiment, flags, checkpoint, text or store is wrong
  kUnsupported,   // understood, but not implemented: model type, option, device
  kNotFound,      // a file, tensor, model or run that was named does not exist
  kIo,            // reading or writing failed: permission, full disk, broken pipe
  kOutOfMemory,   // needed and free bytes are in the message
  kDevice,        // a GPU or driver failed
  kCancelled,     // stopped at the user's wish
  kInternal,      // a broken promise inside the program
};

// Stable lower-case name used in events and JSON, e.g. "invalid_input".
[[nodiscard]] std::string_view to_string(ErrorCode code) noexcept;

// The one exception type that leaves core and engine. The message is a full sentence for the user:
// it names the file, field or tensor, the value found and what is accepted.
class Error : public std::runtime_error {
 public:
  Error(ErrorCode code, const std::string& message) : std::runtime_error(message), code_(code) {}
  [[nodiscard]] ErrorCode code() const noexcept { return code_; }

 private:
  ErrorCode code_;
};

}  // namespace mxscope
