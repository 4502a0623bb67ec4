// SPDX-License-Identifier: Apache-2.0
#include "mxscope/core/data/windows.h"

#include <algorithm>
#include <limits>

#include "mxscope/core/base/error.h"
#include "mxscope/core/base/sha256.h"

namespace mxscope {
namespace {

using Protocol = WindowPlan::Protocol;

[[noreturn]] void refuse(const std::string& message) {
  throw Error(ErrorCode::kInvalidInput, message);
}

std::string plural(std::int64_t count, const std::string& noun) {
  return std::to_string(count) + " " + noun + (count == 1 ? "" : "s");
}

std::int32_t begin_id(const WindowPlan& plan, const Tokenizer& tokenizer) {
  if (tokenizer.bos_id()) {
    return *tokenizer.bos_id();
  }
  if (plan.limits.bos_id) {
    return *plan.limits.bos_id;
  }
  refuse("protocol.bos is '" + std::string(to_string(plan.bos)) + "', and tokenizer '" +
         tokenizer.name() + "' names no begin token; use 'tokenizer' or 'none'.");
}

std::int32_t end_id(const WindowPlan& plan, const Tokenizer& tokenizer) {
  if (tokenizer.eos_id()) {
    return *tokenizer.eos_id();
  }
  if (plan.limits.eos_id) {
    return *plan.limits.eos_id;
  }
  refuse("Protocol 'seed' pads with the end token, and neither tokenizer '" + tokenizer.name() +
         "' nor the model's config.json names one.");
}

bool adds_begin(BosMode bos) { return bos == BosMode::kOnce || bos == BosMode::kEach; }

void put_in_front(Encoding& encoding, std::int32_t id) {
  encoding.ids.insert(encoding.ids.begin(), id);
  encoding.ends.insert(encoding.ends.begin(), 0);
}

// Bytes of the tokens [first, last) of a text.
std::int64_t bytes_between(const std::vector<std::uint32_t>& ends, std::size_t first,
                           std::size_t last) {
  const std::int64_t before = first == 0 ? 0 : ends[first - 1];
  return last <= first ? 0 : static_cast<std::int64_t>(ends[last - 1]) - before;
}

Encoding encode_joined(const WindowPlan& plan, std::span<const std::string> samples,
                       const Tokenizer& tokenizer) {
  const bool add_special = plan.bos == BosMode::kTokenizer;
  if (samples.size() == 1) {
    return tokenizer.encode_with_ends(samples[0], add_special);
  }
  std::size_t size = plan.join.size() * (samples.size() - 1);
  for (const std::string& sample : samples) {
    size += sample.size();
  }
  std::string text;
  text.reserve(size);
  for (std::size_t i = 0; i < samples.size(); ++i) {
    text += i == 0 ? "" : plan.join;
    text += samples[i];
  }
  return tokenizer.encode_with_ends(text, add_special);
}

class Builder {
 public:
  Builder(const WindowPlan& plan, std::span<const std::string> samples, const Tokenizer& tokenizer)
      : plan_(plan), samples_(samples), tokenizer_(tokenizer) {}

  TokenWindows build() {
    switch (plan_.protocol) {
      case Protocol::kWindows:
      case Protocol::kConcat2048:
      case Protocol::kLlamaCpp:
        cut_rows();
        break;
      case Protocol::kSliding:
        slide();
        break;
      case Protocol::kSeed:
        pad_samples();
        break;
      case Protocol::kDocuments:
        take_documents();
        break;
    }
    finish();
    return std::move(out_);
  }

 private:
  bool full() const {
    return plan_.max_windows && out_.windows.size() >= static_cast<std::size_t>(*plan_.max_windows);
  }

