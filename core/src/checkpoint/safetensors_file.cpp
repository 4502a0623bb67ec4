// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <bit>
#include <cerrno>
#include <cstring>
#include <system_error>
#include <unordered_map>

#include "mxscope/core/base/error.h"
#include "mxscope/core/base/input.h"
#include "mxscope/core/checkpoint/safetensors.h"

namespace mxscope {

static_assert(std::endian::native == std::endian::little,
              "safetensors bytes are used in place, so the host has to be little-endian");

struct SafetensorsFile::State {
  std::filesystem::path path;
  int fd = -1;
  const std::byte* map = nullptr;
  uint64_t bytes = 0;
  SafetensorsHeader header;
  std::unordered_map<std::string_view, const TensorInfo*> by_name;

  State() = default;
  State(const State&) = delete;
  State& operator=(const State&) = delete;
  ~State() {
    if (map != nullptr) {
      ::munmap(const_cast<std::byte*>(map), bytes);
    }
    if (fd >= 0) {
      ::close(fd);
    }
  }
};

namespace {

[[noreturn]] void fail_io(const std::filesystem::path& path, int error) {
  throw Error(ErrorCode::kIo,
              path.string() + " cannot be read: " + std::generic_category().message(error) + ".");
}

constexpr uint64_t kLengthBytes = 8;

}  // namespace

SafetensorsFile SafetensorsFile::open(const std::filesystem::path& path) {
  auto state = std::make_unique<State>();
  state->path = path;
  // Non-blocking, so that a named pipe put in the place of a file is refused at once.
  state->fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (state->fd < 0) {
    const int error = errno;
    if (error == ENOENT || error == ENOTDIR) {
      throw Error(ErrorCode::kNotFound, path.string() + " does not exist.");
    }
    fail_io(path, error);
  }
  struct stat status {};
  if (::fstat(state->fd, &status) != 0) {
    fail_io(path, errno);
  }
  if (!S_ISREG(status.st_mode)) {
    throw Error(ErrorCode::kInvalidInput, path.string() + " is not a regular file.");
  }
  state->bytes = static_cast<uint64_t>(status.st_size);
  if (state->bytes < kLengthBytes) {
    throw Error(ErrorCode::kInvalidInput,
                path.string() + " is " + std::to_string(state->bytes) +
                    " bytes long, too short for the header of a safetensors file.");
  }
  void* map = ::mmap(nullptr, state->bytes, PROT_READ, MAP_PRIVATE, state->fd, 0);
  if (map == MAP_FAILED) {
    fail_io(path, errno);
  }
  state->map = static_cast<const std::byte*>(map);

  uint64_t length = 0;
  std::memcpy(&length, state->map, kLengthBytes);
  if (length > kMaxHeaderBytes) {
    throw Error(ErrorCode::kInvalidInput,
                path.string() + " names a header of " + std::to_string(length) +
                    " bytes; at most " + std::to_string(kMaxHeaderBytes) +
                    " are accepted. It is no safetensors file, or a damaged one.");
  }
  if (length > state->bytes - kLengthBytes) {
    throw Error(ErrorCode::kInvalidInput, path.string() + " names a header of " +
                                              std::to_string(length) + " bytes, but only " +
                                              std::to_string(state->bytes - kLengthBytes) +
                                              " bytes follow: the file is cut short.");
  }
  const uint64_t data_begin = kLengthBytes + length;
  state->header = parse_safetensors_header(
      std::string_view(reinterpret_cast<const char*>(state->map) + kLengthBytes, length),
      data_begin, state->bytes - data_begin, path.string());
  state->by_name.reserve(state->header.tensors.size());
  for (const TensorInfo& tensor : state->header.tensors) {
    state->by_name.emplace(tensor.name, &tensor);
  }
  return SafetensorsFile(std::move(state));
}

SafetensorsFile::SafetensorsFile(std::unique_ptr<State> state) noexcept
    : state_(std::move(state)) {}
SafetensorsFile::SafetensorsFile(SafetensorsFile&&) noexcept = default;
SafetensorsFile& SafetensorsFile::operator=(SafetensorsFile&&) noexcept = default;
SafetensorsFile::~SafetensorsFile() = default;

const std::filesystem::path& SafetensorsFile::path() const noexcept { return state_->path; }

const std::vector<TensorInfo>& SafetensorsFile::tensors() const noexcept {
  return state_->header.tensors;
}

const std::map<std::string, std::string>& SafetensorsFile::metadata() const noexcept {
  return state_->header.metadata;
}

const TensorInfo* SafetensorsFile::find(std::string_view name) const noexcept {
  const auto found = state_->by_name.find(name);
  return found == state_->by_name.end() ? nullptr : found->second;
}

std::span<const std::byte> SafetensorsFile::data(const TensorInfo& info) const {
  struct stat status {};
  if (::fstat(state_->fd, &status) != 0) {
    fail_io(state_->path, errno);
  }
  if (info.bytes > state_->bytes || info.begin > state_->bytes - info.bytes) {
    throw Error(ErrorCode::kInternal, state_->path.string() + ": tensor " + in_quotes(info.name) +
                                          " is not one of this file.");
  }
  if (static_cast<uint64_t>(status.st_size) < info.begin + info.bytes) {
    throw Error(ErrorCode::kIo,
                state_->path.string() + " was cut from " + std::to_string(state_->bytes) + " to " +
                    std::to_string(status.st_size) + " bytes while it was in use; tensor " +
                    in_quotes(info.name) + " is gone.");
  }
  return {state_->map + info.begin, info.bytes};
}

namespace {

void advise(const std::byte* map, const TensorInfo& info, int advice) noexcept {
  static const auto page = static_cast<uint64_t>(::sysconf(_SC_PAGESIZE));
  const uint64_t first = info.begin / page * page;
  // A hint: nothing depends on its success.
  (void)::madvise(const_cast<std::byte*>(map) + first, info.begin + info.bytes - first, advice);
}

}  // namespace

void SafetensorsFile::will_need(const TensorInfo& info) const noexcept {
  advise(state_->map, info, MADV_WILLNEED);
}

void SafetensorsFile::done_with(const TensorInfo& info) const noexcept {
  advise(state_->map, info, MADV_DONTNEED);
}

}  // namespace mxscope
