// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QSet>

#include "models/workspace.h"
#include "plots/plot_types.h"

// How runs look and are named in plots, tables and exports: the same everywhere.
namespace mxscope::ui {

// "mxfp8_e4m3" -> "MXFP8 E4M3"; "none" -> "—".
QString formatName(const QString& id);
// Colour of the format that tells the run apart: of its weights, else of its activations.
SeriesColour colourOf(const Run& run);
QString runNumber(const Run& run);  // "004"
// "MXFP4 E2M1/32", or what the experiment calls the variant.
QString runLabel(const Run& run);
// The same for an axis: "tier B mxfp4_e2m1/16" -> "B FP4 E2M1/16".
QString axisLabel(const Run& run);
// What keeps two runs from being subtracted, short: "≠ context"; empty: comparable.
QString guardText(const Workspace& workspace, const Run& run);
QString guardText(const Workspace& workspace, const Run& run, const Run* base);
// Several lines: name, state, protocol, value and what is to know about its difference.
QString runTooltip(const Workspace& workspace, const Run& run);
// Name of a job among others: its model, and its number where models repeat.
QString jobLabel(const Workspace& workspace, const QString& jobId, const QStringList& amongJobs);

enum class Measure { kPpl, kXent, kEntropy, kKl, kTop1 };
enum class Form { kValue, kDelta, kPercent };

struct MeasuredValue {
  double value = kNoNumber, low = kNoNumber, high = kNoNumber;
};
// A run's figure; differences are against baselineFor() and NaN where they must not be taken.
MeasuredValue measured(const Workspace& workspace, const Run& run, Measure measure, Form form);
// "Δ perplexity vs baseline (%)"
QString axisText(Measure measure, Form form);

// Metadata of an export of these runs: hashes, baseline, interval method, protocol, versions,
// device and date, as UX.md 2.12 lists them.
QList<QPair<QString, QString>> exportFields(const Workspace& workspace, const QStringList& runIds);

// The job has no runs but those of a sweep and their baseline, which the heat map shows.
bool isOnlyForSweep(const Workspace& workspace, const QString& jobId);

// A finished or running number of the run is there.
bool hasFigures(const Run& run);

}  // namespace mxscope::ui
