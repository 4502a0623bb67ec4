// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>

namespace mxscope {

// Where a model named by a user lies. `source` is a folder or a *.safetensors file (relative to
// `base_dir`; "~/" is the home folder), or a hub id such as "Qwen/Qwen2.5-7B", which is looked up
// in the local cache of Hugging Face (HF_HUB_CACHE, else HF_HOME/hub, else
// ~/.cache/huggingface/hub). `revision` is a branch, tag or commit of the hub; empty: main. A path
// that exists goes first. Throws Error kNotFound saying what was looked for and how to get the
// model. Any thread.
[[nodiscard]] std::filesystem::path resolve_model_source(const std::string& source,
                                                         const std::filesystem::path& base_dir,
                                                         const std::string& revision = "");

// True for NAME or ORGANISATION/NAME of letters, digits, '-', '_' and '.'.
[[nodiscard]] bool is_hub_id(const std::string& source);

// True for what names a branch, tag or commit, e.g. "main", "refs/pr/1".
[[nodiscard]] bool is_hub_revision(const std::string& revision);

// "models--ORGANISATION--NAME", a model's folder in the cache.
[[nodiscard]] std::string hub_cache_name(const std::string& hub_id);

// The folder of the local cache that holds one folder for each model.
[[nodiscard]] std::filesystem::path hub_cache_folder();

}  // namespace mxscope
