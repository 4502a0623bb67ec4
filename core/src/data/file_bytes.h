// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

namespace mxscope {

// All bytes of a regular file. Throws Error: kNotFound, kIo (unreadable, changed while it was
// read), kInvalidInput (a folder, a device, a pipe; longer than `limit`). `what` says in messages
// what the file is, e.g. "Text file".
[[nodiscard]] std::string read_file_bytes(const std::filesystem::path& path,
                                          const std::string& what,
                                          std::uintmax_t limit = UINTMAX_MAX);

}  // namespace mxscope
