// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <functional>

#include "plots/plot_types.h"
#include "plots/qcp.h"

// Parts that the plots are put together from. Include in .cpp files only.
namespace mxscope::ui {

// A plottable that draws with a function, clipped to the axis rectangle (or not at all).
class PaintLayer : public QCPAbstractPlottable {
 public:
  PaintLayer(QCPAxis* keyAxis, QCPAxis* valueAxis, std::function<void(QCPPainter*)> paint,
             bool clipped = true);
  double selectTest(const QPointF&, bool, QVariant* = nullptr) const override { return -1; }
  QCPRange getKeyRange(bool& found, QCP::SignDomain) const override;
  QCPRange getValueRange(bool& found, QCP::SignDomain, const QCPRange&) const override;

 protected:
  QRect clipRect() const override;
  void draw(QCPPainter* painter) override;
  void drawLegendIcon(QCPPainter*, const QRectF&) const override {}

 private:
  std::function<void(QCPPainter*)> m_paint;
  bool m_clipped;
};

// A legend above the plot that wraps, in its own layout row: never over data.
class LegendRow : public QCPLayoutElement {
 public:
  struct Entry {
    QString key, text;
    QColor colour;
    bool line = false;  // a stroke in `pen` style rather than a square
    Qt::PenStyle style = Qt::SolidLine;
    double opacity = 1;
  };
  explicit LegendRow(QCustomPlot* plot);
  // Entries that need more rows than the plot has height for are told as "and n more"; without
  // this all are shown.
  void setShortened(bool on) { m_shortened = on; }
  void setEntries(QList<Entry> entries, const QFont& font, const QColor& text);
  const QList<Entry>& entries() const { return m_entries; }
  QString keyAt(const QPointF& position) const;
  void update(UpdatePhase phase) override;
  double selectTest(const QPointF&, bool, QVariant* = nullptr) const override { return -1; }

 protected:
  void draw(QCPPainter* painter) override;
  void applyDefaultAntialiasingHint(QCPPainter*) const override {}

 private:
  void place(double width, double height);
  QList<Entry> m_entries;
  QString m_more;  // what stands for the entries that were left out
  bool m_shortened = false;
  QList<QRectF> m_places;
  QFont m_font;
  QColor m_text;
};

// Ticks labelled by the user's locale, as exactly as the step needs, without "-0".
class NumberTicker : public QCPAxisTicker {
 public:
  explicit NumberTicker(bool sign = false) : m_sign(sign) {}
  void setSign(bool sign) { m_sign = sign; }
  void setIntegers(bool on) { m_integers = on; }

 protected:
  double getTickStep(const QCPRange& range) override;
  QString getTickLabel(double tick, const QLocale&, QChar, int) override;

 private:
  bool m_sign;
  bool m_integers = false;
  double m_step = 1;
};

// Symmetric logarithm: linear up to `unit` about 0, so that 0 stays in range.
class SymmetricLog {
 public:
  explicit SymmetricLog(double unit = 1) : m_unit(unit) {}
  static SymmetricLog forValues(const QList<double>& values);
  double operator()(double value) const;
  double inverse(double position) const;
  QSharedPointer<QCPAxisTickerText> ticker(double low, double high, bool sign) const;

 private:
  double m_unit;
};

// Ground, axes, grid and fonts of one axis rectangle: horizontal grid only, ticks outward, no box.
void styleAxes(QCustomPlot* plot, const Tokens& tokens, bool verticalGrid = false);
Qt::PenStyle dashStyle(int dash);
QColor withAlpha(QColor colour, double alpha);
// Diagonal strokes in a rectangle, drawn as lines: pattern brushes do not survive in SVG.
void drawHatch(QCPPainter* painter, const QRectF& rect, const QColor& colour, double step = 6);
// The background of a plot, for text that must stay readable over marks.
void drawHaloText(QCPPainter* painter, const QRectF& rect, int flags, const QString& text,
                  const QColor& colour, const QColor& ground);

}  // namespace mxscope::ui
