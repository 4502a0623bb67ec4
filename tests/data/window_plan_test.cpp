// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "data/expect_error.h"
#include "mxscope/core/data/windows.h"

namespace mxscope {
namespace {

using test::error_of;

WindowPlan plan_of(const char* name, std::int64_t max_context = 4096) {
  return resolve_plan({.name = name}, {.max_context = max_context});
}

TEST(WindowPlan, TakesTheDefaultsOfItsProtocol) {
  EXPECT_EQ(plan_of("windows").context, 2048);
  EXPECT_EQ(plan_of("windows", 512).context, 512);
  EXPECT_EQ(plan_of("windows", 0).context, 2048);
  EXPECT_EQ(plan_of("documents", 512).context, 512);
  EXPECT_EQ(plan_of("seed").context, 512);
  EXPECT_EQ(plan_of("llama.cpp").context, 512);
  EXPECT_EQ(plan_of("concat2048").context, 2048);
  EXPECT_EQ(plan_of("sliding").stride, 2048);
  EXPECT_EQ(plan_of("windows").join, "");
  EXPECT_EQ(plan_of("concat2048").join, "\n\n");
  EXPECT_EQ(plan_of("sliding").join, "\n\n");
  EXPECT_EQ(plan_of("windows").bos, BosMode::kTokenizer);
}

TEST(WindowPlan, KeepsWhatIsGiven) {
  const WindowPlan plan = resolve_plan({.name = "sliding",
                                        .context = 100,
                                        .stride = 30,
                                        .bos = "once",
                                        .join = " ",
                                        .max_windows = 7},
                                       {.max_context = 128, .vocab_size = 9});
  EXPECT_EQ(plan.context, 100);
  EXPECT_EQ(plan.stride, 30);
  EXPECT_EQ(plan.bos, BosMode::kOnce);
  EXPECT_EQ(plan.join, " ");
  EXPECT_EQ(plan.max_windows, 7);
  EXPECT_EQ(plan.limits.vocab_size, 9);
}

TEST(WindowPlan, AcceptsEveryProtocolItLists) {
  EXPECT_EQ(protocol_names().size(), 6u);
  for (const std::string_view name : protocol_names()) {
    EXPECT_EQ(resolve_plan({.name = std::string(name)}, {}).name, name);
  }
}

struct Mistake {
  ProtocolRequest request;
  ErrorCode code;
  const char* message;
};

TEST(WindowPlan, NamesEachMistake) {
  const std::vector<Mistake> mistakes = {
      {{.name = "window"},
       ErrorCode::kInvalidInput,
       "protocol.name is 'window'; accepted are windows, concat2048, sliding, llama.cpp, seed, "
       "documents."},
      {{.name = "lm-eval"},
       ErrorCode::kUnsupported,
       "protocol.name 'lm-eval' is not implemented; implemented are windows, concat2048, sliding, "
       "llama.cpp, seed, documents."},
      {{.context = 1025},
       ErrorCode::kInvalidInput,
       "protocol.context is 1025; the model reads at most 1024 tokens."},
      {{.name = "concat2048"},
       ErrorCode::kInvalidInput,
       "protocol.context is 2048, the default of 'concat2048'; the model reads at most 1024 "
       "tokens."},
      {{.context = 1},
       ErrorCode::kInvalidInput,
       "protocol.context is 1; accepted are 2 to 16777216."},
      {{.context = -4},
       ErrorCode::kInvalidInput,
       "protocol.context is -4; accepted are 2 to 16777216."},
      {{.name = "llama.cpp", .context = 2},
       ErrorCode::kInvalidInput,
       "protocol.context is 2; accepted are 3 to 16777216."},
      {{.name = "concat2048", .context = 512},
       ErrorCode::kInvalidInput,
       "protocol.context is 512; protocol 'concat2048' has 2048. Use protocol 'windows' with rows "
       "'wikitext' and a blank line as join for another length."},
      {{.context = 512, .stride = 256},
       ErrorCode::kInvalidInput,
       "protocol.stride is 256; protocol 'windows' has no stride but its context, 512. Use "
       "protocol "
       "'sliding' for overlapping windows."},
      {{.name = "sliding", .context = 512, .stride = 513},
       ErrorCode::kInvalidInput,
       "protocol.stride is 513; accepted are 1 to the context, 512."},
      {{.name = "sliding", .context = 512, .stride = 0},
       ErrorCode::kInvalidInput,
       "protocol.stride is 0; accepted are 1 to the context, 512."},
      {{.bos = "always"},
       ErrorCode::kInvalidInput,
       "protocol.bos is 'always'; accepted are tokenizer, once, each and none."},
      {{.name = "sliding", .bos = "each"},
       ErrorCode::kInvalidInput,
       "protocol.bos is 'each'; protocol 'sliding' accepts tokenizer, once and none."},
      {{.name = "documents", .join = "\n"},
       ErrorCode::kInvalidInput,
       "protocol.join is given; protocol 'documents' takes each sample on its own and joins "
       "nothing."},
      {{.max_windows = 0},
       ErrorCode::kInvalidInput,
       "protocol.max_windows is 0; at least 1 is needed."},
  };
  for (const Mistake& mistake : mistakes) {
    EXPECT_EQ(error_of(mistake.code,
                       [&] { return resolve_plan(mistake.request, {.max_context = 1024}); }),
              mistake.message);
  }
}

}  // namespace
}  // namespace mxscope
