// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QSet>
#include <QWidget>
#include <memory>
#include <optional>

#include "plots/plot_types.h"

class QCustomPlot;

namespace mxscope::ui {

class PlotZoom;

// One plot: draws values of plot_types.h with the colours of the theme. The drawing library is
// hidden behind it. GUI thread only.
class PlotView : public QWidget {
  Q_OBJECT

 public:
  explicit PlotView(QWidget* parent = nullptr);
  ~PlotView() override;

  virtual bool hasData() const = 0;
  virtual PlotTable table() const = 0;
  // One sentence with the most important number, for screen readers ("MXFP4: +17 % against BF16").
  virtual QString mainFact() const = 0;
  // A copy without parent with the same data, zoom and selection, to be drawn elsewhere.
  virtual std::unique_ptr<PlotView> copy() const = 0;

  // Colours other than the theme's (for exports); empty: follow the theme.
  void setTokens(const std::optional<Tokens>& tokens);
  const Tokens& tokens() const;

  // Picked marks: emphasised, all others dimmed; empty: all alike.
  void setSelection(const QSet<QString>& keys);
  const QSet<QString>& selection() const { return m_selection; }

  // Title above and caption below the plot, for exports.
  void setHeading(const QString& title, const QString& subtitle, const QString& caption);
  // SVG files of Qt 6.4 hold no clip path: covers what spills over the axes.
  void setMaskOutside(bool on);
  // Lays out for that size without being shown.
  void prepare(const QSize& size);

  QCustomPlot* plot() const { return m_plot; }
  // Zoom and pan; null where the ranges are fixed.
  PlotZoom* zoom() const { return m_zoom; }
  virtual void resetZoom();

 public Q_SLOTS:
  void refresh();  // applies colours anew and redraws

 Q_SIGNALS:
  void picked(const QString& key, bool extend);  // empty key: the ground was clicked
  void activated(const QString& key);            // Enter or double click on a mark
  void menuRequested(const QPoint& globalPosition);
  void dataChanged();

 protected:
  virtual void applyColours() = 0;  // from tokens()
  virtual void adapt(const QSize& size) { Q_UNUSED(size) }
  virtual QString keyAt(const QPointF& position) const = 0;
  virtual QString tooltipAt(const QPointF& position) const = 0;
  virtual bool keyPressed(QKeyEvent* event);  // true: used
  virtual void hovered(const QPointF& position) { Q_UNUSED(position) }
  virtual void left() {}
  void useZoom();
  void finishData();  // to be called at the end of setData
  void replotSoon();
  bool eventFilter(QObject* watched, QEvent* event) override;
  void changeEvent(QEvent* event) override;
  double emphasis(const QString& key) const;  // 1, or less for what is not selected
  void copyBaseTo(PlotView* other) const;

 private:
  struct Heading;
  QCustomPlot* m_plot;
  PlotZoom* m_zoom = nullptr;
  std::optional<Tokens> m_tokens;
  QSet<QString> m_selection;
  std::unique_ptr<Heading> m_heading;
  QPoint m_pressedAt;
  QString m_mainFact;
};

}  // namespace mxscope::ui
