// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>
#include <limits>
#include <nlohmann/json.hpp>
#include <unordered_set>

#include "mxscope/core/base/error.h"
#include "mxscope/core/base/input.h"
#include "mxscope/core/checkpoint/safetensors.h"

namespace mxscope {
namespace {

struct TypeRow {
  TensorType type;
  std::string_view name;
  int bits;
};

constexpr std::array<TypeRow, 22> kTypes{{
    {TensorType::kF64, "F64", 64},
    {TensorType::kF32, "F32", 32},
    {TensorType::kF16, "F16", 16},
    {TensorType::kBF16, "BF16", 16},
    {TensorType::kF8E4M3, "F8_E4M3", 8},
    {TensorType::kF8E5M2, "F8_E5M2", 8},
    {TensorType::kF8E8M0, "F8_E8M0", 8},
    {TensorType::kF8E4M3Fnuz, "F8_E4M3FNUZ", 8},
    {TensorType::kF8E5M2Fnuz, "F8_E5M2FNUZ", 8},
    {TensorType::kF6E2M3, "F6_E2M3", 6},
    {TensorType::kF6E3M2, "F6_E3M2", 6},
    {TensorType::kF4, "F4", 4},
    {TensorType::kC64, "C64", 64},
    {TensorType::kI64, "I64", 64},
    {TensorType::kI32, "I32", 32},
    {TensorType::kI16, "I16", 16},
    {TensorType::kI8, "I8", 8},
    {TensorType::kU64, "U64", 64},
    {TensorType::kU32, "U32", 32},
    {TensorType::kU16, "U16", 16},
    {TensorType::kU8, "U8", 8},
    {TensorType::kBool, "BOOL", 8},
}};

constexpr std::string_view kMetadataKey = "__metadata__";

// Takes the header apart while it is parsed. Nothing but the tensors themselves is kept, and the
// first thing that is out of place stops the parser.
class HeaderHandler : public nlohmann::json_sax<nlohmann::json> {
 public:
  explicit HeaderHandler(SafetensorsHeader& header) : header_(header) {}

  std::string problem;

  bool null() override { return unexpected("null"); }
  bool boolean(bool value) override { return unexpected(value ? "true" : "false"); }
  bool number_float(number_float_t, const string_t& text) override { return unexpected(text); }
  bool binary(binary_t&) override { return unexpected("binary data"); }
  bool number_integer(number_integer_t value) override {
    return unexpected(std::to_string(value));  // negative: others arrive as unsigned
  }

  bool number_unsigned(number_unsigned_t value) override {
    if (place_ == Place::kShape) {
      if (value > static_cast<uint64_t>(std::numeric_limits<int64_t>::max())) {
        return unexpected(std::to_string(value));
      }
      if (tensor_.shape.size() == kMaxTensorRank) {
        return fail(subject() + " has more than " + std::to_string(kMaxTensorRank) + " dimensions");
      }
      tensor_.shape.push_back(static_cast<int64_t>(value));
      return true;
    }
    if (place_ == Place::kOffsets) {
      if (offsets_seen_ == 2) {
        return fail(subject() + " has more than two data_offsets");
      }
      offsets_[offsets_seen_++] = value;
      return true;
    }
    return unexpected(std::to_string(value));
  }

  bool string(string_t& text) override {
    if (place_ == Place::kMetadata) {
      header_.metadata[metadata_key_] = std::move(text);
      return true;
    }
    if (place_ == Place::kTensor && field_ == "dtype") {
      const auto type = tensor_type_from_string(text);
      if (!type) {
        return fail(subject() + " has the dtype " + in_quotes(text) +
                    ", which is none of the safetensors format");
      }
      tensor_.type = *type;
      return true;
    }
    return unexpected(in_quotes(text));
  }

  bool start_object(std::size_t) override {
    switch (place_) {
      case Place::kStart:
        place_ = Place::kTop;
        return true;
      case Place::kTop:
        place_ = tensor_.name == kMetadataKey ? Place::kMetadata : Place::kTensor;
        return true;
      default:
        return unexpected("an object");
    }
  }

