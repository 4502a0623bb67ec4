// SPDX-License-Identifier: Apache-2.0
#include "run/gpu_lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <array>
#include <cctype>
#include <cerrno>

namespace mxscope::engine {
namespace {

// The file is open to all users, so its text may be anything.
std::string printable(const char* text, std::size_t size) {
  std::string line;
  for (std::size_t i = 0; i < size && text[i] != '\n'; ++i) {
    line += std::isprint(static_cast<unsigned char>(text[i])) != 0 ? text[i] : '?';
  }
  return line.empty() ? "another program" : line;
}

}  // namespace

GpuLock::GpuLock(const std::filesystem::path& folder, const std::string& key,
                 const std::string& who) {
  const std::string path = (folder / ("mxscope-gpu-" + key + ".lock")).string();
  constexpr int kSafely = O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK;
  file_ = ::open(path.c_str(), O_RDWR | O_CREAT | kSafely, 0644);
  if (file_ < 0) {
    file_ = ::open(path.c_str(), O_RDONLY | kSafely);  // another user's: enough to lock and to read
  }
  if (file_ < 0) {
    return;
  }
  if (::flock(file_, LOCK_EX | LOCK_NB) == 0) {
    const std::string line = who + "\n";
    if (::ftruncate(file_, 0) == 0) {
      [[maybe_unused]] const ssize_t written = ::pwrite(file_, line.data(), line.size(), 0);
    }
    return;
  }
  if (errno == EWOULDBLOCK) {
    std::array<char, 200> text{};
    const ssize_t size = ::pread(file_, text.data(), text.size(), 0);
    holder_ = printable(text.data(), size > 0 ? static_cast<std::size_t>(size) : 0);
  }
}

GpuLock::~GpuLock() {
  if (file_ >= 0) {
    ::close(file_);
  }
}

}  // namespace mxscope::engine
