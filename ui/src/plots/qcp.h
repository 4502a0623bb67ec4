// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

// The only file that includes <qcustomplot.h>, whose header needs the Qt keywords that the project
// switches off because a library header may use `slots` as a name. Include it in .cpp files only.
#include <QObject>
#include <QPainter>
#include <QtPrintSupport/QtPrintSupport>
#ifdef QT_NO_KEYWORDS
#define signals Q_SIGNALS
#define slots Q_SLOTS
#define emit Q_EMIT
#define foreach Q_FOREACH
#endif
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wshadow"
#include <qcustomplot.h>
#pragma GCC diagnostic pop
#ifdef QT_NO_KEYWORDS
#undef signals
#undef slots
#undef emit
#undef foreach
#endif
