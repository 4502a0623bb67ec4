// SPDX-License-Identifier: GPL-3.0-or-later
#include "plots/plot_view.h"

#include <QKeyEvent>
#include <QToolTip>
#include <QVBoxLayout>

#include "plots/number_text.h"
#include "plots/plot_parts.h"
#include "plots/plot_zoom.h"
#include "theme/theme.h"

using namespace Qt::StringLiterals;

namespace mxscope::ui {

QString PlotTable::toTsv() const {
  const auto clean = [](QString text) {
    return text.replace(u'\t', u' ').replace(u'\n', u' ').replace(u'\r', u' ');
  };
  QStringList lines;
  QStringList line;
  for (const QString& header : headers) {
    line << clean(header);
  }
  lines << line.join(u'\t');
  for (const QVariantList& row : rows) {
    line.clear();
    for (const QVariant& value : row) {
      line << (value.userType() == QMetaType::Double ? exactText(value.toDouble())
                                                     : clean(value.toString()));
    }
    lines << line.join(u'\t');
  }
  return QString(lines.join(u'\n') + u'\n');
}

QString PlotInfo::caption() const {
  QStringList parts;
  for (const auto& [name, value] : fields) {
    parts << QString(name + u": "_s + value);
  }
  return parts.join(u" · "_s);
}

struct PlotView::Heading {
  QCPTextElement* title = nullptr;
  QCPTextElement* subtitle = nullptr;
  QString caption;
  PaintLayer* mask = nullptr;
};

PlotView::PlotView(QWidget* parent)
    : QWidget(parent), m_plot(new QCustomPlot(this)), m_heading(std::make_unique<Heading>()) {
  auto* layout = new QVBoxLayout(this);
  layout->setContentsMargins(0, 0, 0, 0);
  layout->addWidget(m_plot);
  m_plot->setFocusPolicy(Qt::StrongFocus);
  m_plot->setMouseTracking(true);
  m_plot->setMinimumSize(120, 80);
  m_plot->setPlottingHint(QCP::phFastPolylines);
  m_plot->setPlottingHint(QCP::phImmediateRefresh, false);
  m_plot->setNotAntialiasedElements(QCP::aeGrid | QCP::aeAxes);
  m_plot->setAutoAddPlottableToLegend(false);
  m_plot->installEventFilter(this);
  setFocusProxy(m_plot);
  connect(&Theme::instance(), &Theme::changed, this, &PlotView::refresh);
}

PlotView::~PlotView() = default;

void PlotView::setTokens(const std::optional<Tokens>& tokens) {
  m_tokens = tokens;
  refresh();
}

const Tokens& PlotView::tokens() const { return m_tokens ? *m_tokens : Theme::instance().tokens(); }

void PlotView::setSelection(const QSet<QString>& keys) {
  if (m_selection != keys) {
    m_selection = keys;
    applyColours();
    replotSoon();
  }
}

double PlotView::emphasis(const QString& key) const {
  return m_selection.isEmpty() || m_selection.contains(key) ? 1.0 : 0.35;
}

void PlotView::useZoom() {
  m_zoom = new PlotZoom(m_plot);
  connect(m_zoom, &PlotZoom::resetWanted, this, &PlotView::resetZoom);
}

void PlotView::resetZoom() {}

void PlotView::refresh() {
  applyColours();
  replotSoon();
}

void PlotView::replotSoon() {
  // Not rpQueuedRefresh, which draws at once and queues only the showing of it.
  m_plot->replot(QCustomPlot::rpQueuedReplot);
}

void PlotView::finishData() {
  adapt(m_plot->size());
  applyColours();
  const QString fact = mainFact();
  if (fact != m_mainFact) {
    m_mainFact = fact;
    m_plot->setAccessibleDescription(fact);
  }
  replotSoon();
  Q_EMIT dataChanged();
}

void PlotView::setHeading(const QString& title, const QString& subtitle, const QString& caption) {
  const Theme& theme = Theme::instance();
  QCPLayoutGrid* grid = m_plot->plotLayout();
  const auto addText = [&](int row, const QString& text, const QFont& font, const QColor& colour) {
    auto* element = new QCPTextElement(m_plot, text, font);
    element->setTextColor(colour);
    element->setTextFlags(Qt::AlignLeft | Qt::AlignVCenter | Qt::TextWordWrap);
    element->setMargins(QMargins(6, 2, 6, 2));
    grid->insertRow(row);
    grid->addElement(row, 0, element);
    grid->setRowStretchFactor(row, 0.001);
    return element;
  };
  int row = 0;
  if (!title.isEmpty()) {
    m_heading->title = addText(row++, title, theme.titleFont(), tokens().text);
  }
  if (!subtitle.isEmpty()) {
    m_heading->subtitle = addText(row++, subtitle, theme.axisFont(), tokens().dim);
  }
  m_heading->caption = caption;
}

void PlotView::setMaskOutside(bool on) {
  if (!on || m_heading->mask != nullptr) {
    return;
  }
  m_plot->addLayer(u"mask"_s, m_plot->layer(u"main"_s), QCustomPlot::limAbove);
  m_heading->mask = new PaintLayer(
      m_plot->xAxis, m_plot->yAxis,
      [this](QCPPainter* painter) {
        const QRectF inner(m_plot->axisRect()->rect());
        // Strokes may end far outside, so the cover reaches as far as viewers are asked to draw.
        const QRectF outer = QRectF(m_plot->viewport()).adjusted(-4, -4, 4, 4);
        painter->setPen(Qt::NoPen);
        painter->setBrush(tokens().card);
        painter->drawRect(QRectF(outer.topLeft(), QPointF(outer.right(), inner.top())));
        painter->drawRect(QRectF(QPointF(outer.left(), inner.bottom() + 1), outer.bottomRight()));
        painter->drawRect(QRectF(outer.topLeft(), QPointF(inner.left(), outer.bottom())));
        painter->drawRect(QRectF(QPointF(inner.right() + 1, outer.top()), outer.bottomRight()));
      },
      false);
  m_heading->mask->setLayer(u"mask"_s);
}

void PlotView::prepare(const QSize& size) {
  resize(size);
  m_plot->resize(size);
  m_plot->setViewport(QRect(QPoint(), size));
  if (!m_heading->caption.isEmpty()) {
    // Wrapped by hand: the text element of the library does not grow with its text.
    const QFont font = Theme::instance().smallFont();
    const QRect needed = QFontMetrics(font).boundingRect(
        QRect(0, 0, size.width() - 24, 4000), Qt::AlignLeft | Qt::TextWordWrap, m_heading->caption);
    auto* element = new QCPTextElement(m_plot, m_heading->caption, font);
    element->setTextColor(tokens().dim);
    element->setTextFlags(Qt::AlignLeft | Qt::AlignTop | Qt::TextWordWrap);
    element->setMargins(QMargins(8, 6, 8, 6));
    element->setMinimumSize(10, needed.height() + 14);
    element->setMaximumSize(QWIDGETSIZE_MAX, needed.height() + 14);
    const int row = m_plot->plotLayout()->rowCount();
    m_plot->plotLayout()->addElement(row, 0, element);
    m_heading->caption.clear();
  }
  const auto layOut = [this] {
    for (const auto phase : {QCPLayoutElement::upPreparation, QCPLayoutElement::upMargins,
                             QCPLayoutElement::upLayout}) {
      m_plot->plotLayout()->update(phase);
    }
  };
  adapt(size);
  applyColours();
  layOut();
  // The first layout pass settles the axis rectangle, on which labels depend.
  adapt(size);
  layOut();
}

void PlotView::copyBaseTo(PlotView* other) const {
  other->m_selection = m_selection;
  other->m_tokens = m_tokens;
  other->refresh();
}

bool PlotView::keyPressed(QKeyEvent* event) {
  if (m_zoom == nullptr) {
    return false;
  }
  if (event->key() == Qt::Key_Left && (event->modifiers() & Qt::AltModifier) != 0) {
    m_zoom->back();
  } else if (event->key() == Qt::Key_0) {
    resetZoom();
  } else if (event->key() == Qt::Key_Plus || event->key() == Qt::Key_Equal) {
    m_zoom->scale(0.8);
  } else if (event->key() == Qt::Key_Minus) {
    m_zoom->scale(1.25);
  } else {
    return false;
  }
  replotSoon();
  return true;
}

bool PlotView::eventFilter(QObject* watched, QEvent* event) {
  if (watched != m_plot) {
    return QWidget::eventFilter(watched, event);
  }
  switch (event->type()) {
    case QEvent::Resize:
      adapt(static_cast<QResizeEvent*>(event)->size());
      break;
    case QEvent::MouseButtonPress:
      m_pressedAt = static_cast<QMouseEvent*>(event)->pos();
      break;
    case QEvent::MouseButtonRelease: {
      const auto* mouse = static_cast<QMouseEvent*>(event);
      const bool click =
          (mouse->pos() - m_pressedAt).manhattanLength() < QApplication::startDragDistance();
      if (mouse->button() == Qt::LeftButton && click) {
        Q_EMIT picked(keyAt(mouse->position()), (mouse->modifiers() & Qt::ControlModifier) != 0);
      }
      break;
    }
    case QEvent::MouseButtonDblClick: {
      const QString key = keyAt(static_cast<QMouseEvent*>(event)->position());
      if (!key.isEmpty()) {
        Q_EMIT activated(key);
      }
      break;
    }
    case QEvent::MouseMove:
      hovered(static_cast<QMouseEvent*>(event)->position());
      break;
    case QEvent::Leave:
      left();
      QToolTip::hideText();
      break;
    case QEvent::FocusOut:
      left();
      break;
    case QEvent::ToolTip: {
      const auto* help = static_cast<QHelpEvent*>(event);
      const QString text = tooltipAt(help->pos());
      QToolTip::showText(help->globalPos(), text, m_plot);
      return true;
    }
    case QEvent::ContextMenu:
      Q_EMIT menuRequested(static_cast<QContextMenuEvent*>(event)->globalPos());
      return true;
    case QEvent::KeyPress:
      if (keyPressed(static_cast<QKeyEvent*>(event))) {
        return true;
      }
      break;
    case QEvent::Paint: {
      // The focus ring is drawn over the plot's own picture.
      if (m_plot->hasFocus()) {
        m_plot->removeEventFilter(this);
        QCoreApplication::sendEvent(m_plot, event);
        m_plot->installEventFilter(this);
        QPainter painter(m_plot);
        painter.setPen(QPen(tokens().accent, 2));
        painter.drawRect(m_plot->rect().adjusted(1, 1, -1, -1));
        return true;
      }
      break;
    }
    default:
      break;
  }
  return false;
}

void PlotView::changeEvent(QEvent* event) {
  QWidget::changeEvent(event);
  if (event->type() == QEvent::LocaleChange || event->type() == QEvent::LayoutDirectionChange) {
    refresh();
  }
}

}  // namespace mxscope::ui
