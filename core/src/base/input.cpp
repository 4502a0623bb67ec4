// SPDX-License-Identifier: Apache-2.0
#include "mxscope/core/base/input.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <system_error>
#include <unordered_set>
#include <vector>

#include "mxscope/core/base/error.h"

namespace mxscope {
namespace {

// Length of the valid UTF-8 sequence that starts at `at`; 0 when it is broken.
std::size_t utf8_length(std::string_view text, std::size_t at) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char first = byte(at);
  if (first < 0x80) {
    return 1;
  }
  const std::size_t length = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2;
  if (first < 0xC2 || first > 0xF4 || at + length > text.size()) {
    return 0;
  }
  for (std::size_t i = 1; i < length; ++i) {
    if ((byte(at + i) & 0xC0) != 0x80) {
      return 0;
    }
  }
  return length;
}

// Walks the document without building it, so that depth and repeated keys are known before any
// memory is spent on it. nlohmann's parser keeps its own stack on the heap.
class Checker : public nlohmann::json_sax<nlohmann::json> {
 public:
  explicit Checker(int max_depth) : max_depth_(max_depth) {}

  bool null() override { return true; }
  bool boolean(bool) override { return true; }
  bool number_integer(number_integer_t) override { return true; }
  bool number_unsigned(number_unsigned_t) override { return true; }
  bool number_float(number_float_t, const string_t&) override { return true; }
  bool string(string_t&) override { return true; }
  bool binary(binary_t&) override { return true; }

  bool start_object(std::size_t) override { return open(); }
  bool start_array(std::size_t) override { return open(); }
  bool end_object() override { return close(); }
  bool end_array() override { return close(); }

  bool key(string_t& name) override {
    if (keys_.back().insert(name).second) {
      return true;
    }
    problem = "the key " + in_quotes(name) + " stands twice in one object";
    return false;
  }

  bool parse_error(std::size_t, const std::string&,
                   const nlohmann::json::exception& error) override {
    problem = "it is not valid JSON: " + json_problem(error.what());
    return false;
  }

  std::string problem;

 private:
  bool open() {
    if (static_cast<int>(keys_.size()) >= max_depth_) {
      problem = "it nests deeper than " + std::to_string(max_depth_) + " levels";
      return false;
    }
    keys_.emplace_back();
    return true;
  }
  bool close() {
    keys_.pop_back();
    return true;
  }

  int max_depth_;
  std::vector<std::unordered_set<std::string>> keys_;
};

class FileDescriptor {
 public:
  explicit FileDescriptor(int fd) : fd_(fd) {}
  FileDescriptor(const FileDescriptor&) = delete;
  FileDescriptor& operator=(const FileDescriptor&) = delete;
  ~FileDescriptor() {
    if (fd_ >= 0) {
      ::close(fd_);
    }
  }
  [[nodiscard]] int get() const { return fd_; }

 private:
  int fd_;
};

std::string reason(int error) { return std::generic_category().message(error); }

}  // namespace

std::string in_quotes(std::string_view text, std::size_t max_bytes) {
  std::string result = "'";
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t length = utf8_length(text, at);
    if (result.size() + std::max<std::size_t>(length, 1) > max_bytes + 1) {
      return result + "...'";
    }
    if (length == 0 || static_cast<unsigned char>(text[at]) < 0x20 || text[at] == 0x7F) {
      result += '?';
      ++at;
    } else {
      result.append(text.substr(at, length));
      at += length;
    }
  }
  return result + "'";
}

std::string read_file(const std::filesystem::path& path, std::size_t max_bytes) {
  // Non-blocking, so that a named pipe put in the place of a file is refused at once.
  const FileDescriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (file.get() < 0) {
    const int error = errno;
    if (error == ENOENT || error == ENOTDIR) {
      throw Error(ErrorCode::kNotFound, path.string() + " does not exist.");
    }
    throw Error(ErrorCode::kIo, path.string() + " cannot be read: " + reason(error) + ".");
  }
  struct stat status {};
  if (::fstat(file.get(), &status) != 0) {
    throw Error(ErrorCode::kIo, path.string() + " cannot be read: " + reason(errno) + ".");
  }
  if (!S_ISREG(status.st_mode)) {
    throw Error(ErrorCode::kInvalidInput, path.string() + " is not a regular file.");
  }
  if (static_cast<std::uintmax_t>(status.st_size) > max_bytes) {
    throw Error(ErrorCode::kInvalidInput, path.string() + " is " + std::to_string(status.st_size) +
                                              " bytes long; at most " + std::to_string(max_bytes) +
                                              " are accepted.");
  }
  std::string text(static_cast<std::size_t>(status.st_size), '\0');
  std::size_t done = 0;
  while (done < text.size()) {
    const ssize_t count = ::read(file.get(), text.data() + done, text.size() - done);
    if (count < 0 && errno == EINTR) {
      continue;
    }
    if (count < 0) {
      throw Error(ErrorCode::kIo, path.string() + " cannot be read: " + reason(errno) + ".");
    }
    if (count == 0) {
      break;
    }
    done += static_cast<std::size_t>(count);
  }
  text.resize(done);
  return text;
}

std::string common_json_message(std::string_view message) {
  // 3.11.3 has a sentence of its own for an empty text, longer and about C++.
  constexpr std::string_view kNewer =
      "attempting to parse an empty input; check that your input string or stream contains the "
      "expected JSON";
  constexpr std::string_view kOlder =
      "syntax error while parsing value - unexpected end of input; expected '[', '{', or a literal";
  std::string common(message);
  if (const auto at = common.find(kNewer); at != std::string::npos) {
    common.replace(at, kNewer.size(), kOlder);
  }
  return common;
}

std::string json_problem(std::string_view message) {
  const std::string common = common_json_message(message);
  std::string_view library_message = common;
  // "[json.exception.parse_error.101] parse error at line 1, column 2: ...; last read: '...'"
  constexpr std::string_view kPrefix = "parse error at ";
  if (const auto at = library_message.find(kPrefix); at != std::string_view::npos) {
    library_message.remove_prefix(at + kPrefix.size());
  } else if (const auto end = library_message.find("] "); end != std::string_view::npos) {
    library_message.remove_prefix(end + 2);
  }
  library_message = library_message.substr(0, library_message.find("; last read"));
  std::string clean = in_quotes(library_message, 200);
  return clean.substr(1, clean.size() - 2);
}

nlohmann::json parse_json(std::string_view text, const std::string& name,
                          const InputLimits& limits) {
  if (text.size() > limits.max_bytes) {
    throw Error(ErrorCode::kInvalidInput, name + ": it is " + std::to_string(text.size()) +
                                              " bytes long; at most " +
                                              std::to_string(limits.max_bytes) + " are accepted.");
  }
  Checker checker(limits.max_depth);
  if (!nlohmann::json::sax_parse(text.begin(), text.end(), &checker)) {
    throw Error(ErrorCode::kInvalidInput, name + ": " + checker.problem + ".");
  }
  return nlohmann::json::parse(text.begin(), text.end());
}

nlohmann::json read_json_file(const std::filesystem::path& path, const InputLimits& limits) {
  return parse_json(read_file(path, limits.max_bytes), path.string(), limits);
}

}  // namespace mxscope
