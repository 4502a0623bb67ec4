// SPDX-License-Identifier: GPL-3.0-or-later
#include "plots/cards/result_card.h"

#include "plots/cards/run_marks.h"
#include "plots/plot_view.h"

namespace mxscope::ui {
namespace {
constexpr int kPauseMs = 50;
}

ResultCard::ResultCard(const QString& id, const QString& title, PlotView* view,
                       Workspace* workspace, QWidget* parent)
    : PlotCard(id, title, view, parent), m_workspace(workspace) {
  m_timer.setSingleShot(true);
  m_timer.setInterval(kPauseMs);
  connect(&m_timer, &QTimer::timeout, this, [this] {
    if (isVisible()) {
      updateNow();
    }
  });
  connect(workspace, &Workspace::runsAdded, this, &ResultCard::scheduleFill);
  connect(workspace, &Workspace::runsRemoved, this, &ResultCard::scheduleFill);
  connect(workspace, &Workspace::runsChanged, this, &ResultCard::scheduleFill);
  connect(workspace, &Workspace::visibilityChanged, this, &ResultCard::scheduleFill);
  connect(workspace, &Workspace::baselineChanged, this, &ResultCard::scheduleFill);
  connect(workspace, &Workspace::wasReset, this, &ResultCard::scheduleFill);
  connect(workspace, &Workspace::selectionChanged, this, [this] {
    applySelection();
    scheduleFill();
  });
  connect(view, &PlotView::picked, this, [this](const QString& key, bool extend) {
    QSet<QString> selection = extend ? m_workspace->selection() : QSet<QString>();
    if (!key.isEmpty()) {
      if (extend && selection.contains(key)) {
        selection.remove(key);
      } else {
        selection.insert(key);
      }
    }
    m_workspace->setSelection(selection);
  });
  connect(view, &PlotView::activated, this, &ResultCard::runActivated);
  connect(this, &PlotCard::modeChanged, this, &ResultCard::updateNow);
  setInfoProvider([this] {
    PlotInfo info;
    info.fields = exportFields(*m_workspace, shownRuns());
    return info;
  });
}

void ResultCard::scheduleFill() {
  m_dirty = true;
  if (isVisible() && !m_timer.isActive()) {
    m_timer.start();
  }
}

void ResultCard::updateNow() {
  m_timer.stop();
  m_dirty = false;
  fill();
  applySelection();
}

void ResultCard::applySelection() {
  // What is selected but not drawn here must not dim all that is.
  QSet<QString> shown;
  for (const QString& id : shownRuns()) {
    if (m_workspace->selection().contains(id)) {
      shown.insert(id);
    }
  }
  view()->setSelection(shown);
}

void ResultCard::showEvent(QShowEvent* event) {
  PlotCard::showEvent(event);
  if (m_dirty) {
    updateNow();
  }
}

}  // namespace mxscope::ui
