// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QColor>
#include <QString>
#include <array>

namespace mxscope::ui {

// Which colour a thing of a plot has, independent of the theme: a hue of the series palette and a
// shade of it. Hue 0 is the grey of baselines and of formats that keep full precision.
struct SeriesColour {
  int hue = 0;    // 0..5, index into Tokens::series
  int shade = 0;  // 0 the palette's colour, 1 and 2 further from the background
  bool operator==(const SeriesColour&) const = default;
};

// The colour of a number format by its name ("mxfp8_e4m3", "MXFP4 E2M1/32", "baseline"): the same
// in every plot, table and export. Unknown names get hue 0, shade 1.
SeriesColour seriesColourOfFormat(const QString& format);

// All colours of the window under one theme, read from resources/themes/<name>.json. Contrasts that
// the test tests/ui/plots/theme_uitest.cpp holds: text on its ground >= 4.5, marks >= 3.
struct Tokens {
  QString name;
  bool dark = false;
  QColor window, card, base, alternate, header;
  QColor text, dim, disabled, border, frame, grid, axis;
  QColor accent, accentText, link;
  QColor better, worse, warning, warningBack, errorBack, errorBorder;
  QColor hover, segment, segmentText, selection, selectionText;
  QColor tooltip, tooltipText, notRun, neutral;
  std::array<QColor, 6> series;
  std::array<QColor, 5> diverging;  // better ... zero ... worse

  QColor seriesColour(SeriesColour colour) const;
  // t in [-1, 1]: -1 clearly better, 0 no change, +1 clearly worse; clamped, NaN gives notRun.
  QColor divergingColour(double t) const;
  // Text colour with contrast >= 4.5 on any ground: the theme's text, or black or white.
  QColor textOn(const QColor& ground) const;
};

// WCAG 2 contrast ratio of two opaque colours, 1..21.
double contrastRatio(const QColor& a, const QColor& b);

// Linear mix in sRGB: share 0 gives a, 1 gives b.
QColor mixColours(const QColor& a, const QColor& b, double share);

// Reads ":/mxscope/themes/<name>.json"; a missing or invalid colour is a programming error and
// stops.
Tokens loadTokens(const QString& name);

}  // namespace mxscope::ui
