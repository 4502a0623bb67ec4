// SPDX-License-Identifier: Apache-2.0
#include "mxscope/core/data/tokenizer.h"

#include <algorithm>
#include <limits>
#include <nlohmann/json.hpp>

#include "data/file_bytes.h"
#include "mxscope/core/base/error.h"
#include "mxscope/core/base/sha256.h"
#include "mxscope/core/data/text_source.h"
#include "mxscope_tokenizer.h"

namespace mxscope {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

// The largest tokenizers in use have 35 MB.
constexpr std::uintmax_t kMaxTokenizerBytes = std::uintmax_t{1} << 30;
constexpr std::uintmax_t kMaxConfigBytes = std::uintmax_t{1} << 26;

const std::uint8_t* bytes_of(std::string_view text) {
  return reinterpret_cast<const std::uint8_t*>(text.data());
}

// The shim's error text, freed.
std::string take(char* text) {
  std::string copy = text == nullptr ? "it gave no reason" : text;
  mxscope_tokenizer_free_text(text);
  while (copy.ends_with('.')) {
    copy.pop_back();
  }
  return copy;
}

json parse_config(std::string_view text, const std::string& name) {
  if (text.empty()) {
    return json::object();
  }
  json config = json::parse(text, nullptr, false);
  if (!config.is_object()) {
    throw Error(ErrorCode::kInvalidInput,
                "Tokenizer '" + name + "': the file of its special tokens is not a JSON object.");
  }
  return config;
}

// A token as a configuration writes it: a string, or an object with its content.
std::string token_text(const json& config, const char* key) {
  const auto it = config.find(key);
  if (it == config.end()) {
    return {};
  }
  if (it->is_string()) {
    return it->get<std::string>();
  }
  if (it->is_object() && it->contains("content") && (*it)["content"].is_string()) {
    return (*it)["content"].get<std::string>();
  }
  return {};
}

class Tokens {
 public:
  Tokens() = default;
  Tokens(const Tokens&) = delete;
  Tokens& operator=(const Tokens&) = delete;
  ~Tokens() { mxscope_tokenizer_free_tokens(&raw); }

  MxscopeTokens raw{nullptr, nullptr, 0};
};

}  // namespace

struct Tokenizer::State {
  struct Free {
    void operator()(MxscopeTokenizer* t) const { mxscope_tokenizer_free(t); }
  };

  std::unique_ptr<MxscopeTokenizer, Free> shim;
  std::string name;
  std::string sha256;
  std::int64_t vocab_size = 0;
  std::optional<std::int32_t> bos, eos, pad, first;

  std::optional<std::int32_t> id_of(std::string_view token) const {
    const std::int64_t id =
        mxscope_tokenizer_token_to_id(shim.get(), bytes_of(token), token.size());
    if (id < 0 || id > std::numeric_limits<std::int32_t>::max()) {
      return std::nullopt;
    }
    return static_cast<std::int32_t>(id);
  }

  // What the template puts before a text is what stands before the text's own tokens.
  std::optional<std::int32_t> find_first() const {
    Tokens plain;
    Tokens whole;
    try {
      encode("a", false, 0, plain);
      encode("a", true, 0, whole);
    } catch (const Error&) {
      return std::nullopt;  // it does not know the letter; its texts will tell what is wrong
    }
    std::uint32_t* end = whole.raw.ids + whole.raw.size;
    const std::uint32_t* text =
        std::search(whole.raw.ids, end, plain.raw.ids, plain.raw.ids + plain.raw.size);
    if (plain.raw.size == 0 || text == whole.raw.ids || text == end) {
      return std::nullopt;
    }
    return static_cast<std::int32_t>(whole.raw.ids[0]);
  }

  void encode(std::string_view text, bool add_special, std::size_t max_length,
              Tokens& tokens) const {
    // Offsets have 32 bits.
    if (text.size() > std::numeric_limits<std::uint32_t>::max()) {
      throw Error(
          ErrorCode::kInvalidInput,
          "A text of " + std::to_string(text.size()) +
              " bytes is tokenised at once; at most 4294967295 are accepted. Use "
              "data.rows 'lines' or 'records' with protocol 'documents', or a shorter text.");
    }
    if (const auto offset = find_invalid_utf8(text)) {
      throw Error(ErrorCode::kInvalidInput, "The text to tokenise is not UTF-8: byte " +
                                                std::to_string(*offset) + " begins no character.");
    }
    char* error = nullptr;
    if (mxscope_tokenizer_encode(shim.get(), bytes_of(text), text.size(), add_special ? 1 : 0,
                                 max_length, &tokens.raw, &error) != 0) {
      throw Error(ErrorCode::kInvalidInput, "Tokenizer '" + name + "' failed on a text of " +
                                                std::to_string(text.size()) +
                                                " bytes: " + take(error) + ".");
    }
    const auto* largest = std::max_element(tokens.raw.ids, tokens.raw.ids + tokens.raw.size);
    if (tokens.raw.size > 0 &&
        *largest > static_cast<std::uint32_t>(std::numeric_limits<std::int32_t>::max())) {
      throw Error(ErrorCode::kInvalidInput, "Tokenizer '" + name + "' gives the id " +
                                                std::to_string(*largest) +
                                                "; ids up to 2147483647 are accepted.");
    }
  }
};

