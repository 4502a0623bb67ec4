// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QList>

namespace mxscope::ui {

// Smallest and largest value of any index range in logarithmic time, so that a repaint costs the
// same for a minute and for ten hours of data. NaN is left out; an empty range gives NaN.
class MinMaxPyramid {
 public:
  struct Extent {
    double low, high;
  };
  MinMaxPyramid() = default;
  explicit MinMaxPyramid(const QList<double>& values) { append(values, 0); }
  // Takes over values[from...]; values before `from` must be those given before.
  void append(const QList<double>& values, qsizetype from);
  qsizetype size() const { return m_levels.isEmpty() ? 0 : m_levels.first().size(); }
  Extent extent(qsizetype begin, qsizetype end) const;  // [begin, end)

 private:
  QList<QList<Extent>> m_levels;  // level k: blocks of 8^k values
};

}  // namespace mxscope::ui
