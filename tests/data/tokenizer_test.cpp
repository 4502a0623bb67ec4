// SPDX-License-Identifier: Apache-2.0
#include "mxscope/core/data/tokenizer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

#include "data/expect_error.h"
#include "data/small_tokenizer.h"
#include "data/temporary_folder.h"
#include "mxscope/core/base/sha256.h"

namespace mxscope {
namespace {

using test::error_of;
using test::small_tokenizer;
using test::small_tokenizer_json;
using test::Template;
using test::TemporaryFolder;
using test::words;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST(Tokenizer, IgnoresTheFilesTruncationAndPadding) {
  const Tokenizer tokenizer = small_tokenizer(Template::kNothing);
  EXPECT_THAT(tokenizer.encode("w0 w1 w2 w3 w4", true), ElementsAre(3, 4, 5, 6, 7));
  EXPECT_THAT(tokenizer.encode("", true), ElementsAre());
}

TEST(Tokenizer, AddsWhatItsTemplateSays) {
  const Tokenizer tokenizer = small_tokenizer(Template::kBeginAndEnd);
  EXPECT_THAT(tokenizer.encode("w0 w1", true), ElementsAre(0, 3, 4, 1));
  EXPECT_THAT(tokenizer.encode("w0 w1", false), ElementsAre(3, 4));
  EXPECT_THAT(tokenizer.encode("", true), ElementsAre(0, 1));
  EXPECT_EQ(tokenizer.added_first_id(), 0);
  EXPECT_EQ(small_tokenizer(Template::kNothing).added_first_id(), std::nullopt);
}

TEST(Tokenizer, LeavesRoomForTheTemplateWhenItTruncates) {
  const Tokenizer tokenizer = small_tokenizer(Template::kBeginAndEnd);
  EXPECT_THAT(tokenizer.encode("w0 w1 w2 w3", true, 4), ElementsAre(0, 3, 4, 1));
  EXPECT_THAT(tokenizer.encode("w0 w1 w2 w3", false, 3), ElementsAre(3, 4, 5));
  EXPECT_THAT(tokenizer.encode("w0 w1", true, 4), ElementsAre(0, 3, 4, 1));
  EXPECT_THAT(tokenizer.encode("w0 w1", true, 2), ElementsAre(0, 1));
}

TEST(Tokenizer, CountsTheBytesBeforeEachEnd) {
  const Tokenizer tokenizer = small_tokenizer(Template::kBeginAndEnd);
  const Encoding plain = tokenizer.encode_with_ends("w0  w10 caf\u00e9", false);
  EXPECT_THAT(plain.ids, ElementsAre(3, 13, 2));
  EXPECT_THAT(plain.ends, ElementsAre(2, 7, 13));
  const Encoding whole = tokenizer.encode_with_ends("w0  w10 caf\u00e9", true);
  EXPECT_THAT(whole.ends, ElementsAre(0, 2, 7, 13, 13));
}

TEST(Tokenizer, KnowsItsVocabularyAndSpecialTokens) {
  const Tokenizer tokenizer = small_tokenizer(Template::kBegin);
  EXPECT_EQ(tokenizer.vocab_size(), test::kVocab);
  EXPECT_EQ(tokenizer.token_to_id("w7"), 10);
  EXPECT_EQ(tokenizer.token_to_id("nowhere"), std::nullopt);
  EXPECT_EQ(tokenizer.bos_id(), 0);
  EXPECT_EQ(tokenizer.eos_id(), 1);
  EXPECT_EQ(tokenizer.pad_id(), std::nullopt);
  EXPECT_EQ(small_tokenizer(Template::kBegin, "").bos_id(), std::nullopt);
  EXPECT_EQ(tokenizer.sha256(), sha256_hex(small_tokenizer_json(Template::kBegin)));
}

TEST(Tokenizer, OpensAFolderOrAFile) {
  const TemporaryFolder folder;
  const std::string file = folder.write("tokenizer.json", small_tokenizer_json(Template::kBegin));
  folder.write("special_tokens_map.json", R"({"bos_token": "</s>", "pad_token": "<unk>"})");
  folder.write("tokenizer_config.json", test::kSmallConfig);
  const Tokenizer tokenizer = Tokenizer::open(folder.path());
  EXPECT_EQ(tokenizer.bos_id(), 0) << "tokenizer_config.json decides";
  EXPECT_EQ(tokenizer.pad_id(), 2) << "special_tokens_map.json names what it does not";
  EXPECT_EQ(tokenizer.name(), file);
  EXPECT_EQ(Tokenizer::open(file).encode("w1", true), tokenizer.encode("w1", true));
}

TEST(Tokenizer, NamesTheFileAndTheReasonOfAMistake) {
  const TemporaryFolder folder;
  EXPECT_EQ(error_of(ErrorCode::kNotFound, [&] { return Tokenizer::open(folder.path()); }),
            "Folder '" + folder.path().string() +
                "' has no tokenizer.json; other kinds of tokenizer files are not read.");
  EXPECT_THAT(
      error_of(ErrorCode::kNotFound, [&] { return Tokenizer::open(folder.path() / "no.json"); }),
      HasSubstr("no.json' cannot be read: No such file or directory."));
  const std::string file = folder.write("tokenizer.json", "{\"version\": \"1.0\"}");
  EXPECT_THAT(error_of(ErrorCode::kInvalidInput, [&] { return Tokenizer::open(file); }),
              HasSubstr("Tokenizer '" + file + "' cannot be used: "));
  folder.write("tokenizer.json", small_tokenizer_json(Template::kBegin));
  folder.write("tokenizer_config.json", "[1");
  EXPECT_THAT(error_of(ErrorCode::kInvalidInput, [&] { return Tokenizer::open(file); }),
              HasSubstr("tokenizer_config.json"));
  const Tokenizer tokenizer = small_tokenizer(Template::kBegin);
  EXPECT_EQ(error_of(ErrorCode::kInvalidInput, [&] { return tokenizer.encode("abc\xff", false); }),
            "The text to tokenise is not UTF-8: byte 3 begins no character.");
}

TEST(Tokenizer, SurvivesHostileFiles) {
  const std::string good = small_tokenizer_json(Template::kBeginAndEnd);
  std::vector<std::string> hostile = {
      "",
      "null",
      "[]",
      std::string(1 << 20, '['),
      std::string(1 << 20, '{'),
      R"({"model": {"type": "BPE", "vocab": {}, "merges": ["a b"]}})",
      R"({"model": {"type": "Unigram", "vocab": [], "unk_id": 7}})",
      R"({"model": {"type": "WordLevel", "vocab": {"a": 4294967295}, "unk_token": "b"}})",
  };
  std::string nested = R"({"type": "Lowercase"})";
  for (int i = 0; i < 1000; ++i) {
    nested = R"({"type": "Sequence", "normalizers": [)" + nested + "]}";
  }
  std::string deep = good;
  deep.replace(deep.find("\"normalizer\": null"), 18, "\"normalizer\": " + nested);
  hostile.push_back(deep);
  for (std::size_t cut = 0; cut < good.size(); cut += 97) {
    hostile.push_back(good.substr(0, cut));
  }
  int refused = 0;
  for (const std::string& json : hostile) {
    try {
      const Tokenizer tokenizer = Tokenizer::from_json(json, "", "hostile");
      static_cast<void>(tokenizer.encode("a b c", true));
    } catch (const Error& error) {
      EXPECT_THAT(error.what(), HasSubstr("Tokenizer 'hostile'"));
      ++refused;
    }
  }
  EXPECT_GE(refused, static_cast<int>(hostile.size()) - 3);
}

TEST(Tokenizer, RefusesIdsThatNoModelHas) {
  const Tokenizer tokenizer = Tokenizer::from_json(
      R"({"model": {"type": "WordLevel", "vocab": {"a": 3000000000}, "unk_token": "b"}})", "",
      "big");
  EXPECT_EQ(error_of(ErrorCode::kInvalidInput, [&] { return tokenizer.encode("a", false); }),
            "Tokenizer 'big' gives the id 3000000000; ids up to 2147483647 are accepted.");
}

TEST(Tokenizer, GivesTheSameToManyThreadsAtOnce) {
  const Tokenizer tokenizer = small_tokenizer(Template::kBegin);
  const std::string text = words(100);
  const std::vector<std::int32_t> expected = tokenizer.encode(text, true);
  std::vector<int> wrong(4, 0);
  std::vector<std::jthread> threads;
  for (int& count : wrong) {
    threads.emplace_back([&] {
      const Tokenizer copy = tokenizer;
      for (int i = 0; i < 200; ++i) {
        count += copy.encode(text, true) != expected;
      }
    });
  }
  threads.clear();
  EXPECT_THAT(wrong, ElementsAre(0, 0, 0, 0));
}

}  // namespace
}  // namespace mxscope
