// SPDX-License-Identifier: GPL-3.0-or-later
#include "theme/colour_scheme_portal.h"

#include <QDBusConnection>
#include <QDBusMessage>
#include <QDBusPendingCallWatcher>
#include <QDBusPendingReply>
#include <QDBusVariant>

using namespace Qt::StringLiterals;

namespace mxscope::ui {
namespace {
constexpr auto kService = "org.freedesktop.portal.Desktop"_L1;
constexpr auto kPath = "/org/freedesktop/portal/desktop"_L1;
constexpr auto kInterface = "org.freedesktop.portal.Settings"_L1;
constexpr auto kSpace = "org.freedesktop.appearance"_L1;
constexpr auto kKey = "color-scheme"_L1;
constexpr uint kPrefersDark = 1;  // 0 no preference, 2 prefers light
}  // namespace

ColourSchemePortal::ColourSchemePortal(QObject* parent) : QObject(parent) {
  QDBusConnection bus = QDBusConnection::sessionBus();
  if (!bus.isConnected()) {
    return;
  }
  bus.connect(kService, kPath, kInterface, u"SettingChanged"_s, this,
              SLOT(settingChanged(QString, QString, QDBusVariant)));
  QDBusMessage call = QDBusMessage::createMethodCall(kService, kPath, kInterface, u"Read"_s);
  call << QString(kSpace) << QString(kKey);
  auto* watcher = new QDBusPendingCallWatcher(bus.asyncCall(call, 2000), this);
  connect(watcher, &QDBusPendingCallWatcher::finished, this, [this](QDBusPendingCallWatcher* w) {
    const QDBusPendingReply<QDBusVariant> reply = *w;
    if (reply.isValid()) {
      take(reply.value().variant());
    }
    w->deleteLater();
  });
}

void ColourSchemePortal::settingChanged(const QString& space, const QString& key,
                                        const QDBusVariant& value) {
  if (space == kSpace && key == kKey) {
    take(value.variant());
  }
}

void ColourSchemePortal::take(const QVariant& value) {
  // `Read` of older portals wraps the value in a second variant.
  QVariant inner = value;
  while (inner.canConvert<QDBusVariant>() && inner.userType() == qMetaTypeId<QDBusVariant>()) {
    inner = inner.value<QDBusVariant>().variant();
  }
  const bool dark = inner.toUInt() == kPrefersDark;
  if (dark != m_dark) {
    m_dark = dark;
    Q_EMIT schemeChanged();
  }
}

}  // namespace mxscope::ui