  // `windows`, `concat2048` and `llama.cpp`: disjoint rows of equal length over the joined text.
  void cut_rows() {
    Encoding text = encode_joined(plan_, samples_, tokenizer_);
    const bool llama = plan_.protocol == Protocol::kLlamaCpp;
    std::optional<std::int32_t> row_begin;  // stands at position 0 of every row
    if (plan_.bos == BosMode::kEach) {
      row_begin = begin_id(plan_, tokenizer_);
    } else if (llama && plan_.bos == BosMode::kTokenizer) {
      row_begin = tokenizer_.added_first_id();
    }
    // llama.cpp puts its begin token over a row's first token; elsewhere it stands before the text.
    const bool inserts = plan_.bos == BosMode::kEach && !llama;
    if (adds_begin(plan_.bos) && !inserts) {
      put_in_front(text, begin_id(plan_, tokenizer_));
    }
    const auto total = static_cast<std::int64_t>(text.ids.size());
    const std::int64_t step = plan_.context - (inserts ? 1 : 0);
    std::int64_t rows = total / step;
    if (rows == 0) {
      refuse("The text has " + plural(total, "token") + "; protocol '" + plan_.name + "' needs " +
             std::to_string(step) + " for one window.");
    }
    if (plan_.max_windows) {
      rows = std::min(rows, *plan_.max_windows);
    }
    const auto length = static_cast<std::int32_t>(plan_.context);
    const std::int32_t score_begin = llama ? length / 2 : 0;
    for (std::int64_t row = 0; row < rows; ++row) {
      const auto first = static_cast<std::size_t>(row * step);
      WindowSpan window;
      window.offset = out_.ids.size();
      window.length = window.valid = length;
      window.score_begin = score_begin;
      window.score_end = length - 1;
      window.weight = window.scored();
      // Target of position p is text token first + p + 1, one less behind an inserted begin token.
      const std::size_t target = first + (inserts ? 0 : 1);
      window.bytes = bytes_between(text.ends, target + static_cast<std::size_t>(score_begin),
                                   target + static_cast<std::size_t>(length - 1));
      if (inserts) {
        out_.ids.push_back(*row_begin);
      }
      const auto begin = text.ids.begin() + static_cast<std::ptrdiff_t>(first);
      out_.ids.insert(out_.ids.end(), begin, begin + step);
      if (row_begin) {
        out_.ids[window.offset] = *row_begin;
      }
      out_.windows.push_back(window);
    }
    out_.text_tokens = total;
    out_.dropped_tokens = total - rows * step;
  }

  // The guide of Hugging Face: every token is scored once, with up to `context` tokens before it.
  void slide() {
    Encoding text = encode_joined(plan_, samples_, tokenizer_);
    if (adds_begin(plan_.bos)) {
      put_in_front(text, begin_id(plan_, tokenizer_));
    }
    const auto total = static_cast<std::int64_t>(text.ids.size());
    if (total < 2) {
      refuse("The text has " + plural(total, "token") + "; protocol 'sliding' needs 2.");
    }
    std::int64_t scored_to = 0;
    for (std::int64_t begin = 0; scored_to < total && !full(); begin += plan_.stride) {
      const std::int64_t end = std::min(begin + plan_.context, total);
      const std::int64_t labels = end - scored_to;  // tokens past the previous row's end
      WindowSpan window;
      window.offset = static_cast<std::size_t>(begin);
      window.length = window.valid = static_cast<std::int32_t>(end - begin);
      // The row's first token has no predecessor in the row.
      const std::int64_t first_target = std::max<std::int64_t>(1, scored_to - begin);
      window.score_begin = static_cast<std::int32_t>(first_target - 1);
      window.score_end = window.length - 1;
      window.weight = static_cast<double>(labels - 1);
      window.bytes = bytes_between(text.ends, static_cast<std::size_t>(begin + first_target),
                                   static_cast<std::size_t>(end));
      scored_to = end;
      out_.windows.push_back(window);
    }
    text.ids.resize(static_cast<std::size_t>(scored_to));
    out_.ids = std::move(text.ids);
    out_.text_tokens = total;
    out_.dropped_tokens = total - scored_to;
  }

  // Tokens of one sample, at most `context`; counts those that were cut off.
  Encoding encode_sample(const std::string& sample) {
    const bool add_special = plan_.bos == BosMode::kTokenizer;
    const auto context = static_cast<std::size_t>(plan_.context);
    Encoding encoding = tokenizer_.encode_with_ends(sample, add_special);
    if (adds_begin(plan_.bos)) {
      put_in_front(encoding, begin_id(plan_, tokenizer_));
    }
    out_.text_tokens += static_cast<std::int64_t>(encoding.ids.size());
    if (encoding.ids.size() > context) {
      out_.dropped_tokens += static_cast<std::int64_t>(encoding.ids.size() - context);
      ++truncated_;
      if (add_special) {
        // A template may end a text with a token, which truncation keeps.
        encoding = tokenizer_.encode_with_ends(sample, true, context);
      }
      // A template alone can be longer than the context.
      encoding.ids.resize(std::min(encoding.ids.size(), context));
      encoding.ends.resize(encoding.ids.size());
    }
    return encoding;
  }

