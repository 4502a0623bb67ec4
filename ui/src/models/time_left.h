// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <deque>
#include <optional>

namespace mxscope::ui {

// Estimates how long a running job still takes (UX.md 2.8): from the work units that it finished in
// the last ten seconds. What came before its first progress, such as reading the model, is not
// part of the rate. Times are seconds of a clock that only goes forward.
class TimeLeft {
 public:
  // A job begins or goes on; its `runs` results come at the end, which takes time too.
  void begin(int runs);
  void addProgress(double now, double done, double total);
  void addResult() { m_results += m_results < m_runs ? 1 : 0; }
  // True at most once a second, and never within three seconds of the first progress: what
  // seconds() then says may be shown.
  [[nodiscard]] bool tell(double now);
  [[nodiscard]] std::optional<double> seconds() const { return m_seconds; }

 private:
  struct Sample {
    double time, done;
  };
  std::deque<Sample> m_samples;  // ascending, the last ten seconds
  double m_total = 0;
  double m_first = 0;  // time of the first progress
  double m_told = 0;
  int m_runs = 0, m_results = 0;
  std::optional<double> m_seconds;  // as told
};

}  // namespace mxscope::ui
