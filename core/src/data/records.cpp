// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <iterator>
#include <nlohmann/json.hpp>

#include "mxscope/core/base/error.h"
#include "mxscope/core/data/text_source.h"

namespace mxscope {
namespace {

using nlohmann::json;

// Deeper JSON is refused: no record needs it, and a limit keeps hostile files cheap.
constexpr std::size_t kMaxDepth = 256;

// Walks over the text and leaves in `*seen` how far the parser has read.
class CountingIterator {
 public:
  using iterator_category = std::input_iterator_tag;
  using value_type = char;
  using difference_type = std::ptrdiff_t;
  using pointer = const char*;
  using reference = const char&;

  CountingIterator(const char* at, const char** seen) : at_(at), seen_(seen) {}
  reference operator*() const { return *at_; }
  CountingIterator& operator++() {
    *seen_ = ++at_;
    return *this;
  }
  CountingIterator operator++(int) {
    CountingIterator before = *this;
    ++*this;
    return before;
  }
  bool operator==(const CountingIterator& other) const { return at_ == other.at_; }
  bool operator!=(const CountingIterator& other) const { return at_ != other.at_; }

 private:
  const char* at_;
  const char** seen_;
};

// Receives the parser's events and keeps the texts alone.
class RecordReader final : public nlohmann::json_sax<json> {
 public:
  // `in_list`: records are the elements of one list; else the whole text is one record.
  RecordReader(bool in_list, const std::string& field, std::size_t limit,
               std::vector<std::string>& records)
      : record_depth_(in_list ? 1 : 0), field_(field), limit_(limit), records_(records) {}

  bool null() override { return value("null"); }
  bool boolean(bool) override { return value("a boolean"); }
  bool number_integer(number_integer_t) override { return value("a number"); }
  bool number_unsigned(number_unsigned_t) override { return value("a number"); }
  bool number_float(number_float_t, const string_t&) override { return value("a number"); }
  bool binary(binary_t&) override { return value("bytes"); }

  bool string(string_t& text) override {
    if (depth_ == record_depth_) {
      return keep(std::move(text));
    }
    if (wanted()) {
      text_ = std::move(text);
      found_ = true;
      return true;
    }
    return value("a string");
  }

  bool start_object(std::size_t) override {
    if (wanted()) {
      return refuse("field '" + field_ + "' is an object; a string is needed");
    }
    if (depth_ < record_depth_) {
      return refuse("the text is an object; a list of strings, or of objects with the field '" +
                    field_ + "', is needed");
    }
    if (depth_ == record_depth_) {
      found_ = false;
    }
    return enter();
  }

  bool key(string_t& name) override {
    at_field_ = depth_ == record_depth_ + 1 && name == field_;
    return true;
  }

  bool end_object() override {
    --depth_;
    at_field_ = false;
    if (depth_ != record_depth_) {
      return true;
    }
    if (!found_) {
      return refuse("the record has no field '" + field_ + "'");
    }
    return keep(std::move(text_));
  }

  bool start_array(std::size_t) override {
    if (wanted()) {
      return refuse("field '" + field_ + "' is a list; a string is needed");
    }
    if (depth_ == record_depth_) {
      return refuse("the record is a list; a string, or an object with the field '" + field_ +
                    "', is needed");
    }
    return enter();
  }

  bool end_array() override {
    --depth_;
    at_field_ = false;
    return true;
  }

  bool parse_error(std::size_t, const std::string&, const json::exception& error) override {
    // The library's sentence starts with its own error number.
    const std::string_view text = error.what();
    const std::size_t colon = text.find(": ");
    problem_ = text.substr(colon == std::string_view::npos ? 0 : colon + 2);
    return false;
  }

  // Empty where nothing was wrong.
  [[nodiscard]] const std::string& problem() const { return problem_; }

 private:
  bool wanted() const { return at_field_ && depth_ == record_depth_ + 1; }

  bool refuse(std::string problem) {
    problem_ = std::move(problem);
    return false;
  }

  bool enter() {
    at_field_ = false;
    if (++depth_ > kMaxDepth) {
      return refuse("the JSON is nested deeper than " + std::to_string(kMaxDepth) + " levels");
    }
    return true;
  }

  bool value(const char* kind) {
    if (depth_ < record_depth_) {
      return refuse(std::string("the text is ") + kind + "; a list is needed");
    }
    if (depth_ == record_depth_) {
      return refuse(std::string("the record is ") + kind +
                    "; a string, or an object with the field '" + field_ + "', is needed");
    }
    if (wanted()) {
      return refuse("field '" + field_ + "' is " + kind + "; a string is needed");
    }
    return true;
  }

  bool keep(std::string&& text) {
    if (depth_ < record_depth_) {
      return value("a string");
    }
    records_.push_back(std::move(text));
    return records_.size() < limit_;
  }

  std::size_t record_depth_;
  const std::string& field_;
  std::size_t limit_;
  std::vector<std::string>& records_;
  std::size_t depth_ = 0;
  bool at_field_ = false;
  bool found_ = false;
  std::string text_;
  std::string problem_;
};

void read_one(std::string_view whole, std::string_view part, bool in_list, const std::string& field,
              const std::string& name, std::size_t limit, std::vector<std::string>& records) {
  const char* seen = part.data();
  RecordReader reader(in_list, field, limit, records);
  const bool complete =
      json::sax_parse(CountingIterator(part.data(), &seen),
                      CountingIterator(part.data() + part.size(), &seen), &reader);
  if (!complete && !reader.problem().empty()) {
    throw Error(ErrorCode::kInvalidInput, "Text file '" + name + "', record " +
                                              std::to_string(records.size() + 1) + ", byte " +
                                              std::to_string(seen - whole.data()) + ": " +
                                              reader.problem() + ".");
  }
}

bool is_blank(std::string_view line) {
  return line.find_first_not_of(" \t\r\n") == std::string_view::npos;
}

}  // namespace

std::vector<std::string> parse_records(std::string_view text, bool lines, const std::string& field,
                                       const std::string& name, std::size_t limit) {
  std::vector<std::string> records;
  if (limit == 0) {
    return records;
  }
  if (!lines) {
    read_one(text, text, true, field, name, limit, records);
    return records;
  }
  for (std::size_t begin = 0; begin < text.size() && records.size() < limit;) {
    const std::size_t end = std::min(text.find('\n', begin), text.size());
    const std::string_view line = text.substr(begin, end - begin);
    if (!is_blank(line)) {
      read_one(text, line, false, field, name, limit, records);
    }
    begin = end + 1;
  }
  return records;
}

}  // namespace mxscope
