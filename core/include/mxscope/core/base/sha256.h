// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace mxscope {

// SHA-256 (FIPS 180-4) of a stream of bytes. An object belongs to one thread.
class Sha256 {
 public:
  Sha256() noexcept;
  void update(const void* bytes, std::size_t size) noexcept;
  void update(std::string_view bytes) noexcept { update(bytes.data(), bytes.size()); }
  // Adds `value` as four bytes, least significant first, whatever the machine's order.
  void update_le32(std::uint32_t value) noexcept;
  // Digest as 64 lower-case hexadecimal digits. The object may not be used afterwards.
  [[nodiscard]] std::string hex();

 private:
  void compress(const unsigned char* block) noexcept;

  std::array<std::uint32_t, 8> state_;
  std::array<unsigned char, 64> pending_{};
  std::uint64_t size_ = 0;  // bytes seen so far
};

// Digest of `bytes` as 64 lower-case hexadecimal digits.
[[nodiscard]] std::string sha256_hex(std::string_view bytes);

}  // namespace mxscope
