// SPDX-License-Identifier: Apache-2.0
#include "mxscope/core/checkpoint/hub_download.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <exception>
#include <fstream>
#include <nlohmann/json.hpp>
#include <optional>
#include <system_error>
#include <vector>

#include "http_client.h"
#include "mxscope/core/base/error.h"
#include "mxscope/core/base/input.h"
#include "mxscope/core/base/sha256.h"
#include "mxscope/core/checkpoint/model_source.h"

namespace mxscope {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr int64_t kMaxListingBytes = int64_t{32} << 20;
constexpr auto kProgressInterval = std::chrono::milliseconds(100);

struct RemoteFile {
  std::string name;
  int64_t bytes = 0;
  std::string blob;    // name in blobs/: the SHA-256 of large files, git's id of small ones
  std::string sha256;  // empty for small files
};

struct Listing {
  std::string commit;
  std::vector<RemoteFile> files;
};

std::string environment(const char* name) {
  const char* value = std::getenv(name);
  return value != nullptr ? value : "";
}

bool is_offline() {
  const std::string offline = environment("HF_HUB_OFFLINE");
  return !offline.empty() && offline != "0";
}

bool is_hex(const std::string& text) {
  return !text.empty() && text.size() <= 64 &&
         text.find_first_not_of("0123456789abcdef") == std::string::npos;
}

bool is_wanted(const std::string& name, bool has_single_file) {
  if (name.find('/') != std::string::npos || name.find('\\') != std::string::npos ||
      name.front() == '.') {
    return false;
  }
  if (name.ends_with(".safetensors")) {
    return has_single_file ? name == "model.safetensors" : name.starts_with("model-");
  }
  return name == "config.json" || name == "generation_config.json" || name == "tokenizer.json" ||
         name == "tokenizer_config.json" || name == "special_tokens_map.json" ||
         (name == "model.safetensors.index.json" && !has_single_file);
}

std::string endpoint() {
  std::string url = environment("HF_ENDPOINT");
  if (url.empty()) {
    url = "https://huggingface.co";
  }
  while (url.ends_with('/')) {
    url.pop_back();
  }
  return url;
}

void check_status(long status, const std::string& what, const std::string& hub_id) {
  if (status == 200 || status == 206) {
    return;
  }
  if (status == 401 || status == 403) {
    throw Error(ErrorCode::kNotFound,
                "The hub does not let us read " + what + " of " + in_quotes(hub_id, 200) +
                    " (status " + std::to_string(status) +
                    "): the model does not exist, or its licence has to be accepted on its page "
                    "and the environment variable HF_TOKEN set.");
  }
  if (status == 404) {
    throw Error(ErrorCode::kNotFound,
                "The hub has no " + what + " of " + in_quotes(hub_id, 200) + " (status 404).");
  }
  throw Error(ErrorCode::kIo, "The hub answers with status " + std::to_string(status) + " for " +
                                  what + " of " + in_quotes(hub_id, 200) + ".");
}

[[noreturn]] void cancelled() { throw Error(ErrorCode::kCancelled, "The download was cancelled."); }

Listing read_listing(const std::string& hub_id, const std::string& revision,
                     const std::function<bool(const HubProgress&)>& on_progress) {
  std::string escaped = revision;
  for (std::size_t at = escaped.find('/'); at != std::string::npos; at = escaped.find('/', at)) {
    escaped.replace(at, 1, "%2F");
  }
  std::string body;
  const HttpReply reply = http_get(
      {.url = endpoint() + "/api/models/" + hub_id + "/revision/" + escaped + "?blobs=true",
       .token = environment("HF_TOKEN"),
       .max_bytes = kMaxListingBytes,
       .on_body =
           [&](std::string_view piece) {
             body += piece;
             return true;
           },
       .keep_waiting = [&] { return !on_progress || on_progress({}); }});
  if (reply.stopped) {
    cancelled();
  }
  check_status(reply.status, "revision " + revision, hub_id);

  const std::string name = "The hub's list of files of " + in_quotes(hub_id, 200);
  const json info = parse_json(body, name, {static_cast<std::size_t>(kMaxListingBytes), 64});
  const auto fail = [&] {
    throw Error(ErrorCode::kIo, name + " is not of the form that is known.");
  };
  Listing listing;
  if (!info.is_object() || !info.contains("sha") || !info["sha"].is_string() ||
      !info.contains("siblings") || !info["siblings"].is_array()) {
    fail();
  }
  listing.commit = info["sha"].get<std::string>();
  if (!is_hex(listing.commit)) {
    fail();
  }
  const auto text = [](const json& object, const char* key) {
    return object.contains(key) && object[key].is_string() ? object[key].get<std::string>()
                                                           : std::string();
  };
  bool has_single_file = false;
  for (const json& sibling : info["siblings"]) {
    if (!sibling.is_object()) {
      fail();
    }
    has_single_file = has_single_file || text(sibling, "rfilename") == "model.safetensors";
  }
  bool has_weights = false;
  for (const json& sibling : info["siblings"]) {
    RemoteFile file;
    file.name = text(sibling, "rfilename");
    if (file.name.empty() || !is_wanted(file.name, has_single_file)) {
      continue;
    }
    if (sibling.contains("lfs") && sibling["lfs"].is_object()) {
      file.sha256 = text(sibling["lfs"], "sha256");
    }
    file.blob = file.sha256.empty() ? text(sibling, "blobId") : file.sha256;
    if (!is_hex(file.blob) || !sibling.contains("size") || !sibling["size"].is_number_unsigned() ||
        sibling["size"].get<uint64_t>() > (uint64_t{1} << 50)) {
      fail();
    }
    file.bytes = sibling["size"].get<int64_t>();
    has_weights = has_weights || file.name.ends_with(".safetensors");
    listing.files.push_back(std::move(file));
  }
  if (!has_weights) {
    throw Error(ErrorCode::kUnsupported, in_quotes(hub_id, 200) +
                                             " has no weights as safetensors in revision " +
                                             revision + "; other formats are not read.");
  }
  return listing;
}

// Appends to a file; the destructor closes it.
class Appender {
 public:
  explicit Appender(const fs::path& path)
      : path_(path), fd_(::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666)) {
    if (fd_ < 0) {
      fail(errno);
    }
  }
  Appender(const Appender&) = delete;
  Appender& operator=(const Appender&) = delete;
  ~Appender() { ::close(fd_); }

