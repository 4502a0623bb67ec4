// SPDX-License-Identifier: Apache-2.0
// Files that are wrong in every way we could think of, each with the message that it gets.
#include <gtest/gtest.h>

#include <cstring>

#include "checkpoint/raw_safetensors.h"
#include "data/expect_error.h"
#include "data/temporary_folder.h"
#include "mxscope/core/checkpoint/safetensors.h"

namespace mxscope {
namespace {

using test::error_of;
using test::raw_safetensors;
using test::TemporaryFolder;

struct HostileHeader {
  const char* name;
  std::string header;
  std::size_t data_bytes;
  const char* message;  // after "FILE: the safetensors header is wrong: "
};

std::string tensor(const std::string& name, const std::string& rest) {
  return "{\"" + name + "\":{" + rest + "}}";
}

std::string nested(int depth) {
  return "{\"a\":" + std::string(static_cast<std::size_t>(depth), '[');
}

std::vector<HostileHeader> hostile_headers() {
  const std::string ok = R"("dtype":"F32","shape":[2],"data_offsets":[0,8])";
  return {
      {"NotJson", "hello", 0,
       "it is not valid JSON: line 1, column 1: syntax error while parsing value - invalid "
       "literal."},
      {"Empty", "", 0,
       "it is not valid JSON: line 1, column 1: syntax error while parsing value - unexpected end "
       "of input; expected '[', '{', or a literal."},
      {"CutInTheMiddle", R"({"a":{"dtype":"F3)", 0,
       "it is not valid JSON: line 1, column 18: syntax error while parsing value - invalid "
       "string: missing closing quote."},
      {"TrailingText", "{} x", 0,
       "it is not valid JSON: line 1, column 4: syntax error while parsing value - invalid "
       "literal."},
      {"AList", "[]", 0, "it is no JSON object but a list."},
      {"ANumber", "5", 0, "it is no JSON object but 5."},
      {"BrokenUtf8", "{\"\xFF\xFE\":{}}", 0,
       "it is not valid JSON: line 1, column 3: syntax error while parsing object key - invalid "
       "string: ill-formed UTF-8 byte."},
      {"TensorIsAList", R"({"a":[1]})", 0,
       "tensor 'a' is described by a list instead of an object."},
      {"TensorIsNull", R"({"a":null})", 0, "tensor 'a' is described by null instead of an object."},
      {"DeepList", nested(100'000), 0, "tensor 'a' is described by a list instead of an object."},
      {"DeepShape", tensor("a", R"("shape":[[[1]]])"), 0,
       "tensor 'a' has the dimension a list; whole numbers from 0 to 2^63-1 are accepted."},
      {"DeepObject", tensor("a", R"("dtype":{"b":{}})"), 0, "tensor 'a' has an object as dtype."},
      {"SameNameTwice", "{\"a\":{" + ok + "},\"a\":{" + ok + "}}", 8,
       "the tensor 'a' stands twice."},
      {"SameFieldTwice", tensor("a", R"("dtype":"F32","dtype":"F16")"), 0,
       "tensor 'a' has the field 'dtype' twice."},
      {"UnknownField", tensor("a", R"("stride":[1])"), 0,
       "tensor 'a' has the unknown field 'stride'; dtype, shape and data_offsets are known."},
      {"UnknownType", tensor("a", R"("dtype":"F7")"), 0,
       "tensor 'a' has the dtype 'F7', which is none of the safetensors format."},
      {"TypeIsANumber", tensor("a", R"("dtype":3)"), 0, "tensor 'a' has 3 as dtype."},
      {"WithoutType", tensor("a", R"("shape":[2],"data_offsets":[0,8])"), 8,
       "tensor 'a' lacks the field 'dtype'."},
      {"WithoutShape", tensor("a", R"("dtype":"F32","data_offsets":[0,8])"), 8,
       "tensor 'a' lacks the field 'shape'."},
      {"WithoutOffsets", tensor("a", R"("dtype":"F32","shape":[2])"), 8,
       "tensor 'a' lacks the field 'data_offsets'."},
      {"NegativeDimension", tensor("a", R"("dtype":"F32","shape":[-2],"data_offsets":[0,8])"), 8,
       "tensor 'a' has the dimension -2; whole numbers from 0 to 2^63-1 are accepted."},
      {"FractionDimension", tensor("a", R"("dtype":"F32","shape":[2.5],"data_offsets":[0,8])"), 8,
       "tensor 'a' has the dimension 2.5; whole numbers from 0 to 2^63-1 are accepted."},
      {"HugeDimension",
       tensor("a", R"("dtype":"F32","shape":[18446744073709551615],"data_offsets":[0,8])"), 8,
       "tensor 'a' has the dimension 18446744073709551615; whole numbers from 0 to 2^63-1 are "
       "accepted."},
      {"TextDimension", tensor("a", R"("dtype":"F32","shape":["2"],"data_offsets":[0,8])"), 8,
       "tensor 'a' has the dimension '2'; whole numbers from 0 to 2^63-1 are accepted."},
      {"OverflowingShape",
       tensor("a", R"("dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,8])"), 8,
       "tensor 'a' has the shape [4294967296, 4294967296] of F32, whose size overflows or fills "
       "no whole bytes."},
      {"ShapeThatWrapsToItsExtent",
       tensor("a", R"("dtype":"F32","shape":[4611686018427387904,2],"data_offsets":[0,0])"), 0,
       "tensor 'a' has the shape [4611686018427387904, 2] of F32, whose size overflows or fills "
       "no whole bytes."},
      {"TooManyDimensions",
       tensor("a",
              R"("dtype":"F32","shape":[1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1],"data_offsets":[0,4])"),
       4, "tensor 'a' has more than 16 dimensions."},
      {"ShapeTooLarge", tensor("a", R"("dtype":"F32","shape":[3],"data_offsets":[0,8])"), 8,
       "tensor 'a' has the shape [3] of F32, which takes 12 bytes, but its data_offsets span 8."},
      {"HalfBytes", tensor("a", R"("dtype":"F4","shape":[3],"data_offsets":[0,1])"), 1,
       "tensor 'a' has the shape [3] of F4, whose size overflows or fills no whole bytes."},
      {"OffsetsBeyondTheFile", tensor("a", R"("dtype":"F32","shape":[2],"data_offsets":[0,8])"), 4,
       "tensor 'a' lies at bytes 0 to 8 of the data, which is 4 bytes long."},
      {"OffsetsBackwards", tensor("a", R"("dtype":"F32","shape":[2],"data_offsets":[8,0])"), 8,
       "tensor 'a' lies at bytes 8 to 0 of the data, which is 8 bytes long."},
      {"OverflowingOffsets",
       tensor(
           "a",
           R"("dtype":"U8","shape":[2],"data_offsets":[18446744073709551615,18446744073709551615])"),
       8,
       "tensor 'a' lies at bytes 18446744073709551615 to 18446744073709551615 of the data, which "
       "is 8 bytes long."},
      {"NegativeOffset", tensor("a", R"("dtype":"U8","shape":[2],"data_offsets":[-1,1])"), 8,
       "tensor 'a' has the data offset -1; whole numbers from 0 to 2^64-1 are accepted."},
      {"OneOffset", tensor("a", R"("dtype":"U8","shape":[2],"data_offsets":[0])"), 2,
       "tensor 'a' has 1 data_offsets instead of two."},
      {"ThreeOffsets", tensor("a", R"("dtype":"U8","shape":[2],"data_offsets":[0,1,2])"), 2,
       "tensor 'a' has more than two data_offsets."},
      {"Overlap",
       R"({"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]},)"
       R"("b":{"dtype":"U8","shape":[4],"data_offsets":[2,6]}})",
       6,
       "tensor 'b' begins at byte 2 of the data, but the tensors before it end at 4; they "
       "overlap."},
      {"Hole",
       R"({"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},)"
       R"("b":{"dtype":"U8","shape":[2],"data_offsets":[4,6]}})",
       6,
       "tensor 'b' begins at byte 4 of the data, but the tensors before it end at 2; there is a "
       "hole."},
      {"DataWithoutTensor", tensor("a", R"("dtype":"U8","shape":[2],"data_offsets":[0,2])"), 9,
       "the tensors take 2 bytes, but the file holds 9 bytes of data."},
      {"MetadataIsANumber", R"({"__metadata__":{"a":1}})", 0,
       "the metadata 'a' is 1 instead of a string."},
      {"MetadataTwice", R"({"__metadata__":{"a":"","a":""}})", 0,
       "the metadata key 'a' stands twice."},
      {"MetadataIsAList", R"({"__metadata__":[]})", 0,
       "tensor '__metadata__' is described by a list instead of an object."},
      {"ControlCharactersInAName", tensor("a\\u0007\\nb", R"("dtype":"F7")"), 0,
       "tensor 'a?\?b' has the dtype 'F7', which is none of the safetensors format."},
      {"EndlessName", tensor(std::string(5000, 'n'), R"("dtype":"F7")"), 0,
       "tensor "
       "'nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn...' "
       "has the dtype 'F7', which is none of the safetensors format."},
  };
}

