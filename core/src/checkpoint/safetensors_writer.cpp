// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <nlohmann/json.hpp>
#include <system_error>
#include <unordered_set>
#include <utility>

#include "mxscope/core/base/error.h"
#include "mxscope/core/base/input.h"
#include "mxscope/core/checkpoint/safetensors.h"

namespace mxscope {
namespace {

[[noreturn]] void fail_write(const std::filesystem::path& path, int error, uint64_t needed) {
  std::string message =
      path.string() + " cannot be written: " + std::generic_category().message(error);
  if (error == ENOSPC || error == EDQUOT || error == EFBIG) {
    message += "; " + std::to_string(needed) + " bytes are needed";
    std::error_code ignored;
    const auto space =
        std::filesystem::space(path.parent_path().empty() ? "." : path.parent_path(), ignored);
    if (!ignored) {
      message += ", " + std::to_string(space.available) + " are free";
    }
  }
  throw Error(ErrorCode::kIo, message + ".");
}

// The file being written: under its final name, or under a temporary one until commit().
class Output {
 public:
  Output(const std::filesystem::path& path, uint64_t needed) : path_(path), needed_(needed) {
    struct stat status {};
    if (::stat(path.c_str(), &status) == 0 && !S_ISREG(status.st_mode)) {
      if (S_ISDIR(status.st_mode)) {
        throw Error(ErrorCode::kInvalidInput,
                    path.string() + " is a folder; the name of a file is needed.");
      }
      fd_ = ::open(path.c_str(), O_WRONLY | O_CLOEXEC);
    } else {
      // A name of its own, made as open(2) makes any new file, so that it gets the usual rights.
      static std::atomic<unsigned> counter{0};
      do {
        temporary_ =
            path.string() + ".tmp-" + std::to_string(::getpid()) + "-" + std::to_string(counter++);
        fd_ = ::open(temporary_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
      } while (fd_ < 0 && errno == EEXIST);
      if (fd_ < 0) {
        const int error = errno;
        temporary_.clear();
        errno = error;
      }
    }
    if (fd_ < 0) {
      fail_write(path_, errno, needed_);
    }
  }
  Output(const Output&) = delete;
  Output& operator=(const Output&) = delete;
  ~Output() {
    if (fd_ >= 0) {
      ::close(fd_);
    }
    if (!temporary_.empty()) {
      ::unlink(temporary_.c_str());
    }
  }

  void write(const void* data, uint64_t bytes) {
    const auto* at = static_cast<const char*>(data);
    while (bytes > 0) {
      const ssize_t count = ::write(fd_, at, bytes);
      if (count < 0 && errno == EINTR) {
        continue;
      }
      if (count < 0) {
        fail_write(path_, errno, needed_);
      }
      at += count;
      bytes -= static_cast<uint64_t>(count);
    }
  }

  void commit() {
    if (!temporary_.empty() && ::fsync(fd_) != 0) {
      fail_write(path_, errno, needed_);
    }
    const int fd = std::exchange(fd_, -1);
    if (::close(fd) != 0) {
      fail_write(path_, errno, needed_);
    }
    if (!temporary_.empty()) {
      if (::rename(temporary_.c_str(), path_.c_str()) != 0) {
        fail_write(path_, errno, needed_);
      }
      temporary_.clear();
    }
  }

 private:
  std::filesystem::path path_;
  uint64_t needed_;
  std::string temporary_;  // empty: written in place
  int fd_ = -1;
};

void check(const TensorToWrite& tensor, const std::filesystem::path& path) {
  uint64_t bits = static_cast<uint64_t>(tensor_type_bits(tensor.type));
  for (const int64_t size : tensor.shape) {
    if (size < 0 || __builtin_mul_overflow(bits, static_cast<uint64_t>(size), &bits)) {
      throw Error(ErrorCode::kInvalidInput, path.string() + ": tensor " + in_quotes(tensor.name) +
                                                " has a negative or overflowing shape.");
    }
  }
  if (bits % 8 != 0 || bits / 8 != tensor.data.size()) {
    throw Error(ErrorCode::kInvalidInput,
                path.string() + ": tensor " + in_quotes(tensor.name) + " needs " +
                    std::to_string(bits) + " bits for its shape, but " +
                    std::to_string(tensor.data.size()) + " bytes were given.");
  }
}

}  // namespace

void write_safetensors(const std::filesystem::path& path, std::span<const TensorToWrite> tensors,
                       const std::map<std::string, std::string>& metadata) {
  std::vector<const TensorToWrite*> order;
  std::unordered_set<std::string_view> names;
  for (const TensorToWrite& tensor : tensors) {
    check(tensor, path);
    if (tensor.name == "__metadata__" || !names.insert(tensor.name).second) {
      throw Error(ErrorCode::kInvalidInput, path.string() + ": the tensor name " +
                                                in_quotes(tensor.name) +
                                                " is reserved or given twice.");
    }
    order.push_back(&tensor);
  }
  // Wide elements first keeps every tensor aligned to its element, as the reference writer does.
  std::sort(order.begin(), order.end(), [](const TensorToWrite* a, const TensorToWrite* b) {
    const int a_bits = tensor_type_bits(a->type);
    const int b_bits = tensor_type_bits(b->type);
    return a_bits != b_bits ? a_bits > b_bits : a->name < b->name;
  });

  nlohmann::ordered_json header = nlohmann::ordered_json::object();
  if (!metadata.empty()) {
    header["__metadata__"] = metadata;
  }
  uint64_t end = 0;
  for (const TensorToWrite* tensor : order) {
    const uint64_t begin = end;
    end += tensor->data.size();
    header[tensor->name] = {{"dtype", std::string(to_string(tensor->type))},
                            {"shape", tensor->shape},
                            {"data_offsets", {begin, end}}};
  }
  std::string text;
  try {
    text = header.dump();
  } catch (const nlohmann::json::type_error&) {
    throw Error(ErrorCode::kInvalidInput,
                path.string() + ": a tensor's name or the metadata is not valid UTF-8.");
  }
  text.resize((text.size() + 7) / 8 * 8, ' ');
  if (text.size() > kMaxHeaderBytes) {
    throw Error(ErrorCode::kInvalidInput, path.string() + ": the header would take " +
                                              std::to_string(text.size()) + " bytes; at most " +
                                              std::to_string(kMaxHeaderBytes) + " are accepted.");
  }

  const uint64_t length = text.size();
  Output output(path, sizeof(length) + length + end);
  output.write(&length, sizeof(length));
  output.write(text.data(), length);
  for (const TensorToWrite* tensor : order) {
    output.write(tensor->data.data(), tensor->data.size());
  }
  output.commit();
}

}  // namespace mxscope
