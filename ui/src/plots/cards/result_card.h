// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QTimer>

#include "models/workspace.h"
#include "plots/plot_card.h"

namespace mxscope::ui {

// A card fed from the workspace: takes the data anew at most 20 times a second and only while it is
// seen, shares the selection, and names the runs in exports.
class ResultCard : public PlotCard {
  Q_OBJECT

 public:
  ResultCard(const QString& id, const QString& title, PlotView* view, Workspace* workspace,
             QWidget* parent = nullptr);
  // Takes over what changed now, seen or not.
  void updateNow();
  // Runs that the plot shows, in its order.
  virtual QStringList shownRuns() const = 0;

 Q_SIGNALS:
  void runActivated(const QString& runId);  // Enter or double click: open its details

 protected:
  virtual void fill() = 0;
  void scheduleFill();
  void applySelection();
  void showEvent(QShowEvent* event) override;
  Workspace* const m_workspace;

 private:
  QTimer m_timer;
  bool m_dirty = true;
};

}  // namespace mxscope::ui