  // 0, or the error number.
  int append(std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t count = ::write(fd_, bytes.data(), bytes.size());
      if (count < 0 && errno != EINTR) {
        return errno;
      }
      bytes.remove_prefix(count > 0 ? static_cast<std::size_t>(count) : 0);
    }
    return 0;
  }
  void sync() {
    if (::fsync(fd_) != 0) {
      fail(errno);
    }
  }
  [[noreturn]] void fail(int error) const {
    throw Error(ErrorCode::kIo, path_.string() + " cannot be written: " +
                                    std::generic_category().message(error) + ".");
  }

 private:
  fs::path path_;
  int fd_;
};

int64_t size_of(const fs::path& path) {
  std::error_code error;
  const auto bytes = fs::file_size(path, error);
  return error ? -1 : static_cast<int64_t>(bytes);
}

std::string hash_file(const fs::path& path) {
  Sha256 hash;
  std::ifstream file(path, std::ios::binary);
  std::vector<char> buffer(std::size_t{1} << 20);
  while (file.read(buffer.data(), static_cast<std::streamsize>(buffer.size())) ||
         file.gcount() > 0) {
    hash.update(buffer.data(), static_cast<std::size_t>(file.gcount()));
  }
  return hash.hex();
}

class Download {
 public:
  Download(std::string hub_id, fs::path folder, const Listing& listing,
           const std::function<bool(const HubProgress&)>& on_progress)
      : hub_id_(std::move(hub_id)),
        folder_(std::move(folder)),
        listing_(listing),
        on_progress_(on_progress) {
    for (const RemoteFile& file : listing_.files) {
      progress_.total_bytes += file.bytes;
    }
  }

