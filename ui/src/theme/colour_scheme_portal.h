// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QObject>

class QDBusVariant;

namespace mxscope::ui {

// The desktop's wish for dark or light windows, read from the settings portal
// (org.freedesktop.appearance color-scheme). Without a session bus or portal it stays light.
class ColourSchemePortal : public QObject {
  Q_OBJECT

 public:
  explicit ColourSchemePortal(QObject* parent = nullptr);
  bool dark() const { return m_dark; }

 Q_SIGNALS:
  void schemeChanged();

 private Q_SLOTS:
  void settingChanged(const QString& space, const QString& key, const QDBusVariant& value);

 private:
  void take(const QVariant& value);
  bool m_dark = false;
};

}  // namespace mxscope::ui
