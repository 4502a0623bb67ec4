// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "plots/cards/result_card.h"
#include "plots/cards/run_marks.h"

class QComboBox;

namespace mxscope::ui {

class BarPlot;

// Bars of one figure (perplexity, cross entropy, entropy, KL, same top token) by run, as value,
// difference or per cent.
class MetricCard : public ResultCard {
  Q_OBJECT

 public:
  explicit MetricCard(Workspace* workspace, QWidget* parent = nullptr);
  void setMeasure(Measure measure);
  Measure measure() const;
  BarPlot* bars() const { return m_bars; }
  QStringList shownRuns() const override;
  QJsonObject saveState() const override;
  void restoreState(const QJsonObject& state) override;

 protected:
  void fill() override;

 private:
  void measureChanged();
  BarPlot* m_bars;
  QComboBox* m_measure;
};

}  // namespace mxscope::ui