  void run() {
    make_folder(folder_ / "blobs");
    make_folder(folder_ / "refs");
    make_folder(folder_ / "snapshots" / listing_.commit);
    check_space();
    for (const RemoteFile& file : listing_.files) {
      progress_.file = file.name;
      const fs::path blob = folder_ / "blobs" / file.blob;
      const int64_t before = progress_.done_bytes;
      if (size_of(blob) != file.bytes) {
        fetch(file, blob);
      }
      progress_.done_bytes = before + file.bytes;
    }
    // A snapshot shows what is there as a whole.
    for (const RemoteFile& file : listing_.files) {
      link(file, folder_ / "blobs" / file.blob);
    }
  }

 private:
  static void make_folder(const fs::path& path) {
    std::error_code error;
    fs::create_directories(path, error);
    if (error) {
      throw Error(ErrorCode::kIo, path.string() + " cannot be made: " + error.message() + ".");
    }
  }

  void check_space() const {
    int64_t needed = 0;
    for (const RemoteFile& file : listing_.files) {
      const fs::path blob = folder_ / "blobs" / file.blob;
      if (size_of(blob) != file.bytes) {
        needed += file.bytes - std::max<int64_t>(0, size_of(blob.string() + ".incomplete"));
      }
    }
    std::error_code error;
    const auto space = fs::space(folder_, error);
    if (!error && needed > 0 && static_cast<uint64_t>(needed) > space.available) {
      throw Error(ErrorCode::kIo, "Downloading " + in_quotes(hub_id_, 200) + " to " +
                                      folder_.string() + " needs " + std::to_string(needed) +
                                      " bytes; " + std::to_string(space.available) + " are free.");
    }
  }

  void report(bool always) {
    const auto now = std::chrono::steady_clock::now();
    if (!on_progress_ || (!always && now - reported_ < kProgressInterval)) {
      return;
    }
    reported_ = now;
    if (!on_progress_(progress_)) {
      cancelled();
    }
  }

  void fetch(const RemoteFile& file, const fs::path& blob) {
    const fs::path part = blob.string() + ".incomplete";
    if (size_of(part) > file.bytes) {
      fs::remove(part);
    }
    const int64_t from = std::max<int64_t>(0, size_of(part));
    report(true);
    if (from < file.bytes || from == 0) {
      const bool resumed = transfer(file, part, from);
      if (!resumed) {
        fs::remove(part);
        (void)transfer(file, part, 0);
      }
    }
    if (size_of(part) != file.bytes) {
      throw Error(ErrorCode::kIo, in_quotes(file.name) + " of " + in_quotes(hub_id_, 200) +
                                      " stopped after " + std::to_string(size_of(part)) + " of " +
                                      std::to_string(file.bytes) +
                                      " bytes; the download goes on there when it is repeated.");
    }
    if (!file.sha256.empty() && hash_file(part) != file.sha256) {
      fs::remove(part);
      throw Error(ErrorCode::kIo, in_quotes(file.name) + " of " + in_quotes(hub_id_, 200) +
                                      " arrived damaged: its SHA-256 is not " + file.sha256 + ".");
    }
    fs::rename(part, blob);
  }

