// SPDX-License-Identifier: GPL-3.0-or-later
#include "models/paired_delta.h"

#include <cmath>

namespace mxscope::ui {

Metrics runningMetrics(const WindowSums& sums) {
  Metrics metrics;
  double tokens = 0, nll = 0, entropy = 0, kl = 0, top1 = 0;
  double positions = 0, xent = 0, argmaxEntropy = 0;
  for (std::size_t i = 0; i < sums.size(); ++i) {
    tokens += sums.tokens[i];
    nll += sums.nll[i];
    entropy += sums.entropy[i];
    kl += sums.kl[i];
    top1 += sums.top1[i];
    positions += sums.argmaxPositions[i];
    xent += sums.argmaxXent[i];
    argmaxEntropy += sums.argmaxEntropy[i];
  }
  if (tokens > 0) {
    metrics.nll = nll / tokens;
    metrics.ppl = std::exp(nll / tokens);
    metrics.entropy = entropy / tokens;
    metrics.kl = kl / tokens;
    metrics.top1 = top1 / tokens;
  }
  if (positions > 0) {
    metrics.argmaxXent = xent / positions;
    metrics.argmaxPpl = std::exp(xent / positions);
    metrics.argmaxEntropy = argmaxEntropy / positions;
  }
  return metrics;
}

std::optional<Delta> pairedDelta(const Run& run, const Run& baseline) {
  std::vector<double> subject, base, tokens;
  double entropySubject = 0, entropyBase = 0, total = 0;
  std::size_t j = 0;
  const WindowSums& a = run.windows;
  const WindowSums& b = baseline.windows;
  for (std::size_t i = 0; i < a.size(); ++i) {
    while (j < b.size() && b.window[j] < a.window[i]) {
      ++j;
    }
    if (j == b.size()) {
      break;
    }
    if (b.window[j] == a.window[i]) {
      if (a.tokens[i] != b.tokens[j]) {
        return std::nullopt;
      }
      subject.push_back(a.nll[i]);
      base.push_back(b.nll[j]);
      tokens.push_back(a.tokens[i]);
      entropySubject += a.entropy[i];
      entropyBase += b.entropy[j];
      total += a.tokens[i];
    }
  }
  const bool bothFinal = run.state == RunState::kDone && baseline.state == RunState::kDone;
  if (total <= 0 || (bothFinal && (subject.size() != a.size() || subject.size() != b.size()))) {
    return std::nullopt;
  }
  return std::nullopt;
}

}  // namespace mxscope::ui
