// SPDX-License-Identifier: Apache-2.0
#include "mxscope/core/data/windows.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "data/expect_error.h"
#include "data/small_tokenizer.h"
#include "mxscope/core/base/sha256.h"

namespace mxscope {
namespace {

using test::error_of;
using test::small_tokenizer;
using test::Template;
using test::words;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

using Samples = std::vector<std::string>;

TokenWindows cut(const ProtocolRequest& request, const Samples& samples,
                 Template kind = Template::kBegin, const ModelLimits& limits = {}) {
  return make_windows(resolve_plan(request, limits), samples, small_tokenizer(kind));
}

std::vector<std::int32_t> row(const TokenWindows& windows, std::size_t index) {
  const auto ids = windows.row(index);
  return {ids.begin(), ids.end()};
}

TEST(Windows, CutsTheJoinedTextAndDropsTheTail) {
  const TokenWindows w = cut({.context = 4}, {words(5), words(6, 5)});
  // The samples stand next to each other: "w4w5" is no word.
  ASSERT_EQ(w.windows.size(), 2u);
  EXPECT_THAT(row(w, 0), ElementsAre(0, 3, 4, 5));
  EXPECT_THAT(row(w, 1), ElementsAre(6, 2, 9, 10));
  EXPECT_EQ(w.windows[1].valid, 4);
  EXPECT_EQ(w.windows[1].score_begin, 0);
  EXPECT_EQ(w.windows[1].score_end, 3);
  EXPECT_EQ(w.windows[1].weight, 3);
  EXPECT_EQ(w.windows[1].argmax_positions(), 4);
  EXPECT_EQ(w.windows[1].sample, -1);
  EXPECT_EQ(w.text_tokens, 11);
  EXPECT_EQ(w.dropped_tokens, 3);
  EXPECT_EQ(w.scored_tokens, 6);
  EXPECT_EQ(w.max_length, 4);
  EXPECT_TRUE(w.scores_next_token);
  EXPECT_TRUE(w.warnings.empty());
}

TEST(Windows, JoinsWithWhatIsAsked) {
  const TokenWindows w = cut({.context = 2, .join = " w50 "}, {"w0", "w1"}, Template::kNothing);
  EXPECT_THAT(row(w, 0), ElementsAre(3, 53));
}

TEST(Windows, PutsTheBeginTokenWhereAsked) {
  const Samples text = {words(8)};
  EXPECT_THAT(cut({.context = 4, .bos = "tokenizer"}, text, Template::kNothing).ids,
              ElementsAre(3, 4, 5, 6, 7, 8, 9, 10));
  EXPECT_THAT(cut({.context = 4, .bos = "once"}, text, Template::kNothing).ids,
              ElementsAre(0, 3, 4, 5, 6, 7, 8, 9));
  EXPECT_THAT(cut({.context = 4, .bos = "once"}, text, Template::kBegin).ids,
              ElementsAre(0, 3, 4, 5, 6, 7, 8, 9));
  EXPECT_THAT(cut({.context = 4, .bos = "none"}, text, Template::kBegin).ids,
              ElementsAre(3, 4, 5, 6, 7, 8, 9, 10));
  EXPECT_THAT(cut({.context = 4, .bos = "each"}, text, Template::kBegin).ids,
              ElementsAre(0, 3, 4, 5, 0, 6, 7, 8));
}

TEST(Windows, CountsTheBytesOfTheScoredText) {
  // 20 words of two or three bytes and a blank: the whole text but its first token is scored once.
  const std::string text = words(20);
  const TokenWindows all = cut({.context = 21}, {text});
  EXPECT_EQ(all.windows[0].bytes, static_cast<std::int64_t>(text.size()));
  const TokenWindows rows = cut({.context = 4}, {text}, Template::kNothing);
  for (const WindowSpan& window : rows.windows) {
    // A scored token brings the blank before it; words from w10 on have three letters.
    const int first = static_cast<int>(window.offset);
    int expected = 0;
    for (int word = first + 1; word < first + 4; ++word) {
      expected += word < 10 ? 3 : 4;
    }
    EXPECT_EQ(window.bytes, expected) << "window at token " << first;
  }
  const TokenWindows each = cut({.context = 4, .bos = "each"}, {text}, Template::kNothing);
  std::int64_t bytes = 0;
  for (const WindowSpan& window : each.windows) {
    bytes += window.bytes;
  }
  EXPECT_EQ(each.windows.size(), 6u);
  EXPECT_EQ(bytes, static_cast<std::int64_t>(words(18).size()));
}

TEST(Windows, KeepsTheFirstWindows) {
  const TokenWindows w = cut({.context = 3, .max_windows = 2}, {words(30)}, Template::kNothing);
  EXPECT_THAT(w.ids, ElementsAre(3, 4, 5, 6, 7, 8));
  EXPECT_EQ(w.dropped_tokens, 24);
  const TokenWindows few = cut({.context = 20, .max_windows = 5}, {words(30)});
  ASSERT_EQ(few.warnings.size(), 1u);
  EXPECT_EQ(few.warnings[0], "protocol.max_windows is 5; the text gives 1 window.");
}

TEST(Windows, ConcatenatesRowsByABlankLine) {
  Samples samples(2048, "w1");
  const TokenWindows w = cut({.name = "concat2048"}, samples, Template::kNothing);
  ASSERT_EQ(w.windows.size(), 1u);
  EXPECT_EQ(w.windows[0].length, 2048);
  // All of the text but its first word is scored, blank lines too.
  EXPECT_EQ(w.windows[0].bytes, 2047 * 4);
  samples.pop_back();
  EXPECT_EQ(error_of(ErrorCode::kInvalidInput,
                     [&] { return cut({.name = "concat2048"}, samples, Template::kNothing); }),
            "The text has 2047 tokens; protocol 'concat2048' needs 2048 for one window.");
}

// Every token but the first is a target exactly once, whatever the stride.
TEST(Windows, SlideOverEveryTokenOnce) {
  for (const int total : {2, 5, 12, 13, 17}) {
    for (int context = 2; context <= 8; ++context) {
      for (int stride = 1; stride < context; ++stride) {
        const TokenWindows w = cut({.name = "sliding", .context = context, .stride = stride},
                                   {words(total)}, Template::kNothing);
        std::multiset<std::size_t> targets;
        for (const WindowSpan& window : w.windows) {
          EXPECT_LE(window.length, context);
          for (int p = window.score_begin; p < window.score_end; ++p) {
            targets.insert(window.offset + static_cast<std::size_t>(p) + 1);
          }
        }
        ASSERT_EQ(targets.size(), static_cast<std::size_t>(total) - 1);
        ASSERT_EQ(*targets.rbegin(), static_cast<std::size_t>(total) - 1);
        ASSERT_EQ(std::set(targets.begin(), targets.end()).size(), targets.size());
        ASSERT_EQ(w.windows.back().offset + static_cast<std::size_t>(w.windows.back().length),
                  static_cast<std::size_t>(total));
      }
    }
  }
}

TEST(Windows, SlideWithTheGuidesWeights) {
  const TokenWindows w =
      cut({.name = "sliding", .context = 6, .stride = 4}, {words(13)}, Template::kNothing);
  ASSERT_EQ(w.windows.size(), 3u);
  // Rows [0, 6), [4, 10), [8, 13) with 6, 4 and 3 new tokens.
  EXPECT_THAT(row(w, 1), ElementsAre(7, 8, 9, 10, 11, 12));
  EXPECT_EQ(w.windows[0].scored(), 5);
  EXPECT_EQ(w.windows[0].weight, 5);
  EXPECT_EQ(w.windows[1].score_begin, 1);
  EXPECT_EQ(w.windows[1].scored(), 4);
  EXPECT_EQ(w.windows[1].weight, 3);
  EXPECT_EQ(w.windows[2].length, 5);
  EXPECT_EQ(w.windows[2].scored(), 3);
  EXPECT_EQ(w.windows[2].weight, 2);
  EXPECT_EQ(w.ids.size(), 13u);
  // A stride of the context loses each row's first token.
  const TokenWindows apart = cut({.name = "sliding", .context = 4}, {words(9)}, Template::kNothing);
  EXPECT_EQ(apart.windows.size(), 3u);
  EXPECT_EQ(apart.scored_tokens, 6);
  EXPECT_EQ(apart.windows[2].scored(), 0);
  EXPECT_EQ(apart.windows[2].weight, 0);
}

TEST(Windows, LlamaCppWritesTheBeginTokenOverEachRow) {
  const TokenWindows w = cut({.name = "llama.cpp", .context = 8}, {words(30)});
  ASSERT_EQ(w.windows.size(), 3u);
  EXPECT_THAT(row(w, 0), ElementsAre(0, 3, 4, 5, 6, 7, 8, 9));
  EXPECT_THAT(row(w, 1), ElementsAre(0, 11, 12, 13, 14, 15, 16, 17));
  EXPECT_EQ(w.windows[1].score_begin, 4);
  EXPECT_EQ(w.windows[1].score_end, 7);
  EXPECT_THAT(row(cut({.name = "llama.cpp", .context = 8}, {words(30)}, Template::kNothing), 1),
              ElementsAre(11, 12, 13, 14, 15, 16, 17, 18));
  EXPECT_THAT(row(cut({.name = "llama.cpp", .context = 8, .bos = "none"}, {words(30)}), 1),
              ElementsAre(11, 12, 13, 14, 15, 16, 17, 18));
}

TEST(Windows, DocumentsAreCutAndShortOnesSkipped) {
  const TokenWindows w = cut({.name = "documents", .context = 4}, {"w0 w1", "", words(9), "w9"});
  ASSERT_EQ(w.windows.size(), 3u);
  EXPECT_THAT(row(w, 0), ElementsAre(0, 3, 4));
  EXPECT_THAT(row(w, 1), ElementsAre(0, 3, 4, 5));
  EXPECT_THAT(row(w, 2), ElementsAre(0, 12));
  EXPECT_EQ(w.windows[1].sample, 2);
  EXPECT_EQ(w.windows[0].valid, 3);
  EXPECT_EQ(w.windows[0].scored(), 2);
  EXPECT_EQ(w.windows[0].bytes, 5);
  EXPECT_EQ(w.windows[1].bytes, 8);
  EXPECT_EQ(w.skipped_samples, 1);
  EXPECT_EQ(w.text_tokens, 3 + 1 + 10 + 2);
  EXPECT_EQ(w.dropped_tokens, 1 + 6);
  EXPECT_THAT(w.warnings,
              ElementsAre("1 sample of fewer than 2 tokens was skipped.",
                          "1 sample longer than 4 tokens was cut; 7 tokens in all are left out."));
  EXPECT_EQ(error_of(ErrorCode::kInvalidInput,
                     [] {
                       return cut({.name = "documents"}, {"", "w0"}, Template::kNothing);
                     }),
            "None of the 2 samples has 2 tokens; protocol 'documents' needs that many to predict "
            "one.");
}

TEST(Windows, SeedPadsWithTheEndToken) {
  const TokenWindows w =
      cut({.name = "seed", .context = 4}, {"w0 w1", "", words(9)}, Template::kNothing);
  EXPECT_FALSE(w.scores_next_token);
  EXPECT_EQ(w.pad_id, 1);
  EXPECT_THAT(w.ids, ElementsAre(3, 4, 1, 1, 1, 1, 1, 1, 3, 4, 5, 6));
  EXPECT_EQ(w.windows[0].valid, 2);
  EXPECT_EQ(w.windows[1].valid, 0);
  EXPECT_EQ(w.windows[2].valid, 4);
  for (const WindowSpan& window : w.windows) {
    EXPECT_EQ(window.length, 4);
    EXPECT_EQ(window.argmax_positions(), 4);
    EXPECT_EQ(window.scored(), 0);
    EXPECT_EQ(window.weight, 0);
    EXPECT_EQ(window.bytes, -1);
  }
  // A template's end token survives the truncation, as in transformers.
  EXPECT_THAT(row(cut({.name = "seed", .context = 4}, {words(9)}, Template::kBeginAndEnd), 0),
              ElementsAre(0, 3, 4, 1));
}

TEST(Windows, TakesSpecialTokensOfTheModelWhereTheTokenizerNamesNone) {
  const Tokenizer tokenizer = small_tokenizer(Template::kNothing, "");
  const Samples text = {"w0 w1"};
  const ProtocolRequest seed{.name = "seed", .context = 4};
  EXPECT_EQ(make_windows(resolve_plan(seed, {.eos_id = 9}), text, tokenizer).pad_id, 9);
  EXPECT_EQ(
      error_of(ErrorCode::kInvalidInput,
               [&] { return make_windows(resolve_plan(seed, {}), text, tokenizer); }),
      "Protocol 'seed' pads with the end token, and neither tokenizer 'small' nor the model's "
      "config.json names one.");
  const ProtocolRequest once{.context = 2, .bos = "once"};
  EXPECT_THAT(make_windows(resolve_plan(once, {.bos_id = 8}), text, tokenizer).ids,
              ElementsAre(8, 3));
  EXPECT_EQ(error_of(ErrorCode::kInvalidInput,
                     [&] { return make_windows(resolve_plan(once, {}), text, tokenizer); }),
            "protocol.bos is 'once', and tokenizer 'small' names no begin token; use 'tokenizer' "
            "or 'none'.");
}

TEST(Windows, NameWhatTheTextLacks) {
  EXPECT_EQ(error_of(ErrorCode::kInvalidInput, [] { return cut({.context = 6}, {words(4)}); }),
            "The text has 5 tokens; protocol 'windows' needs 6 for one window.");
  EXPECT_EQ(error_of(ErrorCode::kInvalidInput, [] { return cut({}, {}); }),
            "The data holds no samples.");
  EXPECT_EQ(error_of(ErrorCode::kInvalidInput,
                     [] { return cut({.name = "sliding"}, {""}, Template::kNothing); }),
            "The text has 0 tokens; protocol 'sliding' needs 2.");
}

TEST(Windows, RefuseIdsOutsideTheVocabulary) {
  const ModelLimits limits{.vocab_size = 10};
  EXPECT_EQ(
      error_of(ErrorCode::kInvalidInput,
               [&] { return cut({.context = 10}, {words(9)}, Template::kBegin, limits); }),
      "Tokenizer 'small' gives the token id 10, which is outside the model's vocabulary of 10 "
      "tokens; it is not this model's tokenizer.");
  EXPECT_EQ(cut({.context = 7}, {words(6)}, Template::kBegin, limits).windows.size(), 1u);
}

TEST(Windows, HashLengthsAndIdsOfEveryWindow) {
  const TokenWindows w =
      cut({.name = "seed", .context = 3}, {"w0", "w1 w2 w3"}, Template::kNothing);
  Sha256 hash;
  for (const std::uint32_t value : {3u, 1u, 3u, 1u, 1u, 3u, 3u, 4u, 5u, 6u}) {
    hash.update_le32(value);
  }
  EXPECT_EQ(w.token_ids_sha256, hash.hex());
  // The same ids in other windows are other figures.
  EXPECT_NE(cut({.context = 3}, {words(6)}, Template::kNothing).token_ids_sha256,
            cut({.context = 2}, {words(6)}, Template::kNothing).token_ids_sha256);
}

}  // namespace
}  // namespace mxscope
