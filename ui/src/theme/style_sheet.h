// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QString>

namespace mxscope::ui {

struct Tokens;

// The style sheet of the whole application. Roles that widgets may take with setProperty:
//   QLabel  role = title | heading | dim | small | better | worse | warning | headline
//   QPushButton / QToolButton  role = primary | flat | link;  segment = first | middle | last |
//   only QFrame  role = card | banner-error | banner-warning | chip QLineEdit  invalid = true
QString styleSheet(const Tokens& tokens, double fontScale, int lineHeight);

}  // namespace mxscope::ui
