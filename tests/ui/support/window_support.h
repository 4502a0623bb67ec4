// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QAction>
#include <QElapsedTimer>
#include <QFile>
#include <QMenu>
#include <QMenuBar>
#include <QTemporaryDir>
#include <QTimer>
#include <QtTest>
#include <algorithm>

#include "models/settings.h"
#include "models/workspace.h"
#include "mxscope/ui/main_window.h"
#include "theme/theme.h"

// What tests of the whole window share.
namespace mxscope::ui::testing {

// Measures how late a timer of 10 ms on this thread comes, while it lives. Time in which the thread
// was ready and other programs had the processors is counted apart: it is the machine's.
class Heartbeat : public QObject {
 public:
  Heartbeat() {
    m_timer.setTimerType(Qt::PreciseTimer);
    m_timer.setInterval(kMilliseconds);
    connect(&m_timer, &QTimer::timeout, this, [this] { beat(); });
    restart();
    m_timer.start();
  }
  // The latest beat so far, in milliseconds behind its time; counts the one that is due as well.
  [[nodiscard]] qint64 latest() {
    beat();
    return m_latest;
  }
  // The same with the time in which the thread waited for a processor.
  [[nodiscard]] qint64 latestWithWaiting() const { return m_latestWithWaiting; }
  [[nodiscard]] int beats() const { return m_beats; }
  void restart() {
    m_latest = m_latestWithWaiting = 0;
    m_beats = 0;
    m_waited = waited();
    m_clock.restart();
  }

 private:
  static constexpr int kMilliseconds = 10;
  // Milliseconds that this thread waited for a processor so far; 0 where the kernel does not tell.
  static double waited() {
    QFile file(QStringLiteral("/proc/thread-self/schedstat"));
    return file.open(QIODevice::ReadOnly | QIODevice::Unbuffered)
               ? file.readAll().split(' ').value(1).toDouble() / 1e6
               : 0;
  }
  void beat() {
    const double now = waited();
    const qint64 late = m_clock.restart() - kMilliseconds;
    m_latestWithWaiting = std::max(m_latestWithWaiting, late);
    m_latest = std::max(m_latest, late - qint64(now - m_waited));
    m_waited = now;
    ++m_beats;
  }
  QTimer m_timer;
  QElapsedTimer m_clock;
  qint64 m_latest = 0, m_latestWithWaiting = 0;
  double m_waited = 0;
  int m_beats = 0;
};

inline bool writeText(const QString& path, const QByteArray& text) {
  QFile file(path);
  return file.open(QIODevice::WriteOnly) && file.write(text) == text.size();
}

inline QByteArray readText(const QString& path) {
  QFile file(path);
  return file.open(QIODevice::ReadOnly) ? file.readAll() : QByteArray();
}

inline QAction* command(const MainWindow& window, const char* name) {
  return window.findChild<QAction*>(QLatin1String(name));
}

// A new profile for the windows made next; the folder has to outlive them.
inline void useFreshProfile(const QTemporaryDir& folder) {
  Settings::useProfile(folder.path());
  // QSettings keeps what it has read of the profile before.
  QSettings::setPath(QSettings::NativeFormat, QSettings::UserScope,
                     folder.filePath(QStringLiteral("config")));
}

// Every action of the menu bar that does something, through all submenus.
inline QList<QAction*> leafActions(const QList<QAction*>& actions) {
  QList<QAction*> leaves;
  for (QAction* action : actions) {
    if (action->menu() && action->menu()->title().contains(QLatin1String("recent"))) {
      continue;  // files, not commands
    }
    if (action->menu()) {
      leaves << leafActions(action->menu()->actions());
    } else if (!action->isSeparator()) {
      leaves << action;
    }
  }
  return leaves;
}

}  // namespace mxscope::ui::testing
