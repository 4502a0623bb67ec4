// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

namespace mxscope::test {

// The bytes of a file with this header, right or wrong, and `data_bytes` zeros.
inline std::string raw_safetensors(std::string_view header, std::size_t data_bytes) {
  const auto length = static_cast<uint64_t>(header.size());
  std::string bytes(sizeof(length), '\0');
  std::memcpy(bytes.data(), &length, sizeof(length));
  bytes += header;
  bytes.append(data_bytes, '\0');
  return bytes;
}

}  // namespace mxscope::test
