// SPDX-License-Identifier: Apache-2.0
#include "mxscope/core/checkpoint/safetensors.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>
#include <iterator>
#include <set>

#include "checkpoint/raw_safetensors.h"
#include "data/expect_error.h"
#include "data/temporary_folder.h"

namespace mxscope {
namespace {

using test::error_of;
using test::raw_safetensors;
using test::TemporaryFolder;

std::vector<std::byte> counted_bytes(std::size_t count) {
  std::vector<std::byte> bytes(count);
  for (std::size_t i = 0; i < count; ++i) {
    bytes[i] = static_cast<std::byte>(i * 7 + 1);
  }
  return bytes;
}

TEST(Safetensors, ReadsWhatItWrote) {
  const TemporaryFolder folder;
  const auto file = folder.path() / "a.safetensors";
  const auto a = counted_bytes(24);
  const auto b = counted_bytes(3);
  write_safetensors(file,
                    std::vector<TensorToWrite>{{"b", TensorType::kI8, {3}, b},
                                               {"a", TensorType::kF32, {2, 3}, a},
                                               {"none", TensorType::kF16, {0, 5}, {}}},
                    {{"format", "pt"}});
  const SafetensorsFile read = SafetensorsFile::open(file);
  ASSERT_EQ(read.tensors().size(), 3U);
  EXPECT_EQ(read.metadata().at("format"), "pt");
  const TensorInfo* tensor = read.find("a");
  ASSERT_NE(tensor, nullptr);
  EXPECT_EQ(tensor->shape, (std::vector<int64_t>{2, 3}));
  EXPECT_EQ(tensor->type, TensorType::kF32);
  EXPECT_EQ(tensor->elements(), 6);
  const auto data = read.data(*tensor);
  EXPECT_TRUE(std::equal(data.begin(), data.end(), a.begin(), a.end()));
  EXPECT_EQ(reinterpret_cast<std::uintptr_t>(data.data()) % 4, 0U) << "wide elements lie first";
  EXPECT_EQ(read.find("none")->elements(), 0);
  EXPECT_EQ(read.find("c"), nullptr);
  read.will_need(*tensor);
  read.done_with(*tensor);
  EXPECT_EQ(read.data(*tensor)[0], a[0]);
}

TEST(Safetensors, ScalarHasOneElement) {
  const TemporaryFolder folder;
  const auto bytes = counted_bytes(8);
  const auto file = folder.path() / "s.safetensors";
  write_safetensors(file, std::vector<TensorToWrite>{{"s", TensorType::kI64, {}, bytes}});
  EXPECT_EQ(SafetensorsFile::open(file).find("s")->elements(), 1);
}

TEST(Safetensors, EveryTypeHasANameAndASize) {
  std::set<std::string_view> names;
  for (int i = 0; i <= static_cast<int>(TensorType::kBool); ++i) {
    const auto type = static_cast<TensorType>(i);
    EXPECT_GT(tensor_type_bits(type), 0);
    EXPECT_EQ(tensor_type_from_string(to_string(type)), type);
    names.insert(to_string(type));
  }
  EXPECT_EQ(names.size(), static_cast<std::size_t>(TensorType::kBool) + 1);
  EXPECT_FALSE(tensor_type_from_string("float32").has_value());
}

TEST(Safetensors, PackedTypesFillWholeBytes) {
  const TemporaryFolder folder;
  const auto file =
      folder.write("f4.safetensors",
                   raw_safetensors(R"({"x":{"dtype":"F4","shape":[4],"data_offsets":[0,2]}})", 2));
  EXPECT_EQ(SafetensorsFile::open(file).tensors()[0].bytes, 2U);
}

TEST(Safetensors, HeaderMayEndInSpaces) {
  const TemporaryFolder folder;
  const auto file = folder.write(
      "p.safetensors",
      raw_safetensors(R"({"x":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}   )", 1));
  EXPECT_EQ(SafetensorsFile::open(file).tensors().size(), 1U);
}

TEST(Safetensors, AFileCutWhileInUseIsAnError) {
  const TemporaryFolder folder;
  const auto file = folder.path() / "cut.safetensors";
  const auto bytes = counted_bytes(std::size_t{1} << 16);
  write_safetensors(file, std::vector<TensorToWrite>{{"x", TensorType::kU8, {1 << 16}, bytes}});
  const SafetensorsFile read = SafetensorsFile::open(file);
  ASSERT_EQ(::truncate(file.c_str(), 1000), 0);
  const std::string message = error_of(ErrorCode::kIo, [&] { (void)read.data(read.tensors()[0]); });
  EXPECT_NE(message.find("was cut from"), std::string::npos) << message;
  EXPECT_NE(message.find("'x'"), std::string::npos) << message;
}

TEST(Safetensors, APipeIsRefusedAtOnce) {
  const TemporaryFolder folder;
  const auto file = folder.path() / "pipe.safetensors";
  ASSERT_EQ(::mkfifo(file.c_str(), 0600), 0);
  EXPECT_EQ(error_of(ErrorCode::kInvalidInput, [&] { (void)SafetensorsFile::open(file); }),
            file.string() + " is not a regular file.");
}

TEST(SafetensorsWriter, LeavesNothingBehindWhenItFails) {
  const TemporaryFolder folder;
  const auto file = folder.path() / "a.safetensors";
  const auto bytes = counted_bytes(3);
  EXPECT_EQ(error_of(ErrorCode::kInvalidInput,
                     [&] {
                       write_safetensors(
                           file, std::vector<TensorToWrite>{{"x", TensorType::kF32, {1}, bytes}});
                     }),
            file.string() + ": tensor 'x' needs 32 bits for its shape, but 3 bytes were given.");
  EXPECT_EQ(error_of(ErrorCode::kInvalidInput,
                     [&] {
                       write_safetensors(
                           file, std::vector<TensorToWrite>{{"x", TensorType::kU8, {3}, bytes},
                                                            {"x", TensorType::kU8, {3}, bytes}});
                     }),
            file.string() + ": the tensor name 'x' is reserved or given twice.");
  EXPECT_EQ(error_of(ErrorCode::kInvalidInput,
                     [&] {
                       write_safetensors(
                           file, std::vector<TensorToWrite>{{"\xFF", TensorType::kU8, {3}, bytes}});
                     }),
            file.string() + ": a tensor's name or the metadata is not valid UTF-8.");
  EXPECT_TRUE(std::filesystem::is_empty(folder.path()));
}

TEST(SafetensorsWriter, NamesAFolderThatIsMissing) {
  const TemporaryFolder folder;
  const auto bytes = counted_bytes(1);
  const auto file = folder.path() / "no" / "a.safetensors";
  EXPECT_EQ(
      error_of(
          ErrorCode::kIo,
          [&] {
            write_safetensors(file, std::vector<TensorToWrite>{{"x", TensorType::kU8, {1}, bytes}});
          }),
      file.string() + " cannot be written: No such file or directory.");
}

TEST(SafetensorsWriter, SaysHowMuchAFullDiskLacks) {
  if (::access("/dev/full", W_OK) != 0) {
    GTEST_SKIP() << "no /dev/full on this machine";
  }
  const auto bytes = counted_bytes(100);
  const std::string message = error_of(ErrorCode::kIo, [&] {
    write_safetensors("/dev/full",
                      std::vector<TensorToWrite>{{"x", TensorType::kU8, {100}, bytes}});
  });
  EXPECT_EQ(message.find("/dev/full cannot be written: No space left on device; 172 bytes are "
                         "needed, "),
            0U)
      << message;
}

TEST(SafetensorsWriter, ReplacesAFileAsAWhole) {
  const TemporaryFolder folder;
  const auto file = folder.path() / "a.safetensors";
  const auto bytes = counted_bytes(4);
  const std::vector<TensorToWrite> old_content{{"x", TensorType::kU8, {4}, bytes}};
  write_safetensors(file, old_content);
  const SafetensorsFile old = SafetensorsFile::open(file);
  write_safetensors(file,
                    std::vector<TensorToWrite>{{"y", TensorType::kU8, {1}, {bytes.data(), 1}}});
  EXPECT_EQ(old.data(*old.find("x")).size(), 4U) << "the mapped file lives on";
  EXPECT_NE(SafetensorsFile::open(file).find("y"), nullptr);
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder.path()), {}), 1);
}