  bool key(string_t& name) override {
    if (place_ == Place::kMetadata) {
      metadata_key_ = name;
      if (header_.metadata.contains(name)) {
        return fail("the metadata key " + in_quotes(name) + " stands twice");
      }
      header_.metadata[name];
      return true;
    }
    if (place_ == Place::kTop) {
      if (!names_.insert(name).second) {
        return fail("the tensor " + in_quotes(name) + " stands twice");
      }
      if (names_.size() > kMaxTensors) {
        return fail("it lists more than " + std::to_string(kMaxTensors) + " tensors");
      }
      tensor_ = TensorInfo{};
      tensor_.name = name;
      has_ = {};
      offsets_seen_ = 0;
      return true;
    }
    field_ = name;
    bool* seen = name == "dtype"          ? &has_.type
                 : name == "shape"        ? &has_.shape
                 : name == "data_offsets" ? &has_.offsets
                                          : nullptr;
    if (seen == nullptr) {
      return fail(subject() + " has the unknown field " + in_quotes(name) +
                  "; dtype, shape and data_offsets are known");
    }
    if (*seen) {
      return fail(subject() + " has the field " + in_quotes(name) + " twice");
    }
    *seen = true;
    return true;
  }

  bool end_object() override {
    if (place_ == Place::kTensor) {
      const char* missing = !has_.type      ? "dtype"
                            : !has_.shape   ? "shape"
                            : !has_.offsets ? "data_offsets"
                                            : nullptr;
      if (missing != nullptr) {
        return fail(subject() + " lacks the field '" + missing + "'");
      }
      // Still relative to the data here; the extent is checked and moved when all are known.
      tensor_.begin = offsets_[0];
      tensor_.bytes = offsets_[1];
      header_.tensors.push_back(std::move(tensor_));
      place_ = Place::kTop;
    } else if (place_ == Place::kMetadata) {
      place_ = Place::kTop;
    } else {
      place_ = Place::kEnd;
    }
    return true;
  }

  bool start_array(std::size_t) override {
    if (place_ == Place::kTensor && field_ == "shape") {
      place_ = Place::kShape;
      return true;
    }
    if (place_ == Place::kTensor && field_ == "data_offsets") {
      place_ = Place::kOffsets;
      return true;
    }
    return unexpected("a list");
  }

  bool end_array() override {
    if (place_ == Place::kOffsets && offsets_seen_ != 2) {
      return fail(subject() + " has " + std::to_string(offsets_seen_) +
                  " data_offsets instead of two");
    }
    place_ = Place::kTensor;
    return true;
  }

  bool parse_error(std::size_t, const std::string&,
                   const nlohmann::json::exception& error) override {
    return fail("it is not valid JSON: " + json_problem(error.what()));
  }

 private:
  enum class Place { kStart, kTop, kMetadata, kTensor, kShape, kOffsets, kEnd };

  bool fail(std::string text) {
    problem = std::move(text);
    return false;
  }

  [[nodiscard]] std::string subject() const { return "tensor " + in_quotes(tensor_.name); }

  bool unexpected(const std::string& found) {
    switch (place_) {
      case Place::kStart:
      case Place::kEnd:
        return fail("it is no JSON object but " + found);
      case Place::kTop:
        return fail(subject() + " is described by " + found + " instead of an object");
      case Place::kMetadata:
        return fail("the metadata " + in_quotes(metadata_key_) + " is " + found +
                    " instead of a string");
      case Place::kTensor:
        return fail(subject() + " has " + found + " as " + field_);
      case Place::kShape:
        return fail(subject() + " has the dimension " + found +
                    "; whole numbers from 0 to 2^63-1 are accepted");
      case Place::kOffsets:
        return fail(subject() + " has the data offset " + found +
                    "; whole numbers from 0 to 2^64-1 are accepted");
    }
    return fail("it is malformed");
  }

