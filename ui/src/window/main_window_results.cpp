// SPDX-License-Identifier: GPL-3.0-or-later
// Cards, results and details, and the commands that belong to them.
#include <QMenu>

#include "plots/plot_card.h"
#include "window/card_area.h"
#include "window/main_window_impl.h"

namespace mxscope::ui {

void MainWindow::Impl::buildCards() { m_cards = new CardArea(m_centre); }

void MainWindow::Impl::buildResultActions(QMenu* menu) {
  menu->addAction(action(QStringLiteral("resultsResetBaseline"), tr("Reset the &baseline"),
                         QStringLiteral("star"), {}, [this] { m_workspace.resetBaseline(); }));
}

void MainWindow::Impl::focusResultsFilter() {}

bool writePlot(const QString& kind, const QString& results, const QString& output, QString* error) {
  Q_UNUSED(results)
  Q_UNUSED(output)
  *error = QObject::tr("there is no plot %1").arg(kind);
  return false;
}

}  // namespace mxscope::ui
