// SPDX-License-Identifier: GPL-3.0-or-later
#include "plots/min_max_pyramid.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace mxscope::ui {
namespace {

constexpr qsizetype kFan = 8;
constexpr double kNone = std::numeric_limits<double>::quiet_NaN();

void widen(MinMaxPyramid::Extent& extent, const MinMaxPyramid::Extent& other) {
  // fmin and fmax leave NaN out.
  extent.low = std::fmin(extent.low, other.low);
  extent.high = std::fmax(extent.high, other.high);
}

}  // namespace

void MinMaxPyramid::append(const QList<double>& values, qsizetype from) {
  if (m_levels.isEmpty()) {
    m_levels.append(QList<Extent>());
  }
  QList<Extent>& ground = m_levels.first();
  from = std::min(from, ground.size());
  ground.resize(values.size());
  for (qsizetype i = from; i < values.size(); ++i) {
    const double v = std::isfinite(values[i]) ? values[i] : kNone;
    ground[i] = {v, v};
  }
  for (qsizetype level = 1; m_levels[level - 1].size() > kFan; ++level) {
    if (m_levels.size() == level) {
      m_levels.append(QList<Extent>());
    }
    from /= kFan;
    const QList<Extent>& below = m_levels[level - 1];
    QList<Extent>& here = m_levels[level];
    here.resize((below.size() + kFan - 1) / kFan);
    for (qsizetype i = from; i < here.size(); ++i) {
      Extent extent{kNone, kNone};
      for (qsizetype j = i * kFan; j < std::min(below.size(), (i + 1) * kFan); ++j) {
        widen(extent, below[j]);
      }
      here[i] = extent;
    }
  }
}

MinMaxPyramid::Extent MinMaxPyramid::extent(qsizetype begin, qsizetype end) const {
  Extent result{kNone, kNone};
  begin = std::max<qsizetype>(begin, 0);
  end = std::min(end, size());
  qsizetype level = 0;
  while (begin < end) {
    const QList<Extent>& here = m_levels[level];
    const bool top = level + 1 >= m_levels.size() || m_levels[level + 1].isEmpty();
    if (top) {
      while (begin < end) {
        widen(result, here[begin++]);
      }
      break;
    }
    while (begin < end && begin % kFan != 0) {
      widen(result, here[begin++]);
    }
    while (begin < end && end % kFan != 0) {
      widen(result, here[--end]);
    }
    begin /= kFan;
    end /= kFan;
    ++level;
  }
  return result;
}

}  // namespace mxscope::ui