class HostileSafetensors : public testing::TestWithParam<HostileHeader> {};

TEST_P(HostileSafetensors, GetsItsMessage) {
  const TemporaryFolder folder;
  const std::string file =
      folder.write("x.safetensors", raw_safetensors(GetParam().header, GetParam().data_bytes));
  EXPECT_EQ(error_of(ErrorCode::kInvalidInput, [&] { (void)SafetensorsFile::open(file); }),
            file + ": the safetensors header is wrong: " + GetParam().message);
}

INSTANTIATE_TEST_SUITE_P(All, HostileSafetensors, testing::ValuesIn(hostile_headers()),
                         [](const auto& row) { return std::string(row.param.name); });

TEST(HostileSafetensorsFile, WrongLengthsAreNamed) {
  const TemporaryFolder folder;
  const auto open = [&](const std::string& bytes) {
    const std::string file = folder.write("x.safetensors", bytes);
    const std::string message =
        error_of(ErrorCode::kInvalidInput, [&] { (void)SafetensorsFile::open(file); });
    EXPECT_EQ(message.find(file + " "), 0U) << message;
    return message.substr(std::min(message.size(), file.size() + 1));
  };
  EXPECT_EQ(open(""), "is 0 bytes long, too short for the header of a safetensors file.");
  EXPECT_EQ(open("1234567"), "is 7 bytes long, too short for the header of a safetensors file.");
  EXPECT_EQ(open(std::string(8, '\xFF')),
            "names a header of 18446744073709551615 bytes; at most 100000000 are accepted. It is "
            "no safetensors file, or a damaged one.");
  EXPECT_EQ(open(std::string("\x40\0\0\0\0\0\0\0{}", 10)),
            "names a header of 64 bytes, but only 2 bytes follow: the file is cut short.");
}

TEST(HostileSafetensorsFile, MissingAndUnreadableFilesAreNamed) {
  const TemporaryFolder folder;
  const auto missing = folder.path() / "no.safetensors";
  EXPECT_EQ(error_of(ErrorCode::kNotFound, [&] { (void)SafetensorsFile::open(missing); }),
            missing.string() + " does not exist.");
  EXPECT_EQ(error_of(ErrorCode::kInvalidInput, [&] { (void)SafetensorsFile::open(folder.path()); }),
            folder.path().string() + " is not a regular file.");
}

TEST(HostileSafetensorsFile, ManyTensorsStopAtTheCap) {
  std::string header = "{";
  for (std::size_t i = 0; i <= kMaxTensors; ++i) {
    header += (i == 0 ? "\"" : ",\"") + std::to_string(i) +
              "\":{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[0,0]}";
  }
  EXPECT_EQ(error_of(ErrorCode::kInvalidInput,
                     [&] { (void)parse_safetensors_header(header + "}", 0, 0, "f"); }),
            "f: the safetensors header is wrong: it lists more than 1000000 tensors.");
}

}  // namespace
}  // namespace mxscope
