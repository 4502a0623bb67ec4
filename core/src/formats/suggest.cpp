// SPDX-License-Identifier: Apache-2.0
#include "mxscope/core/formats/suggest.h"

#include <algorithm>
#include <cstddef>
#include <vector>

namespace mxscope {
namespace {

// Longer words are no slips of a key, and the table of distances grows with the square.
constexpr std::size_t kLongestWord = 64;

std::string fold(std::string_view word) {
  std::string folded(word);
  for (char& c : folded) {
    if (c >= 'A' && c <= 'Z') {
      c = static_cast<char>(c - 'A' + 'a');
    } else if (c == '-') {
      c = '_';
    }
  }
  return folded;
}

// Insertions, deletions, replacements and swaps of neighbours that turn a into b.
std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::vector<std::size_t>> cost(a.size() + 1, std::vector<std::size_t>(b.size() + 1));
  for (std::size_t i = 0; i <= a.size(); ++i) {
    cost[i][0] = i;
  }
  for (std::size_t j = 0; j <= b.size(); ++j) {
    cost[0][j] = j;
  }
  for (std::size_t i = 1; i <= a.size(); ++i) {
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t replace = cost[i - 1][j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
      cost[i][j] = std::min({cost[i - 1][j] + 1, cost[i][j - 1] + 1, replace});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
        cost[i][j] = std::min(cost[i][j], cost[i - 2][j - 2] + 1);
      }
    }
  }
  return cost[a.size()][b.size()];
}

}  // namespace

std::string_view suggest(std::string_view word, std::span<const std::string_view> candidates) {
  if (word.empty() || word.size() > kLongestWord) {
    return {};
  }
  const std::string wanted = fold(word);
  std::size_t best = std::max<std::size_t>(1, word.size() / 3) + 1;
  std::string_view nearest;
  std::string_view containing;
  int containing_count = 0;
  for (const std::string_view candidate : candidates) {
    const std::string folded = fold(candidate);
    const std::size_t distance = edit_distance(wanted, folded);
    // Replacing every letter makes anything of anything.
    if (distance < best && (distance < wanted.size() || distance == 0)) {
      best = distance;
      nearest = candidate;
    }
    if (wanted.size() >= 3 && folded.find(wanted) != std::string::npos) {
      containing = candidate;
      ++containing_count;
    }
  }
  if (!nearest.empty()) {
    return nearest;
  }
  return containing_count == 1 ? containing : std::string_view();
}

std::string suggestion(std::string_view word, std::span<const std::string_view> candidates) {
  const std::string_view found = suggest(word, candidates);
  return found.empty() ? std::string() : " Did you mean '" + std::string(found) + "'?";
}

std::string join_choices(std::span<const std::string_view> choices) {
  std::string text;
  for (std::size_t i = 0; i < choices.size(); ++i) {
    if (i > 0) {
      text += i + 1 == choices.size() ? " or " : ", ";
    }
    text += choices[i];
  }
  return text;
}

}  // namespace mxscope
