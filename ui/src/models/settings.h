// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QByteArray>
#include <QString>
#include <QStringList>

namespace mxscope::ui {

// What the window remembers between starts (QSettings of the profile) and where it keeps files.
// GUI thread only; every call reads or writes at once.
class Settings {
 public:
  enum class Start { kRun, kPaused };

  // Places everything below `folder` instead of the user's own profile. Call before QApplication.
  static void useProfile(const QString& folder);

  static QString engineCommand();  // empty: the default
  static void setEngineCommand(const QString& command);
  static int themeMode();  // Theme::Mode
  static void setThemeMode(int mode);
  static bool highContrast();
  static void setHighContrast(bool on);
  static int fontPercent();
  static void setFontPercent(int percent);

  static QStringList recentFiles();  // newest first, at most ten
  static void addRecentFile(const QString& path);
  static void removeRecentFile(const QString& path);

  // Layout of the window; empty when it was saved by another layout version.
  static QByteArray windowState();
  static QByteArray windowGeometry();
  static void setWindow(const QByteArray& state, const QByteArray& geometry);
  static void forgetWindow();
  // Columns, groups and modes of table and cards, as JSON; empty when there are none.
  static QByteArray views();
  static void setViews(const QByteArray& json);

  // $XDG_DATA_HOME/mxscope: results of finished jobs. Made when missing.
  static QString dataFolder();
  // $XDG_STATE_HOME/mxscope: autosave and log. Made when missing.
  static QString stateFolder();
  // The share folder of the installed program, or `resources` of the source tree; empty: none.
  static QString resourceFolder();
};

}  // namespace mxscope::ui
