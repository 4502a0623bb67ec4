// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "mxscope/core/data/tokenizer.h"

namespace mxscope::test {

// Ids: <s> 0, </s> 1, <unk> 2, then the words.
inline constexpr int kFirstWord = 3;
inline constexpr int kWords = 100;  // "w0" has the id kFirstWord, ...
inline constexpr int kVocab = kFirstWord + kWords;

// What a tokenizer.json of words between blanks adds to a text.
enum class Template { kNothing, kBegin, kBeginAndEnd };

// It carries a truncation to 3 tokens and a padding to 9, which must not be obeyed.
inline std::string small_tokenizer_json(Template kind) {
  std::string vocab = R"("<s>": 0, "</s>": 1, "<unk>": 2)";
  for (int i = 0; i < kWords; ++i) {
    vocab += ", \"w" + std::to_string(i) + "\": " + std::to_string(kFirstWord + i);
  }
  const auto added = [](int id, const char* text) {
    return R"({"id": )" + std::to_string(id) + R"(, "content": ")" + text +
           R"(", "single_word": false, "lstrip": false, "rstrip": false, "normalized": false,
              "special": true})";
  };
  std::string post = "null";
  if (kind != Template::kNothing) {
    const std::string begin = R"({"SpecialToken": {"id": "<s>", "type_id": 0}})";
    const std::string text = R"({"Sequence": {"id": "A", "type_id": 0}})";
    const std::string end = R"({"SpecialToken": {"id": "</s>", "type_id": 0}})";
    const std::string single =
        begin + ", " + text + (kind == Template::kBeginAndEnd ? ", " + end : "");
    post = R"({"type": "TemplateProcessing", "single": [)" + single + R"(], "pair": [)" + single +
           R"(, {"Sequence": {"id": "B", "type_id": 0}}], "special_tokens": {
             "<s>": {"id": "<s>", "ids": [0], "tokens": ["<s>"]},
             "</s>": {"id": "</s>", "ids": [1], "tokens": ["</s>"]}}})";
  }
  return R"({"version": "1.0",
    "truncation": {"direction": "Right", "max_length": 3, "strategy": "LongestFirst", "stride": 0},
    "padding": {"strategy": {"Fixed": 9}, "direction": "Right", "pad_to_multiple_of": null,
                "pad_id": 1, "pad_type_id": 0, "pad_token": "</s>"},
    "added_tokens": [)" +
         added(0, "<s>") + ", " + added(1, "</s>") + R"(], "normalizer": null,
    "pre_tokenizer": {"type": "WhitespaceSplit"}, "post_processor": )" +
         post + R"(, "decoder": null,
    "model": {"type": "WordLevel", "vocab": {)" +
         vocab + R"(}, "unk_token": "<unk>"}})";
}

inline constexpr const char* kSmallConfig =
    R"({"bos_token": {"content": "<s>"}, "eos_token": "</s>", "pad_token": null})";

inline Tokenizer small_tokenizer(Template kind, const std::string& config = kSmallConfig) {
  return Tokenizer::from_json(small_tokenizer_json(kind), config, "small");
}

// "w0 w1 ... w(count - 1)".
inline std::string words(int count, int first = 0) {
  std::string text;
  for (int i = first; i < first + count; ++i) {
    text += (i == first ? "w" : " w") + std::to_string(i);
  }
  return text;
}

}  // namespace mxscope::test
