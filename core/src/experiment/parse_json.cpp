// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cstddef>
#include <iterator>
#include <string>
#include <unordered_set>
#include <utility>
#include <vector>

#include "experiment/json_reader.h"
#include "mxscope/core/base/input.h"
#include "mxscope/core/experiment/experiment_json.h"

namespace mxscope {
namespace {

// Counts what the parser has consumed, so that problems which the grammar does not know (depth,
// duplicates) can say where they are.
class CountingIterator {
 public:
  using iterator_category = std::input_iterator_tag;
  using value_type = char;
  using difference_type = std::ptrdiff_t;
  using pointer = const char*;
  using reference = const char&;

  CountingIterator(const char* at, const char** consumed) : at_(at), consumed_(consumed) {}
  reference operator*() const { return *at_; }
  CountingIterator& operator++() {
    ++at_;
    *consumed_ = at_;
    return *this;
  }
  bool operator==(const CountingIterator& other) const { return at_ == other.at_; }
  bool operator!=(const CountingIterator& other) const { return at_ != other.at_; }

 private:
  const char* at_;
  const char** consumed_;
};

struct Place {
  std::size_t line = 1;
  std::size_t column = 1;
};

Place place_of(std::string_view text, std::size_t offset) {
  Place place;
  for (std::size_t i = 0; i < offset && i < text.size(); ++i) {
    if (text[i] == '\n') {
      ++place.line;
      place.column = 1;
    } else {
      ++place.column;
    }
  }
  return place;
}

// Builds the document; stops at the first key that stands twice and at kMaxJsonDepth.
class Builder {
 public:
  using number_integer_t = Json::number_integer_t;
  using number_unsigned_t = Json::number_unsigned_t;
  using number_float_t = Json::number_float_t;
  using string_t = Json::string_t;
  using binary_t = Json::binary_t;

  bool null() { return put(nullptr); }
  bool boolean(bool value) { return put(value); }
  bool number_integer(number_integer_t value) { return put(value); }
  bool number_unsigned(number_unsigned_t value) { return put(value); }
  bool number_float(number_float_t value, const string_t& /*text*/) { return put(value); }
  bool string(string_t& value) { return put(std::move(value)); }
  bool binary(binary_t& /*value*/) { return false; }
  bool start_object(std::size_t /*size*/) { return open(Json::object()); }
  bool end_object() { return close(); }
  bool start_array(std::size_t /*size*/) { return open(Json::array()); }
  bool end_array() { return close(); }

  bool key(string_t& name) {
    Level& level = levels_.back();
    if (!level.keys.insert(name).second) {
      duplicate_ = name;
      return false;
    }
    level.pending_key = std::move(name);
    return true;
  }

  bool parse_error(std::size_t position, const std::string& /*token*/,
                   const nlohmann::detail::exception& error) {
    position_ = position;
    syntax_ = error.what();
    return false;
  }

  Json take() { return std::move(root_); }
  [[nodiscard]] bool too_deep() const { return too_deep_; }
  [[nodiscard]] const std::optional<std::string>& duplicate() const { return duplicate_; }
  [[nodiscard]] const std::string& syntax() const { return syntax_; }
  [[nodiscard]] std::size_t position() const { return position_; }

 private:
  struct Level {
    Json value;
    std::string pending_key;
    std::unordered_set<std::string> keys;
  };

  template <typename Value>
  bool put(Value&& value) {
    attach(Json(std::forward<Value>(value)));
    return true;
  }

  void attach(Json value) {
    if (levels_.empty()) {
      root_ = std::move(value);
      return;
    }
    Level& level = levels_.back();
    if (level.value.is_array()) {
      level.value.push_back(std::move(value));
    } else {
      // The container's own insert looks through all keys; duplicates are ruled out above.
      using Members = Json::object_t::Container;
      auto& members = static_cast<Members&>(level.value.get_ref<Json::object_t&>());
      members.emplace_back(std::move(level.pending_key), std::move(value));
    }
  }

  bool open(Json value) {
    if (levels_.size() >= static_cast<std::size_t>(kMaxJsonDepth)) {
      too_deep_ = true;
      return false;
    }
    levels_.push_back({std::move(value), {}, {}});
    return true;
  }

  bool close() {
    Json value = std::move(levels_.back().value);
    levels_.pop_back();
    attach(std::move(value));
    return true;
  }

  std::vector<Level> levels_;
  Json root_;
  std::optional<std::string> duplicate_;
  std::string syntax_;
  std::size_t position_ = 0;
  bool too_deep_ = false;
};

// "[json.exception.parse_error.101] parse error at line 1, column 2: syntax error while ..." ->
// "syntax error while ...".
std::string plain_reason(const std::string& message) {
  const std::string what = common_json_message(message);
  const std::size_t place = what.find("column ");
  const std::size_t start = place == std::string::npos ? what.find("] ") : what.find(": ", place);
  std::string reason = start == std::string::npos ? what : what.substr(start + 2);
  // What was read last may hold the very bytes that are no text.
  reason.resize(std::min(reason.size(), reason.find("; last read")));
  constexpr std::size_t kLongest = 200;
  if (reason.size() > kLongest) {
    reason.resize(kLongest);
    while (!reason.empty() && (static_cast<unsigned char>(reason.back()) & 0x80U) != 0) {
      reason.pop_back();
    }
    reason += "…";
  }
  return reason;
}

std::string at(Place place) {
  return "line " + std::to_string(place.line) + ", column " + std::to_string(place.column);
}

}  // namespace

std::optional<nlohmann::ordered_json> parse_json(std::string_view text, Issues& issues,
                                                 std::size_t max_bytes) {
  if (text.size() > max_bytes) {
    add_issue(issues, "",
              "The text has " + std::to_string(text.size()) + " bytes; at most " +
                  std::to_string(max_bytes) + " are read.");
    return std::nullopt;
  }
  Builder builder;
  const char* consumed = text.data();
  const CountingIterator begin(text.data(), &consumed);
  const CountingIterator end(text.data() + text.size(), &consumed);
  if (Json::sax_parse(begin, end, &builder)) {
    return builder.take();
  }
  const auto offset = static_cast<std::size_t>(consumed - text.data());
  if (builder.too_deep()) {
    add_issue(issues, "",
              "Nested deeper than " + std::to_string(kMaxJsonDepth) + " levels at " +
                  at(place_of(text, offset - 1)) + ".");
  } else if (builder.duplicate()) {
    // Back from the closing quote of the key to its opening one.
    std::size_t quote_at = text.rfind('"', offset - 1);
    while (quote_at != std::string_view::npos && quote_at > 0) {
      quote_at = text.rfind('"', quote_at - 1);
      std::size_t slashes = 0;
      while (quote_at != std::string_view::npos && slashes < quote_at &&
             text[quote_at - slashes - 1] == '\\') {
        ++slashes;
      }
      if (slashes % 2 == 0) {
        break;
      }
    }
    add_issue(issues, "",
              "The key " + quote(*builder.duplicate()) + " stands twice in one object, at " +
                  at(place_of(text, quote_at)) + ".");
  } else {
    // The parser's position counts the byte that it could not use.
    const std::size_t position = builder.position() > 0 ? builder.position() - 1 : offset;
    add_issue(issues, "",
              "Not valid JSON at " + at(place_of(text, position)) + ": " +
                  plain_reason(builder.syntax()) + ".");
  }
  return std::nullopt;
}

}  // namespace mxscope
