// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>

namespace mxscope {

struct HubProgress {
  std::string file;        // e.g. "model-00002-of-00004.safetensors"
  int64_t done_bytes = 0;  // of all files together
  int64_t total_bytes = 0;
};

// Fetches config, tokenizer and safetensors of a model from the hub into the local cache of Hugging
// Face, in the layout that its own tools use and find, and returns the snapshot's folder. What the
// cache holds already is not fetched again, and an interrupted file goes on where it stopped. Sizes
// are checked, and the SHA-256 of large files. Nothing calls this unasked: the network is touched
// here alone.
//
// Environment: HF_ENDPOINT (default https://huggingface.co), HF_TOKEN for models behind a licence,
// HF_HUB_OFFLINE=1 refuses. `revision`: branch, tag or commit; empty: main. `on_progress` is called
// from this thread about ten times a second, once a second while nothing arrives, and with zeros
// while the list of files is awaited; false cancels.
//
// Throws Error kInvalidInput (no hub id), kNotFound, kUnsupported (no safetensors), kCancelled, kIo
// (network, disk; full disk: bytes needed and free).
std::filesystem::path download_model(
    const std::string& hub_id, const std::string& revision = "",
    const std::function<bool(const HubProgress&)>& on_progress = {});

// resolve_model_source(), and where neither a path nor the local cache has a model that is named as
// ORGANISATION/NAME, its download. With HF_HUB_OFFLINE set, and for names without an organisation,
// nothing is fetched; the error then says so. Throws what both functions throw.
std::filesystem::path fetch_model_source(
    const std::string& source, const std::filesystem::path& base_dir, const std::string& revision,
    const std::function<bool(const HubProgress&)>& on_progress = {});

}  // namespace mxscope
