// SPDX-License-Identifier: Apache-2.0
#include "output.h"

#include <fcntl.h>
#include <langinfo.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "mxscope/core/base/error.h"

namespace mxscope::cli {
namespace {

// Writes everything, or returns the errno that stopped it.
int write_all(int descriptor, std::string_view text) noexcept {
  while (!text.empty()) {
    const ssize_t written = ::write(descriptor, text.data(), text.size());
    if (written < 0) {
      if (errno == EINTR) {
        continue;
      }
      return errno;
    }
    text.remove_prefix(static_cast<std::size_t>(written));
  }
  return 0;
}

std::string reason(int error) { return std::strerror(error); }

}  // namespace

bool write_stdout(std::string_view text) {
  const int error = write_all(STDOUT_FILENO, text);
  if (error == EPIPE) {
    return false;
  }
  if (error != 0) {
    throw Error(ErrorCode::kIo, "cannot write to standard output: " + reason(error));
  }
  return true;
}

void write_stderr(std::string_view text) noexcept { write_all(STDERR_FILENO, text); }

bool write_json(const nlohmann::ordered_json& value) {
  return write_stdout(value.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace) +
                      "\n");
}

void write_text(const std::filesystem::path& path, std::string_view text) {
  if (path.empty() || path == "-") {
    write_stdout(text);
    return;
  }
  // A device such as /dev/full cannot be replaced by a rename; it is written directly.
  struct stat info {};
  const bool direct = ::stat(path.c_str(), &info) == 0 && !S_ISREG(info.st_mode);
  const std::string name = direct ? path.string() : path.string() + ".part";
  const int descriptor =
      ::open(name.c_str(), O_WRONLY | O_CLOEXEC | (direct ? 0 : O_CREAT | O_TRUNC), 0666);
  if (descriptor < 0) {
    throw Error(ErrorCode::kIo, "cannot write '" + path.string() + "': " + reason(errno));
  }
  int error = write_all(descriptor, text);
  if (::close(descriptor) != 0 && error == 0) {
    error = errno;
  }
  if (error == 0 && !direct && ::rename(name.c_str(), path.c_str()) != 0) {
    error = errno;
  }
  if (error != 0) {
    if (!direct) {
      ::unlink(name.c_str());
    }
    throw Error(ErrorCode::kIo, "cannot write '" + path.string() + "': " + reason(error));
  }
}

std::string read_text_file(const std::filesystem::path& path, std::size_t limit) {
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) {
    const int error = errno;
    throw Error(error == ENOENT || error == ENOTDIR ? ErrorCode::kNotFound : ErrorCode::kIo,
                "cannot open '" + path.string() + "': " + reason(error));
  }
  std::string text;
  int error = 0;
  while (text.size() <= limit) {
    const std::size_t before = text.size();
    constexpr std::size_t kPiece = std::size_t{1} << 16U;
    text.resize(before + kPiece);
    const ssize_t got = ::read(descriptor, text.data() + before, kPiece);
    text.resize(before + static_cast<std::size_t>(got > 0 ? got : 0));
    if (got < 0 && errno == EINTR) {
      continue;
    }
    if (got < 0) {
      error = errno;
    }
    if (got <= 0) {
      break;
    }
  }
  ::close(descriptor);
  if (error != 0) {
    throw Error(ErrorCode::kIo, "cannot read '" + path.string() + "': " + reason(error));
  }
  if (text.size() > limit) {
    throw Error(ErrorCode::kInvalidInput, "'" + path.string() + "' is larger than the " +
                                              std::to_string(limit) + " bytes accepted here");
  }
  return text;
}

Terminal inspect_terminal(int descriptor) {
  Terminal terminal;
  const char* kind = std::getenv("TERM");
  terminal.interactive =
      ::isatty(descriptor) == 1 && (kind == nullptr || std::strcmp(kind, "dumb") != 0);
  terminal.unicode = std::strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
  const char* no_colour = std::getenv("NO_COLOR");
  terminal.colour = terminal.interactive && (no_colour == nullptr || *no_colour == '\0');
  winsize size{};
  if (::ioctl(descriptor, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) {
    terminal.width = size.ws_col;
  }
  return terminal;
}

}  // namespace mxscope::cli
