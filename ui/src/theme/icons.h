// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QIcon>
#include <QString>

namespace mxscope::ui {

// A line icon of resources/icons by its stem ("play", "copy"), drawn in the text colour of the
// theme that is current when it is painted, so it never needs to be made anew. An unknown name
// gives an empty icon and a warning on stderr.
QIcon icon(const QString& name);

// As icon(), in the colour of text on the accent (for primary buttons).
QIcon iconOnAccent(const QString& name);

// The program's own, coloured icon.
QIcon applicationIcon();

}  // namespace mxscope::ui
