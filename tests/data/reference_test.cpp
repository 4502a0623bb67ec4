// SPDX-License-Identifier: Apache-2.0
// The texts and tokenizers beside the project, against recorded figures and against what Hugging
// Face's Python libraries compute for the same cases.
#include <gtest/gtest.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <sstream>

#include "mxscope/core/data/text_source.h"
#include "mxscope/core/data/tokenizer.h"
#include "mxscope/core/data/windows.h"

namespace mxscope {
namespace {

namespace fs = std::filesystem;

const fs::path kShared = MXSCOPE_SHARED_DIR;

TextSamples read(const std::string& text, Rows rows) {
  TextRequest request;
  request.base = kShared;
  request.sources = {text};
  request.rows = rows;
  return read_text(request);
}

TEST(Reference, WikitextHasItsRows) {
  if (!fs::exists(kShared / "data" / "text" / "wiki.test.raw")) {
    GTEST_SKIP() << "no data folder beside the project";
  }
  const TextSamples text = read("data/text/wiki.test.raw", Rows::kWikitext);
  // NUMERICS section 6: rows, and bytes of the rows joined by a blank line.
  EXPECT_EQ(text.samples.size(), 4358u);
  EXPECT_EQ(text.bytes + 2 * (static_cast<std::int64_t>(text.samples.size()) - 1), 1296370);
}

TEST(Reference, TrainedTokenizersGiveTheRecordedTokens) {
  int families = 0;
  const fs::path trained = kShared / "reference" / "trained";
  if (!fs::exists(trained)) {
    GTEST_SKIP() << "no reference folder beside the project";
  }
  const TextSamples text = read("data/text/wiki.test.raw", Rows::kAuto);
  std::map<std::string, TokenWindows> cut_already;  // several families share a tokenizer
  for (const fs::directory_entry& entry : fs::directory_iterator(trained)) {
    const nlohmann::json expected =
        nlohmann::json::parse(std::ifstream(entry.path() / "expected.json"));
    const Tokenizer tokenizer = Tokenizer::open(entry.path());
    auto found = cut_already.find(tokenizer.sha256());
    if (found == cut_already.end()) {
      const WindowPlan plan = resolve_plan({.context = expected["window"].get<std::int64_t>()}, {});
      found = cut_already.emplace(tokenizer.sha256(), make_windows(plan, text.samples, tokenizer))
                  .first;
    }
    const TokenWindows& windows = found->second;
    EXPECT_EQ(windows.text_tokens, expected["token_count"].get<std::int64_t>()) << entry.path();
    const auto first = expected["first_ids"].get<std::vector<std::int32_t>>();
    EXPECT_TRUE(std::equal(first.begin(), first.end(), windows.ids.begin())) << entry.path();
    ++families;
  }
  EXPECT_EQ(families, 8);
}

// Python with the libraries, as packaging/setup.sh makes it; empty where there is none.
std::string python() {
  const char* given = std::getenv("MXSCOPE_ENV");
  const char* home = std::getenv("HOME");
  const fs::path env = given != nullptr
                           ? fs::path(given)
                           : fs::path(home == nullptr ? "" : home) / ".cache/mxscope/env";
  const fs::path program = env / "bin" / "python";
  const std::string probe = "'" + program.string() + "' -c 'import tokenizers, transformers' 2>&1";
  return fs::exists(program) && std::system((probe + " >/dev/null").c_str()) == 0 ? program.string()
                                                                                  : std::string();
}

std::vector<std::string> fields_of(const std::string& line) {
  std::vector<std::string> fields;
  std::istringstream stream(line);
  for (std::string field; std::getline(stream, field, '\t');) {
    fields.push_back(field);
  }
  return fields;
}

TEST(Reference, TokenHashesEqualThoseOfThePythonLibraries) {
  if (!fs::exists(kShared / "data" / "tokenizers")) {
    GTEST_SKIP() << "no data folder beside the project";
  }
  const std::string program = python();
  if (program.empty()) {
    GTEST_SKIP() << "no Python with tokenizers and transformers; MXSCOPE_ENV names its folder";
  }
  const std::string command = "'" + program + "' '" + MXSCOPE_SOURCE_DIR +
                              "/tests/data/expected_tokens.py' '" + kShared.string() +
                              "' 2>/dev/null";
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> pipe(::popen(command.c_str(), "r"),
                                                             ::pclose);
  ASSERT_NE(pipe, nullptr);
  std::string output;
  std::array<char, 4096> buffer;
  for (std::size_t got; (got = std::fread(buffer.data(), 1, buffer.size(), pipe.get())) > 0;) {
    output.append(buffer.data(), got);
  }
  std::istringstream lines(output);
  int cases = 0;
  for (std::string line; std::getline(lines, line);) {
    const std::vector<std::string> f = fields_of(line);
    ASSERT_EQ(f.size(), 7u) << line;
    ProtocolRequest request{.name = f[3]};
    request.context = std::stoll(f[4]);
    const TokenWindows windows =
        make_windows(resolve_plan(request, {}), read(f[1], parse_rows(f[2])).samples,
                     Tokenizer::open(kShared / f[0]));
    EXPECT_EQ(std::to_string(windows.windows.size()), f[5]) << line;
    EXPECT_EQ(windows.token_ids_sha256, f[6]) << line;
    ++cases;
  }
  EXPECT_EQ(cases, 12) << output;
}

}  // namespace
}  // namespace mxscope
