// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QStringList>

class QWidget;

namespace mxscope::ui::screens {

// What is clipped or lies over something else in `top`, as sentences naming the widget: texts that
// are wider or higher than their place and neither elided nor told by a tool tip, neighbours that
// overlap, children that stick out of their parent. Looks at what is visible only.
QStringList layoutProblems(const QWidget& top);

}  // namespace mxscope::ui::screens
