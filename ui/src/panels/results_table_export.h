// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "models/workspace.h"

namespace mxscope::ui {

struct ResultsExport {
  mxscope::Results results;
  QStringList leftOut;  // runs that have no result yet
  // Of each run in the results: variant and config hash of its baseline, versions of engine and
  // window, devices, date. Columns that follow core's in CSV, lines below the table in Markdown.
  QList<QStringList> sources;
};

// The runs as core's Results, job by job with the baseline first, differences against the baseline
// that the window shows. Runs without a result are left out.
ResultsExport collectResults(const Workspace& workspace, const QStringList& runIds);

// Kinds: "json", "csv", "long-csv", "windows-csv", "markdown".
QByteArray exportBytes(const ResultsExport& collected, const QString& kind);
QString endingOfKind(const QString& kind);  // "json", "csv", "md"

}  // namespace mxscope::ui
