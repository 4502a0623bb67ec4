// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "plots/cards/result_card.h"

namespace mxscope::ui {

class ScatterPlot;

// Size of the weights against what quantisation costs.
class TradeoffCard : public ResultCard {
  Q_OBJECT

 public:
  explicit TradeoffCard(Workspace* workspace, QWidget* parent = nullptr);
  ScatterPlot* scatter() const { return m_scatter; }
  QStringList shownRuns() const override;

 protected:
  void fill() override;

 private:
  ScatterPlot* m_scatter;
};

}  // namespace mxscope::ui
