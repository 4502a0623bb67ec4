// SPDX-License-Identifier: GPL-3.0-or-later
// The exports of the results table: collected here, made and written on another thread.
#include <QDir>
#include <QFileDialog>
#include <QFileInfo>
#include <QLineEdit>
#include <QSettings>

#include "bridge/background.h"
#include "panels/results_table.h"
#include "panels/results_table_export.h"
#include "plots/plot_export.h"

using namespace Qt::StringLiterals;

namespace mxscope::ui {

QString ResultsTable::exportTo(const QString& path, const QString& kind, Scope scope) const {
  return writeFile(path, exportBytes(collectResults(*m_workspace, runsOf(scope)), kind));
}

void ResultsTable::exportInBackground(const QString& path, const QString& kind, Scope scope) {
  inBackground(
      this,
      [path, kind, collected = collectResults(*m_workspace, runsOf(scope))] {
        return writeFile(path, exportBytes(collected, kind));
      },
      [this, path](QString&& error) { Q_EMIT written(path, error); });
}

void ResultsTable::exportAs(const QString& kind) {
  // Scope: what is selected when it is more than one row, else what the filter shows.
  const bool several = selectedRuns().size() > 1;
  const Scope scope = several                      ? Scope::kSelected
                      : m_filter->text().isEmpty() ? Scope::kAll
                                                   : Scope::kShown;
  const ResultsExport collected = collectResults(*m_workspace, runsOf(scope));
  const int count = int(collected.results.runs.size());
  const QString what = scope == Scope::kSelected ? tr("%1 selected runs").arg(count)
                       : scope == Scope::kShown  ? tr("%1 shown runs").arg(count)
                                                 : tr("all %1 runs").arg(count);
  if (count == 0) {
    Q_EMIT failed(tr("Nothing to export."), tr("No run has a result yet."));
    return;
  }
  QSettings settings;
  const QString ending = endingOfKind(kind);
  const QString start = QString(settings.value(u"export/folder"_s, QDir::homePath()).toString() +
                                u"/results."_s + ending);
  const QString path =
      QFileDialog::getSaveFileName(this, tr("Export %1").arg(what), start,
                                   QString(ending.toUpper() + u" (*."_s + ending + u')'));
  if (path.isEmpty()) {
    return;
  }
  QString text = tr("Wrote %1 to %2").arg(what, path);
  if (!collected.leftOut.isEmpty()) {
    text += tr("; left out as unfinished: %1").arg(collected.leftOut.join(u", "_s));
  }
  Q_EMIT message(tr("Writing %1…").arg(path));
  inBackground(
      this, [path, kind, collected] { return writeFile(path, exportBytes(collected, kind)); },
      [this, path, text](QString&& error) {
        if (error.isEmpty()) {
          QSettings().setValue(u"export/folder"_s, QFileInfo(path).absolutePath());
          Q_EMIT message(text);
        } else {
          Q_EMIT failed(tr("The export was not written."), error);
        }
        Q_EMIT written(path, error);
      });
}

}  // namespace mxscope::ui
