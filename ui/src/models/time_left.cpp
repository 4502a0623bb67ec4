// SPDX-License-Identifier: GPL-3.0-or-later
#include "models/time_left.h"

namespace mxscope::ui {

namespace {

constexpr double kWindow = 10;        // seconds that the rate is taken over
constexpr double kQuiet = 3;          // seconds before anything is told
constexpr double kBetween = 1;        // numbers that change more often cannot be read
constexpr double kMessages = 20;      // results that an engine sends in a second, DESIGN.md 6
constexpr std::size_t kFewest = 8;    // samples that are kept however old they are
constexpr std::size_t kMost = 10000;  // and that are kept at all

}  // namespace

void TimeLeft::begin(int runs) {
  *this = TimeLeft();
  m_runs = runs;
}

void TimeLeft::addProgress(double now, double done, double total) {
  m_total = total;
  if (m_samples.empty()) {
    m_first = now;
  } else if (done < m_samples.back().done) {
    m_samples.clear();  // a panel that did not fit is done again
  } else if (done == m_samples.back().done) {
    return;
  }
  m_samples.push_back({now, done});
  while (m_samples.size() > kMost ||
         (m_samples.size() > kFewest && now - m_samples[1].time >= kWindow)) {
    m_samples.pop_front();
  }
}

bool TimeLeft::tell(double now) {
  if (m_samples.size() < 2 || now - m_first < kQuiet || (m_seconds && now - m_told < kBetween)) {
    return false;
  }
  const Sample& from = m_samples.front();
  const Sample& to = m_samples.back();
  if (to.time <= from.time) {
    return false;
  }
  const double rate = (to.done - from.done) / (to.time - from.time);
  const double computing = (m_total - to.done) / rate - (m_total > to.done ? now - to.time : 0);
  m_seconds = (computing > 0 ? computing : 0) + (m_runs - m_results) / kMessages;
  m_told = now;
  return true;
}

}  // namespace mxscope::ui
