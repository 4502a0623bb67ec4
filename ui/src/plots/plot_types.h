// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QList>
#include <QPair>
#include <QString>
#include <QStringList>
#include <QVariant>
#include <cmath>
#include <limits>

#include "theme/tokens.h"

// Values that plots show: numbers, labels, colours. No plot knows a run; `key` says whose value a
// mark is when it is picked. A number that does not exist is NaN.
namespace mxscope::ui {

inline constexpr double kNoNumber = std::numeric_limits<double>::quiet_NaN();

// The numbers of a plot as a table: a double is shown rounded and copied exactly.
struct PlotTable {
  QStringList headers;
  QList<QVariantList> rows;
  QString toTsv() const;  // header and rows, C locale, 17 digits
};

// What stands with an exported picture: fields become metadata of the file and, when a caption is
// wanted, one line below the plot.
struct PlotInfo {
  QString title, subtitle;
  QList<QPair<QString, QString>> fields;  // "config hash" -> "8f31…", "baseline", "interval", …
  QString caption() const;                // the fields in one paragraph
};

struct BarItem {
  QString key;
  QString group;   // model; bars of one group stand together
  QString label;   // below the bar when there is one group
  QString legend;  // the series it belongs to: same legend, same colour
  SeriesColour colour;
  double value = kNoNumber, low = kNoNumber, high = kNoNumber;
  QString note;     // in place of a number: "≠ context", "failed"
  QString tooltip;  // several lines; empty: made from label and value
  bool unfinished = false;
  QString tick;  // `label` made short for the axis; empty: `label`
};

struct BarData {
  QString axisLabel;
  QString unit;              // appended to value labels, e.g. " %"
  bool signedValues = true;  // differences carry their sign
  QList<BarItem> items;
  QList<QPair<QString, double>> baselines;  // group and value of its dashed line
  QString baselineLabel;                    // "baseline"
};

struct LiveSeries {
  QString key, label;
  SeriesColour colour;
  int dash = 0;           // 0 solid; others tell series of one colour apart
  bool baseline = false;  // dashed, drawn on top
  bool running = false;
  QList<double> x, mean, low, high;  // x ascending; low and high empty or NaN: no band
  QList<double> rawX, raw;           // single values, shown as a min/max band when zoomed in
};

struct LiveData {
  QString xLabel, yLabel;
  bool zeroLine = false;      // differences: 0 is the baseline
  bool signedValues = false;  // texts carry their sign
  double xEnd = kNoNumber;    // planned end, so that a running line shows how far it is
  QList<LiveSeries> series;
};

enum class CellState { kValue, kNotRun, kRunning, kFailed };

struct HeatCell {
  QString key;
  CellState state = CellState::kNotRun;
  double value = kNoNumber, low = kNoNumber, high = kNoNumber;
  QString tooltip;
};

struct HeatData {
  QStringList rows, columns;
  QString rowTitle, scaleLabel;
  QList<HeatCell> cells;  // row by row, rows.size() * columns.size()
};

struct ScatterPoint {
  QString key, label;
  SeriesColour colour;
  double x = kNoNumber, y = kNoNumber, low = kNoNumber, high = kNoNumber;
  bool baseline = false;
  QString tooltip;
};

struct ScatterData {
  QString xLabel, yLabel;
  QString unit;
  QList<ScatterPoint> points;
};

struct MemoryHistory {
  QList<double> time;                                             // seconds, ascending, 0 = now
  QList<double> job, others;                                      // GiB
  QList<double> utilisation;                                      // per cent or NaN
  double total = kNoNumber, limit = kNoNumber, peak = kNoNumber;  // GiB
};

}  // namespace mxscope::ui
