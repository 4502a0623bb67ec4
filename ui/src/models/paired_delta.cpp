// SPDX-License-Identifier: GPL-3.0-or-later
#include "models/paired_delta.h"

#include <QCoreApplication>

#include "mxscope/core/base/error.h"

namespace mxscope::ui {

std::optional<Delta> pairedDelta(const Run& run, const Run& baseline,
                                 const mxscope::IntervalOptions& options) {
  const WindowSeries& a = run.windows;
  const WindowSeries& b = baseline.windows;
  std::vector<mxscope::WindowSums> subject, base;
  for (std::size_t i = 0, j = 0; i < a.size() && j < b.size();) {
    if (a.indices[i] < b.indices[j]) {
      ++i;
    } else if (b.indices[j] < a.indices[i]) {
      ++j;
    } else {
      if (a.sums[i].tokens != b.sums[j].tokens) {
        return std::nullopt;
      }
      subject.push_back(a.sums[i++]);
      base.push_back(b.sums[j++]);
    }
  }
  const bool bothFinal = run.state == RunState::kDone && baseline.state == RunState::kDone;
  if (subject.empty() ||
      (bothFinal && (subject.size() != a.size() || subject.size() != b.size()))) {
    return std::nullopt;
  }
  try {
    return mxscope::compute_delta(subject, base, options);
  } catch (const mxscope::Error&) {
    return std::nullopt;
  }
}

QString describeInterval(const Delta& delta, std::size_t windows) {
  const auto count = QString::number(windows);
  switch (delta.method) {
    case mxscope::IntervalMethod::kStudent:
      return QCoreApplication::translate("Interval", "95 %, paired t over %1 windows").arg(count);
    case mxscope::IntervalMethod::kNormal:
      return QCoreApplication::translate("Interval", "95 %, paired normal over %1 windows")
          .arg(count);
    case mxscope::IntervalMethod::kBootstrap:
      return QCoreApplication::translate("Interval", "95 %, bootstrap of %1 draws, seed %2")
          .arg(delta.draws)
          .arg(delta.seed);
    case mxscope::IntervalMethod::kNone:
      break;
  }
  return QCoreApplication::translate("Interval", "no interval: fewer than 2 windows");
}

}  // namespace mxscope::ui
