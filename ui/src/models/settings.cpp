// SPDX-License-Identifier: GPL-3.0-or-later
#include "models/settings.h"

#include <QCoreApplication>
#include <QDir>
#include <QFileInfo>
#include <QSettings>
#include <QStandardPaths>

namespace mxscope::ui {

namespace {

constexpr int kLayoutVersion = 1;
constexpr qsizetype kRecentFiles = 10;

QString made(const QString& folder) {
  QDir().mkpath(folder);
  return folder;
}

}  // namespace

void Settings::useProfile(const QString& folder) {
  const QByteArray base = QFileInfo(folder).absoluteFilePath().toUtf8();
  qputenv("XDG_CONFIG_HOME", base + "/config");
  qputenv("XDG_DATA_HOME", base + "/data");
  qputenv("XDG_STATE_HOME", base + "/state");
}

QString Settings::engineCommand() {
  return QSettings().value(QStringLiteral("engine/command")).toString();
}

void Settings::setEngineCommand(const QString& command) {
  QSettings().setValue(QStringLiteral("engine/command"), command);
}

int Settings::themeMode() { return QSettings().value(QStringLiteral("look/theme"), 0).toInt(); }

void Settings::setThemeMode(int mode) { QSettings().setValue(QStringLiteral("look/theme"), mode); }

bool Settings::highContrast() {
  return QSettings().value(QStringLiteral("look/contrast"), false).toBool();
}

void Settings::setHighContrast(bool on) {
  QSettings().setValue(QStringLiteral("look/contrast"), on);
}

int Settings::fontPercent() { return QSettings().value(QStringLiteral("look/font"), 100).toInt(); }

void Settings::setFontPercent(int percent) {
  QSettings().setValue(QStringLiteral("look/font"), percent);
}

QStringList Settings::recentFiles() {
  return QSettings().value(QStringLiteral("files/recent")).toStringList();
}

void Settings::addRecentFile(const QString& path) {
  QStringList files = recentFiles();
  const QString absolute = QFileInfo(path).absoluteFilePath();
  files.removeAll(absolute);
  files.prepend(absolute);
  QSettings().setValue(QStringLiteral("files/recent"), QStringList(files.mid(0, kRecentFiles)));
}

void Settings::removeRecentFile(const QString& path) {
  QStringList files = recentFiles();
  files.removeAll(path);
  QSettings().setValue(QStringLiteral("files/recent"), files);
}

QByteArray Settings::windowState() {
  const QSettings settings;
  return settings.value(QStringLiteral("window/version")).toInt() == kLayoutVersion
             ? settings.value(QStringLiteral("window/state")).toByteArray()
             : QByteArray();
}

QByteArray Settings::windowGeometry() {
  return QSettings().value(QStringLiteral("window/geometry")).toByteArray();
}

void Settings::setWindow(const QByteArray& state, const QByteArray& geometry) {
  QSettings settings;
  settings.setValue(QStringLiteral("window/version"), kLayoutVersion);
  settings.setValue(QStringLiteral("window/state"), state);
  settings.setValue(QStringLiteral("window/geometry"), geometry);
}

QByteArray Settings::views() {
  return QSettings().value(QStringLiteral("window/views")).toByteArray();
}

void Settings::setViews(const QByteArray& json) {
  if (json != views()) {
    QSettings().setValue(QStringLiteral("window/views"), json);
  }
}

void Settings::forgetWindow() { QSettings().remove(QStringLiteral("window")); }

QString Settings::dataFolder() {
  return made(QStandardPaths::writableLocation(QStandardPaths::GenericDataLocation) +
              QLatin1String("/mxscope"));
}

QString Settings::stateFolder() {
  QString base = qEnvironmentVariable("XDG_STATE_HOME");
  if (base.isEmpty()) {
    base = QDir::homePath() + QLatin1String("/.local/state");
  }
  return made(base + QLatin1String("/mxscope"));
}

QString Settings::resourceFolder() {
  const QString program = QCoreApplication::applicationDirPath();
  const QStringList candidates = {
      qEnvironmentVariable("MXSCOPE_RESOURCES"), program + QLatin1String("/../share/mxscope"),
      program + QLatin1String("/../../resources"), program + QLatin1String("/resources"),
      QStringLiteral(MXSCOPE_SOURCE_RESOURCES)};
  for (const QString& candidate : candidates) {
    if (!candidate.isEmpty() && QFileInfo::exists(candidate + QLatin1String("/demo"))) {
      return QDir(candidate).canonicalPath();
    }
  }
  return {};
}

}  // namespace mxscope::ui
