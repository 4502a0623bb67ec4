// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "mxscope/core/data/tokenizer.h"

namespace mxscope {

// How text becomes windows and which positions are scored: NUMERICS section 6 is the definition.

// Where a begin token stands.
enum class BosMode {
  kTokenizer,  // what the tokenizer itself adds to a text
  kOnce,       // one at the start of each text that is tokenised, none from the tokenizer
  kEach,       // one at the start of each window, followed by context - 1 tokens of the text
  kNone,
};

// "tokenizer", "once", "each", "none"; throws Error kInvalidInput naming the accepted values.
[[nodiscard]] BosMode parse_bos(std::string_view name);
[[nodiscard]] std::string_view to_string(BosMode bos) noexcept;

// A protocol as an experiment states it; what is left out is decided by resolve_plan().
struct ProtocolRequest {
  std::string name = "windows";
  std::optional<std::int64_t> context{};
  std::optional<std::int64_t> stride{};
  std::string bos = "tokenizer";
  std::optional<std::string> join{};
  std::optional<std::int64_t> max_windows{};
};

// What the model allows.
struct ModelLimits {
  std::int64_t max_context = 0;          // longest row, in tokens; 0: no limit (ALiBi)
  std::int64_t vocab_size = 0;           // rows of the embedding; 0: ids are not checked
  std::optional<std::int32_t> bos_id{};  // of config.json, used where the tokenizer names none
  std::optional<std::int32_t> eos_id{};
};

// Every choice made.
struct WindowPlan {
  enum class Protocol { kWindows, kConcat2048, kSliding, kLlamaCpp, kSeed, kDocuments };

  Protocol protocol = Protocol::kWindows;
  std::string name = "windows";
  std::int64_t context = 2048;  // longest window, in tokens
  std::int64_t stride = 2048;   // tokens between the starts of two windows (windows and sliding)
  BosMode bos = BosMode::kTokenizer;
  std::string join;  // between samples, where they are tokenised together
  std::optional<std::int64_t> max_windows;
  ModelLimits limits;
};

// Fills in the defaults and checks the request against the model. Throws Error kInvalidInput
// (context longer than the model's, a stride that the protocol does not have, ...) and kUnsupported
// (a protocol that is not implemented, with the list of those that are).
[[nodiscard]] WindowPlan resolve_plan(const ProtocolRequest& request, const ModelLimits& limits);

// Names that resolve_plan() accepts, in the order in which a list shows them.
[[nodiscard]] std::span<const std::string_view> protocol_names() noexcept;

// One row of token ids. Positions count from 0 within the row.
struct WindowSpan {
  std::size_t offset = 0;   // of its first id in TokenWindows::ids
  std::int32_t length = 0;  // tokens of the row, padding included
  std::int32_t valid = 0;   // tokens before the padding; positions from here on are masked as keys
  std::int32_t score_begin = 0;  // positions [score_begin, score_end) are scored:
  std::int32_t score_end = 0;    //   position p is asked for ids[p + 1]; empty under `seed`
  // The window's weight in the mean NLL of the protocol: its mean NLL counts this much. Equal to
  // the number of scored positions but for `sliding` (n - 1) and `seed` (0).
  double weight = 0;
  std::int64_t bytes = -1;   // UTF-8 bytes of the text that the scored tokens stand for
  std::int64_t sample = -1;  // sample that it was cut from; -1 where samples are joined

  // Positions of the argmax_* metrics: all of the row, whatever is scored.
  [[nodiscard]] std::int32_t argmax_positions() const noexcept { return length; }
  [[nodiscard]] std::int32_t scored() const noexcept { return score_end - score_begin; }

  bool operator==(const WindowSpan&) const = default;
};

struct TokenWindows {
  std::vector<std::int32_t> ids;  // of all windows; those of `sliding` share ids
  std::vector<WindowSpan> windows;
  bool scores_next_token = true;     // false under `seed`: nll and ppl do not exist
  std::int32_t pad_id = -1;          // id of the padding; -1: the protocol has none
  std::int32_t max_length = 0;       // of any window
  std::int64_t text_tokens = 0;      // tokens of the whole text, before anything was cut
  std::int64_t dropped_tokens = 0;   // of them, those in no window
  std::int64_t scored_tokens = 0;    // sum of scored() over the windows
  std::int64_t skipped_samples = 0;  // `documents`: samples of fewer than 2 tokens
  std::string token_ids_sha256;      // see hash_windows()
  std::vector<std::string> warnings;

  [[nodiscard]] std::span<const std::int32_t> row(std::size_t window) const {
    const WindowSpan& w = windows.at(window);
    return {ids.data() + w.offset, static_cast<std::size_t>(w.length)};
  }
};

// Cuts `samples` into windows. May be called from any thread. Throws Error kInvalidInput: no
// samples, fewer tokens than one window needs (with both counts), an id outside the model's
// vocabulary (with the id and the vocabulary's size), no begin or end token where the plan needs
// one.
[[nodiscard]] TokenWindows make_windows(const WindowPlan& plan,
                                        std::span<const std::string> samples,
                                        const Tokenizer& tokenizer);

// SHA-256 over, for each window, its length, its valid length and its ids, each as a 32-bit
// integer, least significant byte first.
[[nodiscard]] std::string hash_windows(const TokenWindows& windows);

}  // namespace mxscope
