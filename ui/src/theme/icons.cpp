// SPDX-License-Identifier: GPL-3.0-or-later
#include "theme/icons.h"

#include <QFile>
#include <QIconEngine>
#include <QPainter>
#include <QPixmapCache>
#include <QSvgRenderer>

#include "theme/theme.h"

using namespace Qt::StringLiterals;

namespace mxscope::ui {
namespace {

class LineIconEngine : public QIconEngine {
 public:
  LineIconEngine(QByteArray svg, QString name, bool onAccent)
      : m_svg(std::move(svg)), m_name(std::move(name)), m_onAccent(onAccent) {}

  void paint(QPainter* painter, const QRect& rect, QIcon::Mode mode, QIcon::State) override {
    QByteArray svg = m_svg;
    svg.replace("#000", colour(mode).name().toLatin1());
    QSvgRenderer renderer(svg);
    renderer.render(painter, QRectF(rect));
  }

  QPixmap pixmap(const QSize& size, QIcon::Mode mode, QIcon::State state) override {
    return scaledPixmap(size, mode, state, 1.0);
  }

  QPixmap scaledPixmap(const QSize& size, QIcon::Mode mode, QIcon::State state,
                       qreal scale) override {
    const QString key = u"mxscope-icon/%1/%2/%3x%4@%5"_s.arg(m_name, colour(mode).name())
                            .arg(size.width())
                            .arg(size.height())
                            .arg(scale);
    QPixmap pixmap;
    if (!QPixmapCache::find(key, &pixmap)) {
      pixmap = QPixmap(size);
      pixmap.fill(Qt::transparent);
      QPainter painter(&pixmap);
      paint(&painter, QRect(QPoint(), size), mode, state);
      painter.end();
      QPixmapCache::insert(key, pixmap);
    }
    return pixmap;
  }

  QIconEngine* clone() const override { return new LineIconEngine(*this); }

 private:
  QColor colour(QIcon::Mode mode) const {
    const Tokens& t = Theme::instance().tokens();
    switch (mode) {
      case QIcon::Disabled:
        return t.disabled;
      case QIcon::Selected:
        return t.selectionText;
      default:
        return m_onAccent ? t.accentText : t.text;
    }
  }

  QByteArray m_svg;
  QString m_name;
  bool m_onAccent;
};

QIcon lineIcon(const QString& name, bool onAccent) {
  Theme::instance();  // registers the assets
  QFile file(":/mxscope/icons/"_L1 + name + ".svg"_L1);
  if (!file.open(QIODevice::ReadOnly)) {
    qWarning("icon '%s' is missing", qPrintable(name));
    return {};
  }
  return QIcon(new LineIconEngine(file.readAll(), name, onAccent));
}

}  // namespace

QIcon icon(const QString& name) { return lineIcon(name, false); }
QIcon iconOnAccent(const QString& name) { return lineIcon(name, true); }

QIcon applicationIcon() {
  Theme::instance();
  return QIcon(u":/mxscope/icons/mxscope.svg"_s);
}

}  // namespace mxscope::ui
