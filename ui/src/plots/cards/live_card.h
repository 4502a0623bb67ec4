// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "plots/cards/result_card.h"

namespace mxscope::ui {

class LivePlot;

// Running figures of all variants of the job that runs (or of the selected runs' jobs) against the
// tokens evaluated.
class LiveCard : public ResultCard {
  Q_OBJECT

 public:
  explicit LiveCard(Workspace* workspace, QWidget* parent = nullptr);
  LivePlot* curves() const { return m_curves; }
  QStringList shownRuns() const override;

 protected:
  void fill() override;

 private:
  QStringList shownJobs() const;
  LiveSeries seriesOf(const Run& run) const;
  LivePlot* m_curves;
  QToolButton* m_follow;
};

}  // namespace mxscope::ui