Tokenizer Tokenizer::from_json(std::string_view tokenizer_json, std::string_view config_json,
                               const std::string& name) {
  auto state = std::make_shared<State>();
  state->name = name;
  state->sha256 = sha256_hex(tokenizer_json);
  char* error = nullptr;
  state->shim.reset(
      mxscope_tokenizer_load(bytes_of(tokenizer_json), tokenizer_json.size(), &error));
  if (state->shim == nullptr) {
    throw Error(ErrorCode::kInvalidInput,
                "Tokenizer '" + name + "' cannot be used: " + take(error) + ".");
  }
  state->vocab_size = static_cast<std::int64_t>(mxscope_tokenizer_vocab_size(state->shim.get()));

  const json config = parse_config(config_json, name);
  const auto special = [&](const char* key) -> std::optional<std::int32_t> {
    const std::string text = token_text(config, key);
    return text.empty() ? std::nullopt : state->id_of(text);
  };
  state->bos = special("bos_token");
  state->eos = special("eos_token");
  state->pad = special("pad_token");

  state->first = state->find_first();
  return Tokenizer(std::move(state));
}

Tokenizer Tokenizer::open(const fs::path& path) {
  std::error_code ignored;
  const bool folder = fs::is_directory(path, ignored);
  const fs::path file = folder ? path / "tokenizer.json" : path;
  if (folder && !fs::exists(file, ignored)) {
    throw Error(ErrorCode::kNotFound,
                "Folder '" + path.string() +
                    "' has no tokenizer.json; other kinds of tokenizer files are not read.");
  }
  const std::string text = read_file_bytes(file, "Tokenizer", kMaxTokenizerBytes);
  json special = json::object();
  // The configuration comes last, so that it decides where both name a token.
  for (const char* name : {"special_tokens_map.json", "tokenizer_config.json"}) {
    const fs::path beside = file.parent_path() / name;
    if (fs::exists(beside, ignored)) {
      const json config =
          parse_config(read_file_bytes(beside, "Tokenizer", kMaxConfigBytes), beside.string());
      for (const char* key : {"bos_token", "eos_token", "pad_token"}) {
        if (const std::string token = token_text(config, key); !token.empty()) {
          special[key] = token;
        }
      }
    }
  }
  return from_json(text, special.dump(), file.string());
}

std::vector<std::int32_t> Tokenizer::encode(std::string_view text, bool add_special,
                                            std::size_t max_length) const {
  Tokens tokens;
  state_->encode(text, add_special, max_length, tokens);
  return {tokens.raw.ids, tokens.raw.ids + tokens.raw.size};
}

Encoding Tokenizer::encode_with_ends(std::string_view text, bool add_special,
                                     std::size_t max_length) const {
  Tokens tokens;
  state_->encode(text, add_special, max_length, tokens);
  Encoding encoding;
  encoding.ids.assign(tokens.raw.ids, tokens.raw.ids + tokens.raw.size);
  encoding.ends.assign(tokens.raw.ends, tokens.raw.ends + tokens.raw.size);
  return encoding;
}

std::int64_t Tokenizer::vocab_size() const noexcept { return state_->vocab_size; }

std::optional<std::int32_t> Tokenizer::token_to_id(std::string_view token) const {
  return state_->id_of(token);
}

std::optional<std::int32_t> Tokenizer::bos_id() const noexcept { return state_->bos; }
std::optional<std::int32_t> Tokenizer::eos_id() const noexcept { return state_->eos; }
std::optional<std::int32_t> Tokenizer::pad_id() const noexcept { return state_->pad; }
std::optional<std::int32_t> Tokenizer::added_first_id() const noexcept { return state_->first; }
const std::string& Tokenizer::sha256() const noexcept { return state_->sha256; }
const std::string& Tokenizer::name() const noexcept { return state_->name; }

}  // namespace mxscope
