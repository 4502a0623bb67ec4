// SPDX-License-Identifier: Apache-2.0
#include "data/file_bytes.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <fstream>
#include <system_error>

#include "mxscope/core/base/error.h"

namespace mxscope {
namespace {

class Descriptor {
 public:
  explicit Descriptor(int value) : value_(value) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() {
    if (value_ >= 0) {
      ::close(value_);
    }
  }
  [[nodiscard]] int get() const noexcept { return value_; }

 private:
  int value_;
};

[[noreturn]] void fail(const std::string& what, const std::filesystem::path& path, int error) {
  const ErrorCode code =
      error == ENOENT || error == ENOTDIR ? ErrorCode::kNotFound : ErrorCode::kIo;
  throw Error(code, what + " '" + path.string() +
                        "' cannot be read: " + std::generic_category().message(error) + ".");
}

// Bytes of memory that the system can still give; the largest number where it does not say.
std::uintmax_t available_memory() {
  std::ifstream info("/proc/meminfo");
  std::string key;
  std::uintmax_t kib = 0;
  while (info >> key >> kib) {
    if (key == "MemAvailable:") {
      return kib * 1024;
    }
    info.ignore(64, '\n');
  }
  return UINTMAX_MAX;
}

}  // namespace

std::string read_file_bytes(const std::filesystem::path& path, const std::string& what,
                            std::uintmax_t limit) {
  // O_NONBLOCK: opening a pipe without a writer would wait for ever.
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (file.get() < 0) {
    fail(what, path, errno);
  }
  struct stat status {};
  if (::fstat(file.get(), &status) != 0) {
    fail(what, path, errno);
  }
  if (!S_ISREG(status.st_mode)) {
    throw Error(ErrorCode::kInvalidInput,
                what + " '" + path.string() + "' is " +
                    (S_ISDIR(status.st_mode) ? "a folder" : "a device or a pipe") +
                    "; a regular file is needed.");
  }
  const auto size = static_cast<std::uintmax_t>(status.st_size);
  if (size > limit) {
    throw Error(ErrorCode::kInvalidInput, what + " '" + path.string() + "' has " +
                                              std::to_string(size) + " bytes; at most " +
                                              std::to_string(limit) + " are accepted.");
  }
  // A sparse file may claim any size; filling a buffer for it must not bring the machine down.
  if (const std::uintmax_t available = available_memory(); size > available) {
    throw Error(ErrorCode::kOutOfMemory,
                what + " '" + path.string() + "' has " + std::to_string(size) + " bytes and only " +
                    std::to_string(available) + " bytes of memory are available.");
  }
  std::string bytes(size, '\0');
  std::size_t done = 0;
  while (done < bytes.size()) {
    const ssize_t got = ::read(file.get(), bytes.data() + done, bytes.size() - done);
    if (got < 0 && errno == EINTR) {
      continue;
    }
    if (got < 0) {
      fail(what, path, errno);
    }
    if (got == 0) {
      throw Error(ErrorCode::kIo,
                  what + " '" + path.string() + "' became shorter while it was read.");
    }
    done += static_cast<std::size_t>(got);
  }
  return bytes;
}

}  // namespace mxscope
