// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QImage>
#include <QPicture>
#include <QSize>

#include "plots/plot_types.h"

namespace mxscope::ui {

class PlotView;

enum class PictureFormat { kPng, kSvg, kPdf };

struct PictureOptions {
  PictureFormat format = PictureFormat::kPng;
  QSize size{900, 520};     // logical pixels of 1/96 inch
  double scale = 2;         // PNG: pixels per logical pixel
  bool asOnScreen = false;  // the window's theme instead of the light one
  bool caption = false;     // info.caption() below the plot
};

// A plot as drawing commands: what of a picture has to be made on the GUI thread.
struct DrawnPlot {
  QPicture commands;
  PlotInfo info;
  PictureOptions options;
};

// The plot drawn anew for that size; the one on the screen is not touched. GUI thread.
DrawnPlot drawPlot(const PlotView& view, const PlotInfo& info, const PictureOptions& options);

// The picture as pixels, whatever its format. Any thread.
QImage toImage(DrawnPlot drawn);

// The bytes of a file: PNG with text chunks, SVG with title and description (what is zoomed out of
// sight is covered, since Qt 6.4 writes no clip paths), PDF of one page with XMP metadata and
// lossless images. Any thread.
QByteArray toBytes(DrawnPlot drawn);

// drawPlot() and then toImage() or toBytes(). GUI thread.
QImage renderPicture(const PlotView& view, const PlotInfo& info, const PictureOptions& options);
QByteArray pictureBytes(const PlotView& view, const PlotInfo& info, const PictureOptions& options);

// Writes bytes through a temporary file, so that an existing one is never half overwritten.
// Returns a sentence about what went wrong, or an empty string.
QString writeFile(const QString& path, const QByteArray& bytes);

// The format by the file's ending, PNG when unknown.
PictureFormat pictureFormatOf(const QString& path);
QString endingOf(PictureFormat format);  // "png"

}  // namespace mxscope::ui
