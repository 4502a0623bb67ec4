// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QPixmap>
#include <QString>
#include <functional>

class QWidget;

// The window brought to each of its states (UX 2.4) the way a user would bring it there: for
// pictures, and for the check that nothing is clipped.
namespace mxscope::ui {

class MainWindow;

namespace screens {

// Called for each state; `dialog` is open over the window, or null.
using Visit = std::function<void(const QString& name, QWidget* dialog)>;

// Lets timers and paint events run for a while, times the pace.
void settle(int milliseconds = 30);
// 1: as fast as the layout settles; pictures take more, so that curves and figures are complete.
void setPace(int pace);
// What the window shows before anything has run: page, builder, dialogs.
void visitStart(MainWindow& window, const Visit& visit);
// The dialogs that any state can open.
void visitDialogs(MainWindow& window, const Visit& visit);
// Cards, table, details and the other tabs of a window that has results.
void visitResults(MainWindow& window, const Visit& visit);
// The bar above the centre: an interrupted job, then a failure over it.
void visitProblems(MainWindow& window, const Visit& visit);
// Only the cards, each as large as it gets.
void visitCards(MainWindow& window, const Visit& visit);

// `window` with `dialog` over its middle, as a screen would show them.
QPixmap picture(QWidget& window, QWidget* dialog);

}  // namespace screens
}  // namespace mxscope::ui
