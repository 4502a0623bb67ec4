// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace mxscope {

// Element types of the safetensors format (huggingface/safetensors, safetensors/src/tensor.rs).
enum class TensorType {
  kF64,
  kF32,
  kF16,
  kBF16,
  kF8E4M3,
  kF8E5M2,
  kF8E8M0,
  kF8E4M3Fnuz,
  kF8E5M2Fnuz,
  kF6E2M3,
  kF6E3M2,
  kF4,
  kC64,
  kI64,
  kI32,
  kI16,
  kI8,
  kU64,
  kU32,
  kU16,
  kU8,
  kBool,
};

// The name in files, e.g. "BF16".
[[nodiscard]] std::string_view to_string(TensorType type) noexcept;
[[nodiscard]] std::optional<TensorType> tensor_type_from_string(std::string_view name) noexcept;
// Bits of one element; F6 and F4 are packed without gaps.
[[nodiscard]] int tensor_type_bits(TensorType type) noexcept;

// One tensor of a file's header.
struct TensorInfo {
  std::string name;
  TensorType type = TensorType::kF32;
  std::vector<int64_t> shape;  // row-major; empty: one element
  uint64_t begin = 0;          // first byte, counted from the start of the file
  uint64_t bytes = 0;
  int file = 0;  // which file of a Checkpoint

  [[nodiscard]] int64_t elements() const noexcept;
  // "[2, 3]"
  [[nodiscard]] std::string shape_text() const;
};

// Caps that no real checkpoint meets; they bound the memory that a hostile header can take.
inline constexpr uint64_t kMaxHeaderBytes = 100'000'000;  // as the reference implementation
inline constexpr std::size_t kMaxTensors = 1'000'000;
inline constexpr std::size_t kMaxTensorRank = 16;

struct SafetensorsHeader {
  std::vector<TensorInfo> tensors;              // in the order of their bytes
  std::map<std::string, std::string> metadata;  // of the key "__metadata__"
};

// Parses and checks a header: `json` are the bytes after the length, `data_begin` and `data_bytes`
// say where the tensors' bytes lie in the file, `file` stands in messages. Every tensor has a known
// type, a shape whose bytes equal its extent, and the extents cover the data without hole or
// overlap. Throws Error kInvalidInput naming file and tensor. Any thread.
[[nodiscard]] SafetensorsHeader parse_safetensors_header(std::string_view json, uint64_t data_begin,
                                                         uint64_t data_bytes,
                                                         const std::string& file);

// One *.safetensors file, mapped read-only. Const functions may be called from any thread.
class SafetensorsFile {
 public:
  // Maps the file and checks its header; no tensor is read. Throws Error kNotFound, kIo or
  // kInvalidInput.
  [[nodiscard]] static SafetensorsFile open(const std::filesystem::path& path);

  SafetensorsFile(SafetensorsFile&&) noexcept;
  SafetensorsFile& operator=(SafetensorsFile&&) noexcept;
  ~SafetensorsFile();

  [[nodiscard]] const std::filesystem::path& path() const noexcept;
  [[nodiscard]] const std::vector<TensorInfo>& tensors() const noexcept;
  [[nodiscard]] const std::map<std::string, std::string>& metadata() const noexcept;
  [[nodiscard]] const TensorInfo* find(std::string_view name) const noexcept;

  // The `info.bytes` bytes of a tensor of this file, valid while the object lives; not aligned to
  // the element. Throws Error kIo when the file has become shorter since it was opened: touching
  // pages beyond the end of a mapped file kills the process, so the length is asked for anew here.
  // A file cut while its bytes are being read cannot be caught; checkpoints are not to be changed
  // in place under a running program.
  [[nodiscard]] std::span<const std::byte> data(const TensorInfo& info) const;

  // Hints for the page cache: bytes that are needed soon, or no longer.
  void will_need(const TensorInfo& info) const noexcept;
  void done_with(const TensorInfo& info) const noexcept;

 private:
  struct State;
  explicit SafetensorsFile(std::unique_ptr<State> state) noexcept;
  std::unique_ptr<State> state_;
};

// A tensor to be written; `data` holds exactly its bytes, little-endian, row-major.
struct TensorToWrite {
  std::string name;
  TensorType type = TensorType::kF32;
  std::vector<int64_t> shape;
  std::span<const std::byte> data;
};

// Writes a file that appears whole or not at all: a temporary file beside it is written, synced and
// renamed. A target that exists and is no regular file (a pipe, /dev/stdout) is written directly.
// Throws Error kInvalidInput for tensors that do not fit their data or share a name, kIo with the
// reason (full disk: bytes needed and free) otherwise; then no temporary file stays behind.
void write_safetensors(const std::filesystem::path& path, std::span<const TensorToWrite> tensors,
                       const std::map<std::string, std::string>& metadata = {});

}  // namespace mxscope