RC_GTEST_PROP(SafetensorsProperty, WrittenTensorsComeBack, ()) {
  const TemporaryFolder folder;
  const auto file = folder.path() / "p.safetensors";
  const auto names = *rc::gen::unique<std::vector<std::string>>(
      rc::gen::nonEmpty(rc::gen::container<std::string>(rc::gen::inRange('a', '{'))));
  std::vector<std::vector<std::byte>> contents;
  std::vector<TensorToWrite> tensors;
  for (const std::string& name : names) {
    const auto type =
        static_cast<TensorType>(*rc::gen::inRange(0, static_cast<int>(TensorType::kBool) + 1));
    auto shape = *rc::gen::container<std::vector<int64_t>>(*rc::gen::inRange(0, 4),
                                                           rc::gen::inRange<int64_t>(0, 5));
    int64_t count = 1;
    for (const int64_t size : shape) {
      count *= size;
    }
    if (count * tensor_type_bits(type) % 8 != 0) {
      shape.push_back(8);
      count *= 8;
    }
    contents.push_back(*rc::gen::container<std::vector<std::byte>>(
        static_cast<std::size_t>(count * tensor_type_bits(type) / 8),
        rc::gen::map(rc::gen::arbitrary<uint8_t>(), [](uint8_t v) { return std::byte{v}; })));
    tensors.push_back({name, type, shape, {}});
  }
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    tensors[i].data = contents[i];
  }
  write_safetensors(file, tensors);
  const SafetensorsFile read = SafetensorsFile::open(file);
  RC_ASSERT(read.tensors().size() == tensors.size());
  for (const TensorToWrite& tensor : tensors) {
    const TensorInfo* info = read.find(tensor.name);
    RC_ASSERT(info != nullptr);
    RC_ASSERT(info->type == tensor.type);
    RC_ASSERT(info->shape == tensor.shape);
    const auto data = read.data(*info);
    RC_ASSERT(std::equal(data.begin(), data.end(), tensor.data.begin(), tensor.data.end()));
  }
}

