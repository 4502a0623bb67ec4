// SPDX-License-Identifier: Apache-2.0
#include "mxscope/core/base/input.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include "data/expect_error.h"
#include "data/temporary_folder.h"

namespace mxscope {
namespace {

using test::error_of;
using test::TemporaryFolder;

TEST(ErrorCodes, HaveStableNames) {
  EXPECT_EQ(to_string(ErrorCode::kInvalidInput), "invalid_input");
  EXPECT_EQ(to_string(ErrorCode::kUnsupported), "unsupported");
  EXPECT_EQ(to_string(ErrorCode::kNotFound), "not_found");
  EXPECT_EQ(to_string(ErrorCode::kIo), "io");
  EXPECT_EQ(to_string(ErrorCode::kOutOfMemory), "out_of_memory");
  EXPECT_EQ(to_string(ErrorCode::kDevice), "device");
  EXPECT_EQ(to_string(ErrorCode::kCancelled), "cancelled");
  EXPECT_EQ(to_string(ErrorCode::kInternal), "internal");
}

TEST(InQuotes, KeepsTextAndShowsWhatCannotBeShown) {
  EXPECT_EQ(in_quotes("päß"), "'päß'");
  EXPECT_EQ(in_quotes("a\nb\x7F"), "'a?b?'");
  EXPECT_EQ(in_quotes("\xC3"), "'?'");
  EXPECT_EQ(in_quotes("\xF8\x80"), "'?\?'");
  EXPECT_EQ(in_quotes("abcdef", 3), "'abc...'");
  EXPECT_EQ(in_quotes("abc", 3), "'abc'");
  EXPECT_EQ(in_quotes("aä", 2), "'a...'") << "a character is not cut in two";
}

TEST(ParseJson, RefusesRepeatedKeysDepthAndLength) {
  const auto message = [](std::string_view text, const InputLimits& limits = {}) {
    return error_of(ErrorCode::kInvalidInput, [&] { (void)parse_json(text, "f", limits); });
  };
  EXPECT_EQ(parse_json(R"({"a":[1,{"a":2}]})", "f")["a"][1]["a"], 2);
  EXPECT_EQ(message(R"({"a":{"b":1,"b":1}})"), "f: the key 'b' stands twice in one object.");
  EXPECT_EQ(message(std::string(100'000, '[')), "f: it nests deeper than 64 levels.");
  EXPECT_EQ(message("[[1]]", {100, 1}), "f: it nests deeper than 1 levels.");
  EXPECT_EQ(message("[1,2]", {4, 9}), "f: it is 5 bytes long; at most 4 are accepted.");
  EXPECT_EQ(message("{\"a\": nan}"),
            "f: it is not valid JSON: line 1, column 8: syntax error while parsing value - invalid "
            "literal.");
  EXPECT_EQ(message("[1e999]"), "f: it is not valid JSON: number overflow parsing '1e999'.");
  EXPECT_EQ(message("[\"\xFF\"]"),
            "f: it is not valid JSON: line 1, column 3: syntax error while parsing value - invalid "
            "string: ill-formed UTF-8 byte.");
}

TEST(ReadFile, RefusesWhatIsNoPlainFile) {
  const TemporaryFolder folder;
  const auto pipe = folder.path() / "pipe";
  ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
  EXPECT_EQ(error_of(ErrorCode::kInvalidInput, [&] { (void)read_file(pipe, 10); }),
            pipe.string() + " is not a regular file.");
  EXPECT_EQ(error_of(ErrorCode::kInvalidInput, [&] { (void)read_file(folder.path(), 10); }),
            folder.path().string() + " is not a regular file.");
  const std::string file = folder.write("f", "12345");
  EXPECT_EQ(read_file(file, 5), "12345");
  EXPECT_EQ(error_of(ErrorCode::kInvalidInput, [&] { (void)read_file(file, 4); }),
            file + " is 5 bytes long; at most 4 are accepted.");
  EXPECT_EQ(error_of(ErrorCode::kNotFound, [&] { (void)read_file(file + "x", 4); }),
            file + "x does not exist.");
  EXPECT_EQ(error_of(ErrorCode::kNotFound, [&] { (void)read_file(file + "/x", 4); }),
            file + "/x does not exist.");
}

}  // namespace
}  // namespace mxscope
