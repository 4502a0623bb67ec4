// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "plots/cards/result_card.h"

namespace mxscope::ui {

class HeatMap;

// Differences of a sweep: one row per block or linear, one column per format.
class SensitivityCard : public ResultCard {
  Q_OBJECT

 public:
  explicit SensitivityCard(Workspace* workspace, QWidget* parent = nullptr);
  HeatMap* map() const { return m_map; }
  QStringList shownRuns() const override;

 Q_SIGNALS:
  // Places whose cells are selected, to be kept unquantised by a rule.
  void ruleWanted(const QStringList& places);
  void sweepWanted();  // the button of the empty state

 protected:
  void fill() override;

 private:
  QString sweepJob() const;
  HeatMap* m_map;
  QAction* m_rule;
};

}  // namespace mxscope::ui