// Whatever a byte of a right file is changed to: the file is read or refused by an Error.
RC_GTEST_PROP(SafetensorsProperty, ChangedBytesNeverDoHarm, ()) {
  std::string bytes = raw_safetensors(
      R"({"__metadata__":{"format":"pt"},"a":{"dtype":"F32","shape":[2,3],"data_offsets":[0,24]},)"
      R"("b":{"dtype":"BF16","shape":[5],"data_offsets":[24,34]}})",
      34);
  const auto changes = *rc::gen::inRange(1, 6);
  for (int i = 0; i < changes; ++i) {
    const auto place = *rc::gen::inRange<std::size_t>(0, bytes.size() - 34);
    bytes[place] = *rc::gen::arbitrary<char>();
  }
  bytes.resize(*rc::gen::oneOf(rc::gen::just(bytes.size()),
                               rc::gen::inRange<std::size_t>(0, bytes.size() + 1)));
  const TemporaryFolder folder;
  const std::string file = folder.write("r.safetensors", bytes);
  try {
    const SafetensorsFile read = SafetensorsFile::open(file);
    for (const TensorInfo& tensor : read.tensors()) {
      const auto data = read.data(tensor);
      RC_ASSERT(static_cast<uint64_t>(tensor.elements()) *
                    static_cast<uint64_t>(tensor_type_bits(tensor.type)) / 8 ==
                data.size());
    }
  } catch (const Error& error) {
    RC_ASSERT(std::string_view(error.what()).starts_with(file));
  }
}

}  // namespace
}  // namespace mxscope