  // False when the server does not give a file from its middle on.
  [[nodiscard]] bool transfer(const RemoteFile& file, const fs::path& part, int64_t from) {
    Appender out(part);
    const int64_t before = progress_.done_bytes;
    int write_error = 0;
    std::exception_ptr stopped;
    int64_t received = 0;
    progress_.done_bytes = before + from;
    const auto go_on = [&] {
      try {
        report(false);
      } catch (...) {
        stopped = std::current_exception();
      }
      return !stopped;
    };
    const HttpReply reply = http_get(
        {.url = endpoint() + "/" + hub_id_ + "/resolve/" + listing_.commit + "/" + file.name,
         .token = environment("HF_TOKEN"),
         .from = from,
         .max_bytes = file.bytes - from,
         .on_body =
             [&](std::string_view piece) {
               write_error = out.append(piece);
               received += static_cast<int64_t>(piece.size());
               progress_.done_bytes = before + from + received;
               return write_error == 0 && go_on();
             },
         .keep_waiting = go_on});
    if (stopped) {
      std::rethrow_exception(stopped);
    }
    if (write_error != 0) {
      out.fail(write_error);
    }
    if (from > 0 && (reply.status == 200 || reply.status == 416)) {
      progress_.done_bytes = before;
      return false;
    }
    check_status(reply.status, "file " + in_quotes(file.name), hub_id_);
    out.sync();
    progress_.done_bytes = before;
    return true;
  }

  void link(const RemoteFile& file, const fs::path& blob) const {
    const fs::path target = folder_ / "snapshots" / listing_.commit / file.name;
    std::error_code error;
    fs::remove(target, error);
    fs::create_symlink(fs::path("..") / ".." / "blobs" / blob.filename(), target, error);
    if (error) {
      throw Error(ErrorCode::kIo, target.string() + " cannot be made: " + error.message() + ".");
    }
  }

  std::string hub_id_;
  fs::path folder_;
  const Listing& listing_;
  const std::function<bool(const HubProgress&)>& on_progress_;
  HubProgress progress_;
  std::chrono::steady_clock::time_point reported_{};
};

}  // namespace

fs::path download_model(const std::string& hub_id, const std::string& revision,
                        const std::function<bool(const HubProgress&)>& on_progress) {
  const std::string wanted = revision.empty() ? "main" : revision;
  if (!is_hub_id(hub_id) || !is_hub_revision(wanted)) {
    throw Error(ErrorCode::kInvalidInput, in_quotes(hub_id, 200) + " in revision " +
                                              in_quotes(wanted) +
                                              " is no model of the hub; ORGANISATION/NAME and a "
                                              "branch, tag or commit are accepted.");
  }
  if (is_offline()) {
    throw Error(ErrorCode::kIo, in_quotes(hub_id, 200) +
                                    " is not fetched: the environment variable HF_HUB_OFFLINE is "
                                    "set.");
  }
  const Listing listing = read_listing(hub_id, wanted, on_progress);
  const fs::path folder = hub_cache_folder() / hub_cache_name(hub_id);
  Download(hub_id, folder, listing, on_progress).run();
  if (wanted != listing.commit) {
    const fs::path ref = folder / "refs" / wanted;
    std::error_code ignored;
    fs::create_directories(ref.parent_path(), ignored);
    std::ofstream out(ref, std::ios::trunc);
    if (!(out << listing.commit) || !out.flush()) {
      throw Error(ErrorCode::kIo, ref.string() + " cannot be written.");
    }
  }
  return folder / "snapshots" / listing.commit;
}

fs::path fetch_model_source(const std::string& source, const fs::path& base_dir,
                            const std::string& revision,
                            const std::function<bool(const HubProgress&)>& on_progress) {
  std::string missing;
  try {
    return resolve_model_source(source, base_dir, revision);
  } catch (const Error& error) {
    if (error.code() != ErrorCode::kNotFound || !is_hub_id(source) ||
        source.find('/') == std::string::npos) {
      throw;
    }
    missing = error.what();
  }
  if (is_offline()) {
    throw Error(ErrorCode::kNotFound,
                missing + " It is not downloaded here, since HF_HUB_OFFLINE is set.");
  }
  try {
    return download_model(source, revision, on_progress);
  } catch (const Error& error) {
    if (error.code() == ErrorCode::kCancelled) {
      throw;
    }
    throw Error(error.code(), std::string(error.what()) + " There is no folder " +
                                  (base_dir / source).string() + " either.");
  }
}

}  // namespace mxscope
