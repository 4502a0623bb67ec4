// SPDX-License-Identifier: Apache-2.0
#include "mxscope/core/data/text_source.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <limits>

#include "data/expect_error.h"
#include "data/temporary_folder.h"
#include "mxscope/core/base/sha256.h"

namespace mxscope {
namespace {

using test::error_of;
using test::TemporaryFolder;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

TextRequest request(const TemporaryFolder& folder, std::vector<std::string> sources,
                    Rows rows = Rows::kAuto) {
  TextRequest r;
  r.sources = std::move(sources);
  r.base = folder.path();
  r.rows = rows;
  return r;
}

TEST(TextSource, TakesATextFileAsOneSample) {
  const TemporaryFolder folder;
  folder.write("a.txt", "one\ntwo\n");
  const TextSamples text = read_text(request(folder, {"a.txt"}));
  EXPECT_THAT(text.samples, ElementsAre("one\ntwo\n"));
  EXPECT_EQ(text.sha256, sha256_hex("one\ntwo\n"));
  EXPECT_EQ(text.bytes, 8);
  EXPECT_THAT(text.files, ElementsAre((folder.path() / "a.txt").string()));
}

TEST(TextSource, CutsLinesWithoutTheirBreaks) {
  const TemporaryFolder folder;
  folder.write("a.txt", "one\r\n\ntwo\nthree");
  EXPECT_THAT(read_text(request(folder, {"a.txt"}, Rows::kLines)).samples,
              ElementsAre("one", "", "two", "three"));
}

TEST(TextSource, CutsWikitextRowsAsTheHubDoes) {
  const TemporaryFolder folder;
  folder.write("wiki", " \n = Title = \n \n Text .\n");
  EXPECT_THAT(read_text(request(folder, {"wiki"}, Rows::kWikitext)).samples,
              ElementsAre("", " = Title = \n", "", " Text .\n"));
}

TEST(TextSource, LetsAProtocolDecideWhatAutoMeansForText) {
  const TemporaryFolder folder;
  folder.write("a.txt", "x\ny\n");
  TextRequest r = request(folder, {"a.txt"});
  r.auto_text_rows = Rows::kWikitext;
  EXPECT_THAT(read_text(r).samples, ElementsAre("x\n", "y\n"));
  r.rows = Rows::kFile;
  EXPECT_THAT(read_text(r).samples, ElementsAre("x\ny\n"));
}

TEST(TextSource, ReadsListsOfStringsAndOfObjects) {
  const TemporaryFolder folder;
  folder.write("a.json", R"(["one", {"id": [1, {"text": "no"}], "text": "two", "z": {"text": 3}},
                             {"text": "th\u00e9"}])");
  EXPECT_THAT(read_text(request(folder, {"a.json"})).samples,
              ElementsAre("one", "two", "th\u00e9"));
}

TEST(TextSource, ReadsJsonLinesWithAnyField) {
  const TemporaryFolder folder;
  folder.write("a.jsonl", "{\"body\": \"one\"}\n\n  \"two\"\r\n{\"text\": 1, \"body\": \"\"}");
  TextRequest r = request(folder, {"a.jsonl"});
  r.field = "body";
  EXPECT_THAT(read_text(r).samples, ElementsAre("one", "two", ""));
}

TEST(TextSource, ReadsJsonLinesUnderTheNameJson) {
  const TemporaryFolder folder;
  folder.write("a.json", "{\"text\": \"one\"}\n{\"text\": \"two\"}\n");
  EXPECT_THAT(read_text(request(folder, {"a.json"})).samples, ElementsAre("one", "two"));
}

TEST(TextSource, ReadsRecordsFromAFileOfAnyNameWhenAsked) {
  const TemporaryFolder folder;
  folder.write("list.data", " [\"one\"]");
  folder.write("lines.data", "{\"text\": \"two\"}");
  EXPECT_THAT(read_text(request(folder, {"list.data", "lines.data"}, Rows::kRecords)).samples,
              ElementsAre("one", "two"));
}

TEST(TextSource, ConcatenatesSourcesAndKeepsTheFirstSamples) {
  const TemporaryFolder folder;
  folder.write("a.txt", "a\nb\n");
  folder.write("b.json", "[\"c\", \"d\"]");
  folder.write("c.txt", "e\n");
  TextRequest r = request(folder, {"b.json", "a.txt", "c.txt"});
  EXPECT_THAT(read_text(r).samples, ElementsAre("c", "d", "a\nb\n", "e\n"));
  r.max_samples = 1;
  const TextSamples text = read_text(r);
  EXPECT_THAT(text.samples, ElementsAre("c"));
  EXPECT_EQ(text.sha256, sha256_hex("[\"c\", \"d\"]a\nb\ne\n"));
}

TEST(TextSource, UsesTheFallbackWithAWarning) {
  const TemporaryFolder folder;
  folder.write("b.txt", "text");
  TextRequest r = request(folder, {"missing.txt"});
  r.fallback = "b.txt";
  const TextSamples text = read_text(r);
  EXPECT_THAT(text.samples, ElementsAre("text"));
  ASSERT_EQ(text.warnings.size(), 1u);
  EXPECT_THAT(text.warnings[0], HasSubstr("'missing.txt' is not to be found"));
  EXPECT_THAT(text.warnings[0], HasSubstr("The fallback 'b.txt' is used instead."));
  // A broken file is a mistake, not an absence.
  folder.write("broken.json", "[");
  r.sources = {"broken.json"};
  error_of(ErrorCode::kInvalidInput, [&] { return read_text(r); });
}

TEST(TextSource, FindsANamedSetBesideTheExperiment) {
  const TemporaryFolder folder;
  folder.write("wikitext2/wiki.test.raw", " \n = T = \n");
  EXPECT_THAT(read_text(request(folder, {"wikitext2"})).samples, ElementsAre("", " = T = \n"));
  const std::string message =
      error_of(ErrorCode::kNotFound, [&] { return read_text(request(folder, {"pile"})); });
  EXPECT_THAT(message, HasSubstr("data set 'pile' has no file on this machine; looked for '" +
                                 (folder.path() / "pile.jsonl").string() + "'"));
}

struct Mistake {
  const char* file;
  std::string bytes;
  Rows rows;
  ErrorCode code;
  const char* message;  // with FILE for the path
};

class TextMistakes : public ::testing::TestWithParam<Mistake> {};

TEST_P(TextMistakes, AreNamedWithTheirPlace) {
  const Mistake& mistake = GetParam();
  const TemporaryFolder folder;
  std::string path = folder.write(mistake.file, mistake.bytes);
  std::string expected = mistake.message;
  for (std::size_t at; (at = expected.find("FILE")) != std::string::npos;) {
    expected.replace(at, 4, path);
  }
  const std::string message = error_of(
      mistake.code, [&] { return read_text(request(folder, {mistake.file}, mistake.rows)); });
  EXPECT_THAT(message, HasSubstr(expected));
}

INSTANTIATE_TEST_SUITE_P(
    Text, TextMistakes,
    ::testing::Values(
        Mistake{"a.txt", "caf\xe9!", Rows::kAuto, ErrorCode::kInvalidInput,
                "Text file 'FILE' is not UTF-8: byte 3 begins no character."},
        Mistake{"a.jsonl", "\"ok\"\n\"\xff\"", Rows::kAuto, ErrorCode::kInvalidInput,
                "Text file 'FILE' is not UTF-8: byte 6 begins no character."},
        Mistake{"a.txt", "", Rows::kAuto, ErrorCode::kInvalidInput,
                "data.source 'a.txt' holds no text."},
        Mistake{"a.json", "[]", Rows::kAuto, ErrorCode::kInvalidInput,
                "data.source 'a.json' holds no text."},
        Mistake{
            "a.json", "[\"a\", 3]", Rows::kAuto, ErrorCode::kInvalidInput,
            "Text file 'FILE', record 2, byte 8: the record is a number; a string, or an object "
            "with the field 'text', is needed."},
        Mistake{"a.json", "[{\"txt\": \"a\"}]", Rows::kAuto, ErrorCode::kInvalidInput,
                "record 1, byte 13: the record has no field 'text'."},
        Mistake{"a.json", "[{\"text\": null}]", Rows::kAuto, ErrorCode::kInvalidInput,
                "record 1, byte 14: field 'text' is null; a string is needed."},
        Mistake{"a.json", "[{\"text\": [\"a\"]}]", Rows::kAuto, ErrorCode::kInvalidInput,
                "field 'text' is a list; a string is needed."},
        Mistake{"a.json", "[[\"a\"]]", Rows::kAuto, ErrorCode::kInvalidInput,
                "the record is a list; a string, or an object with the field 'text', is needed."},
        Mistake{"a.json", "\"text\"", Rows::kAuto, ErrorCode::kInvalidInput,
                "the text is a string; a list is needed."},
        Mistake{"a.json", "[\"a\"", Rows::kAuto, ErrorCode::kInvalidInput,
                "Text file 'FILE', record 2, byte 4: syntax error while parsing array - unexpected "
                "end of "
                "input; expected ']'."},
        Mistake{"a.jsonl", "\"a\"\n{\"text\": \"b\"", Rows::kAuto, ErrorCode::kInvalidInput,
                "Text file 'FILE', record 2, byte 16: syntax error while parsing object - "
                "unexpected end "
                "of input; expected '}'."},
        Mistake{"a.jsonl", "\"a\" \"b\"\n", Rows::kAuto, ErrorCode::kInvalidInput,
                "record 2, byte 7: syntax error while parsing value - unexpected string literal"},
        Mistake{"a.json", "[\"\\ud800\"]", Rows::kAuto, ErrorCode::kInvalidInput,
                "record 1, byte 9: syntax error while parsing value - invalid string: surrogate"},
        Mistake{"a.json", std::string(1000000, '['), Rows::kAuto, ErrorCode::kInvalidInput,
                "the record is a list"},
        Mistake{"a.json", "[{\"x\": " + std::string(1000000, '['), Rows::kAuto,
                ErrorCode::kInvalidInput, "the JSON is nested deeper than 256 levels"},
        Mistake{"a.txt", "plain", Rows::kRecords, ErrorCode::kInvalidInput,
                "data.rows is 'records', and 'FILE' is plain text; JSON or JSON lines is needed."},
        Mistake{"a.json", "[\"a\"]", Rows::kLines, ErrorCode::kInvalidInput,
                "data.rows is 'lines', and 'FILE' is JSON, whose samples are records; use "
                "'records' or 'auto'."},
        Mistake{"a.parquet", "PAR1", Rows::kAuto, ErrorCode::kUnsupported,
                "Text file 'FILE' is Parquet, which is not read yet; plain text, .json and .jsonl "
                "are read."},
        Mistake{"a.txt", "\x1f\x8b\x08", Rows::kAuto, ErrorCode::kUnsupported,
                "Text file 'FILE' is compressed; plain text, .json and .jsonl are read."}));

TEST(TextSource, RefusesWhatIsNoRegularFile) {
  const TemporaryFolder folder;
  ASSERT_EQ(::mkfifo((folder.path() / "pipe").c_str(), 0600), 0);
  EXPECT_THAT(
      error_of(ErrorCode::kInvalidInput, [&] { return read_text(request(folder, {"pipe"})); }),
      HasSubstr("is a device or a pipe; a regular file is needed."));
  EXPECT_THAT(error_of(ErrorCode::kInvalidInput, [&] { return read_text(request(folder, {"."})); }),
              HasSubstr("is a folder; a regular file is needed."));
  EXPECT_THAT(
      error_of(ErrorCode::kInvalidInput, [&] { return read_text(request(folder, {"/dev/zero"})); }),
      HasSubstr("is a device or a pipe"));
  EXPECT_THAT(
      error_of(ErrorCode::kNotFound, [&] { return read_text(request(folder, {"no.txt"})); }),
      HasSubstr("data.source 'no.txt' is not to be found: there is no file"));
}

TEST(TextSource, RefusesAFileLargerThanTheMemory) {
  const TemporaryFolder folder;
  const std::string path = folder.write("sparse.txt", "");
  std::error_code error;
  std::filesystem::resize_file(path, std::uintmax_t{1} << 43, error);
  if (error) {
    GTEST_SKIP() << "the file system holds no sparse file of 8 TiB: " << error.message();
  }
  EXPECT_THAT(
      error_of(ErrorCode::kOutOfMemory, [&] { return read_text(request(folder, {"sparse.txt"})); }),
      HasSubstr("has 8796093022208 bytes and only "));
}

TEST(TextSource, StopsReadingRecordsAtTheLimit) {
  EXPECT_THAT(parse_records("[\"a\", \"b\", broken", false, "text", "x", 2), ElementsAre("a", "b"));
  EXPECT_THAT(parse_records("[\"a\"]", false, "text", "x", 0), ElementsAre());
}

TEST(TextSource, NamesTheRowsThatAreAccepted) {
  EXPECT_EQ(parse_rows("wikitext"), Rows::kWikitext);
  EXPECT_EQ(to_string(Rows::kRecords), "records");
  EXPECT_EQ(error_of(ErrorCode::kInvalidInput, [] { return parse_rows("pages"); }),
            "data.rows is 'pages'; accepted are auto, file, lines, wikitext and records.");
}

TEST(Utf8, FindsTheFirstWrongByte) {
  EXPECT_EQ(find_invalid_utf8("a\u00e9\u20ac\U0001f600"), std::nullopt);
  EXPECT_EQ(find_invalid_utf8(std::string_view("\0", 1)), std::nullopt);
  for (const std::string_view wrong :
       {"\x80", "\xc0\x80", "\xc1\xbf", "\xe0\x9f\xbf", "\xed\xa0\x80", "\xf0\x8f\xbf\xbf",
        "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xff", "\xe2\x82", "\xf0\x9f\x98", "\xc3",
        "\xc3("}) {
    EXPECT_EQ(find_invalid_utf8(std::string("ab") + std::string(wrong)), 2u);
  }
}

}  // namespace
}  // namespace mxscope