  void take_documents() {
    for (std::size_t i = 0; i < samples_.size() && !full(); ++i) {
      const Encoding encoding = encode_sample(samples_[i]);
      if (encoding.ids.size() < 2) {
        ++out_.skipped_samples;
        out_.dropped_tokens += static_cast<std::int64_t>(encoding.ids.size());
        continue;
      }
      WindowSpan window;
      window.offset = out_.ids.size();
      window.length = window.valid = static_cast<std::int32_t>(encoding.ids.size());
      window.score_end = window.length - 1;
      window.weight = window.scored();
      window.bytes = bytes_between(encoding.ends, 1, encoding.ends.size());
      window.sample = static_cast<std::int64_t>(i);
      out_.ids.insert(out_.ids.end(), encoding.ids.begin(), encoding.ids.end());
      out_.windows.push_back(window);
    }
    if (out_.windows.empty()) {
      refuse("None of the " + plural(static_cast<std::int64_t>(samples_.size()), "sample") +
             " has 2 tokens; protocol 'documents' needs that many to predict one.");
    }
    if (out_.skipped_samples > 0) {
      out_.warnings.push_back(plural(out_.skipped_samples, "sample") + " of fewer than 2 tokens " +
                              (out_.skipped_samples == 1 ? "was" : "were") + " skipped.");
    }
    warn_truncated();
  }

  void pad_samples() {
    out_.scores_next_token = false;
    out_.pad_id = end_id(plan_, tokenizer_);
    for (std::size_t i = 0; i < samples_.size() && !full(); ++i) {
      const Encoding encoding = encode_sample(samples_[i]);
      WindowSpan window;
      window.offset = out_.ids.size();
      window.length = static_cast<std::int32_t>(plan_.context);
      window.valid = static_cast<std::int32_t>(encoding.ids.size());
      window.sample = static_cast<std::int64_t>(i);
      out_.ids.insert(out_.ids.end(), encoding.ids.begin(), encoding.ids.end());
      out_.ids.resize(window.offset + static_cast<std::size_t>(plan_.context), out_.pad_id);
      out_.windows.push_back(window);
    }
    warn_truncated();
  }

  void warn_truncated() {
    if (truncated_ > 0) {
      out_.warnings.push_back(plural(truncated_, "sample") + " longer than " +
                              std::to_string(plan_.context) + " tokens " +
                              (truncated_ == 1 ? "was" : "were") + " cut; " +
                              plural(out_.dropped_tokens, "token") + " in all are left out.");
    }
  }

  void finish() {
    for (const WindowSpan& window : out_.windows) {
      out_.max_length = std::max(out_.max_length, window.length);
      out_.scored_tokens += window.scored();
    }
    check_vocabulary();
    const auto found = static_cast<std::int64_t>(out_.windows.size());
    if (plan_.max_windows && found < *plan_.max_windows) {
      out_.warnings.push_back("protocol.max_windows is " + std::to_string(*plan_.max_windows) +
                              "; the text gives " + plural(found, "window") + ".");
    }
    out_.token_ids_sha256 = hash_windows(out_);
  }

  void check_vocabulary() const {
    const std::int64_t vocab = plan_.limits.vocab_size;
    for (const std::int32_t id : out_.ids) {
      if (id < 0 || (vocab > 0 && id >= vocab)) {
        refuse("Tokenizer '" + tokenizer_.name() + "' gives the token id " + std::to_string(id) +
               ", which is outside the model's vocabulary of " + std::to_string(vocab) +
               " tokens; it is not this model's tokenizer.");
      }
    }
  }

  const WindowPlan& plan_;
  std::span<const std::string> samples_;
  const Tokenizer& tokenizer_;
  std::int64_t truncated_ = 0;
  TokenWindows out_;
};

}  // namespace

TokenWindows make_windows(const WindowPlan& plan, std::span<const std::string> samples,
                          const Tokenizer& tokenizer) {
  if (samples.empty()) {
    refuse("The data holds no samples.");
  }
  return Builder(plan, samples, tokenizer).build();
}

std::string hash_windows(const TokenWindows& windows) {
  Sha256 hash;
  for (std::size_t i = 0; i < windows.windows.size(); ++i) {
    hash.update_le32(static_cast<std::uint32_t>(windows.windows[i].length));
    hash.update_le32(static_cast<std::uint32_t>(windows.windows[i].valid));
    for (const std::int32_t id : windows.row(i)) {
      hash.update_le32(static_cast<std::uint32_t>(id));
    }
  }
  return hash.hex();
}

}  // namespace mxscope
