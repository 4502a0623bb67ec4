// SPDX-License-Identifier: Apache-2.0
#include "mxscope/core/checkpoint/model_source.h"

#include <algorithm>
#include <cstdlib>
#include <optional>
#include <system_error>

#include "mxscope/core/base/error.h"
#include "mxscope/core/base/input.h"

namespace mxscope {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kMaxRefBytes = 256;

std::optional<std::string> environment(const char* name) {
  const char* value = std::getenv(name);
  return value != nullptr && *value != '\0' ? std::optional<std::string>(value) : std::nullopt;
}

fs::path home() { return environment("HOME").value_or("."); }

bool is_there(const fs::path& path) {
  std::error_code ignored;
  return fs::exists(path, ignored);
}

bool is_safe_name(std::string_view name) {
  const auto allowed = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_' || c == '.';
  };
  return !name.empty() && name.size() <= 96 && name.front() != '.' && name.front() != '-' &&
         name.find("..") == std::string_view::npos && name.find("--") == std::string_view::npos &&
         std::all_of(name.begin(), name.end(), allowed);
}

// The snapshot of a revision, or nothing.
std::optional<fs::path> find_snapshot(const fs::path& model, const std::string& revision) {
  const fs::path direct = model / "snapshots" / revision;
  if (is_there(direct / "config.json")) {
    return direct;
  }
  const fs::path ref = model / "refs" / revision;
  if (!is_there(ref)) {
    return std::nullopt;
  }
  std::string commit = read_file(ref, kMaxRefBytes);
  while (!commit.empty() && (commit.back() == '\n' || commit.back() == '\r')) {
    commit.pop_back();
  }
  if (!is_safe_name(commit)) {
    throw Error(ErrorCode::kInvalidInput,
                ref.string() + " holds " + in_quotes(commit) + " instead of a commit.");
  }
  const fs::path snapshot = model / "snapshots" / commit;
  return is_there(snapshot / "config.json") ? std::optional(snapshot) : std::nullopt;
}

}  // namespace

bool is_hub_id(const std::string& source) {
  const std::size_t slash = source.find('/');
  if (slash == std::string::npos) {
    return is_safe_name(source);
  }
  return is_safe_name(source.substr(0, slash)) && is_safe_name(source.substr(slash + 1));
}

bool is_hub_revision(const std::string& name) {
  std::string_view revision = name;
  while (true) {
    const std::size_t slash = revision.find('/');
    if (!is_safe_name(revision.substr(0, slash))) {
      return false;
    }
    if (slash == std::string_view::npos) {
      return true;
    }
    revision.remove_prefix(slash + 1);
  }
}

std::string hub_cache_name(const std::string& hub_id) {
  std::string name = "models--" + hub_id;
  if (const std::size_t slash = name.find('/'); slash != std::string::npos) {
    name.replace(slash, 1, "--");
  }
  return name;
}

fs::path hub_cache_folder() {
  for (const char* name : {"HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE"}) {
    if (const auto folder = environment(name)) {
      return *folder;
    }
  }
  if (const auto folder = environment("HF_HOME")) {
    return fs::path(*folder) / "hub";
  }
  const auto cache = environment("XDG_CACHE_HOME");
  return (cache ? fs::path(*cache) : home() / ".cache") / "huggingface" / "hub";
}

fs::path resolve_model_source(const std::string& source, const fs::path& base_dir,
                              const std::string& revision) {
  if (source.empty()) {
    throw Error(ErrorCode::kInvalidInput,
                "The model's source is empty; a folder, a *.safetensors file or a hub id is "
                "accepted.");
  }
  fs::path path = source.starts_with("~/") ? home() / source.substr(2) : fs::path(source);
  if (path.is_relative()) {
    path = base_dir / path;
  }
  if (is_there(path)) {
    return path;
  }
  if (!is_hub_id(source)) {
    throw Error(ErrorCode::kNotFound, "Model " + in_quotes(source, 200) + ": " + path.string() +
                                          " does not exist, and it is no hub id of the form "
                                          "ORGANISATION/NAME.");
  }
  const std::string wanted = revision.empty() ? "main" : revision;
  if (!is_hub_revision(wanted)) {
    throw Error(ErrorCode::kInvalidInput,
                "Model " + in_quotes(source, 200) + ": the revision " + in_quotes(wanted) +
                    " is not accepted; name a branch, a tag or a commit.");
  }
  const fs::path model = hub_cache_folder() / hub_cache_name(source);
  if (const auto snapshot = find_snapshot(model, wanted)) {
    return *snapshot;
  }
  throw Error(ErrorCode::kNotFound, "Model " + in_quotes(source, 200) + " is neither the folder " +
                                        path.string() + " nor, in revision " + wanted +
                                        ", in the local hub cache " + hub_cache_folder().string() +
                                        ". Get it with: hf download " + source +
                                        (revision.empty() ? "" : " --revision " + revision) + ".");
}

}  // namespace mxscope