  SafetensorsHeader& header_;
  Place place_ = Place::kStart;
  TensorInfo tensor_;
  std::string field_;
  std::string metadata_key_;
  std::array<uint64_t, 2> offsets_{};
  std::size_t offsets_seen_ = 0;
  struct {
    bool type = false;
    bool shape = false;
    bool offsets = false;
  } has_;
  std::unordered_set<std::string> names_;
};

// Bytes of a shape; empty when they overflow or do not fill whole bytes.
std::optional<uint64_t> bytes_of(const TensorInfo& tensor) {
  uint64_t count = 1;
  for (const int64_t size : tensor.shape) {
    if (__builtin_mul_overflow(count, static_cast<uint64_t>(size), &count)) {
      return std::nullopt;
    }
  }
  uint64_t bits = 0;
  if (__builtin_mul_overflow(count, static_cast<uint64_t>(tensor_type_bits(tensor.type)), &bits) ||
      bits % 8 != 0) {
    return std::nullopt;
  }
  return bits / 8;
}

}  // namespace

std::string_view to_string(TensorType type) noexcept {
  for (const TypeRow& row : kTypes) {
    if (row.type == type) {
      return row.name;
    }
  }
  return "";
}

std::optional<TensorType> tensor_type_from_string(std::string_view name) noexcept {
  for (const TypeRow& row : kTypes) {
    if (row.name == name) {
      return row.type;
    }
  }
  return std::nullopt;
}

int tensor_type_bits(TensorType type) noexcept {
  for (const TypeRow& row : kTypes) {
    if (row.type == type) {
      return row.bits;
    }
  }
  return 0;
}

int64_t TensorInfo::elements() const noexcept {
  int64_t count = 1;
  for (const int64_t size : shape) {
    count *= size;
  }
  return count;
}

std::string TensorInfo::shape_text() const {
  std::string text = "[";
  for (std::size_t i = 0; i < shape.size(); ++i) {
    text += (i == 0 ? "" : ", ") + std::to_string(shape[i]);
  }
  return text + "]";
}

SafetensorsHeader parse_safetensors_header(std::string_view json, uint64_t data_begin,
                                           uint64_t data_bytes, const std::string& file) {
  const auto fail = [&](const std::string& problem) {
    throw Error(ErrorCode::kInvalidInput,
                file + ": the safetensors header is wrong: " + problem + ".");
  };
  SafetensorsHeader header;
  HeaderHandler handler(header);
  if (!nlohmann::json::sax_parse(json.begin(), json.end(), &handler)) {
    fail(handler.problem);
  }
  for (TensorInfo& tensor : header.tensors) {
    const uint64_t begin = tensor.begin;
    const uint64_t end = tensor.bytes;
    const std::string name = "tensor " + in_quotes(tensor.name);
    if (begin > end || end > data_bytes) {
      fail(name + " lies at bytes " + std::to_string(begin) + " to " + std::to_string(end) +
           " of the data, which is " + std::to_string(data_bytes) + " bytes long");
    }
    const std::optional<uint64_t> needed = bytes_of(tensor);
    if (!needed) {
      fail(name + " has the shape " + tensor.shape_text() + " of " +
           std::string(to_string(tensor.type)) + ", whose size overflows or fills no whole bytes");
    }
    if (*needed != end - begin) {
      fail(name + " has the shape " + tensor.shape_text() + " of " +
           std::string(to_string(tensor.type)) + ", which takes " + std::to_string(*needed) +
           " bytes, but its data_offsets span " + std::to_string(end - begin));
    }
    tensor.bytes = end - begin;
  }
  std::sort(header.tensors.begin(), header.tensors.end(),
            [](const TensorInfo& a, const TensorInfo& b) {
              return std::tie(a.begin, a.bytes, a.name) < std::tie(b.begin, b.bytes, b.name);
            });
  uint64_t covered = 0;
  for (TensorInfo& tensor : header.tensors) {
    if (tensor.begin != covered) {
      fail("tensor " + in_quotes(tensor.name) + " begins at byte " + std::to_string(tensor.begin) +
           " of the data, but the tensors before it end at " + std::to_string(covered) +
           (tensor.begin < covered ? "; they overlap" : "; there is a hole"));
    }
    covered += tensor.bytes;
    tensor.begin += data_begin;
  }
  if (covered != data_bytes) {
    fail("the tensors take " + std::to_string(covered) + " bytes, but the file holds " +
         std::to_string(data_bytes) + " bytes of data");
  }
  return header;
}

}  // namespace mxscope
