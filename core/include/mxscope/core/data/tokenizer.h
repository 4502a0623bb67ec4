// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace mxscope {

// Tokens of one text.
struct Encoding {
  std::vector<std::int32_t> ids;
  // [ids.size()] bytes of the text that lie before the end of each token. Never decreasing: a token
  // that stands for no text (a begin token) repeats its predecessor's value.
  std::vector<std::uint32_t> ends;
};

// A Hugging Face tokenizer (`tokenizer.json`), executed by the `tokenizers` crate. Truncation and
// padding that the file may carry are switched off. Copies share one tokenizer. All const members
// may be called from any number of threads at once.
class Tokenizer {
 public:
  // `path` is a model folder or a tokenizer.json. `tokenizer_config.json` beside it, where there is
  // one, names the special tokens. Throws Error: kNotFound, kInvalidInput, kIo.
  [[nodiscard]] static Tokenizer open(const std::filesystem::path& path);

  // The same from the text of a tokenizer.json and of a tokenizer_config.json (may be empty);
  // `name` stands for the file in messages.
  [[nodiscard]] static Tokenizer from_json(std::string_view tokenizer_json,
                                           std::string_view config_json, const std::string& name);

  // Ids of `text`. `add_special` adds what the tokenizer's own template adds (often a begin token).
  // A `max_length` above 0 keeps at most that many ids, as transformers truncates on the right:
  // room is left for the added tokens. Throws Error kInvalidInput where `text` is not UTF-8 (with
  // the byte's offset) or is 4 GiB or longer.
  [[nodiscard]] std::vector<std::int32_t> encode(std::string_view text, bool add_special,
                                                 std::size_t max_length = 0) const;
  [[nodiscard]] Encoding encode_with_ends(std::string_view text, bool add_special,
                                          std::size_t max_length = 0) const;

  // Number of tokens, added ones included; ids may still have gaps below it.
  [[nodiscard]] std::int64_t vocab_size() const noexcept;
  [[nodiscard]] std::optional<std::int32_t> token_to_id(std::string_view token) const;

  // From tokenizer_config.json; empty where it names none or the tokenizer does not know the token.
  [[nodiscard]] std::optional<std::int32_t> bos_id() const noexcept;
  [[nodiscard]] std::optional<std::int32_t> eos_id() const noexcept;
  [[nodiscard]] std::optional<std::int32_t> pad_id() const noexcept;

  // The tokenizer itself begins a text with this id (its template, not the configuration, says so).
  [[nodiscard]] std::optional<std::int32_t> added_first_id() const noexcept;

  // SHA-256 of the bytes of tokenizer.json.
  [[nodiscard]] const std::string& sha256() const noexcept;
  // Path that it was read from, for messages.
  [[nodiscard]] const std::string& name() const noexcept;

 private:
  struct State;
  explicit Tokenizer(std::shared_ptr<const State> state) : state_(std::move(state)) {}
  std::shared_ptr<const State> state_;
};

}  // namespace mxscope
