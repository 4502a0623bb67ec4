// SPDX-License-Identifier: GPL-3.0-or-later
#include "window/results_reader.h"

#include <QCoreApplication>
#include <QFile>
#include <QFileInfo>

#include "bridge/queue_controller.h"
#include "bridge/run_decoder.h"
#include "models/run_keys.h"
#include "models/workspace.h"
#include "mxscope/core/experiment/experiment_json.h"
#include "mxscope/core/results/export.h"
#include "mxscope/core/results/results_json.h"

namespace mxscope::ui {

namespace {

constexpr qint64 kLargestFile = 256 << 20;

QString translated(const char* text) { return QCoreApplication::translate("Results", text); }

}  // namespace

bool readResults(Workspace* workspace, const QString& given, QString* error,
                 QueueController* queue) {
  const QString path = QFileInfo(given).isDir() ? given + QLatin1String("/results.json") : given;
  QFile file(path);
  if (file.size() > kLargestFile || !file.open(QIODevice::ReadOnly)) {
    *error = translated("%1 cannot be read: %2")
                 .arg(path, file.size() > kLargestFile ? translated("it is larger than 256 MiB")
                                                       : file.errorString());
    return false;
  }
  mxscope::Issues issues;
  const std::string bytes = file.readAll().toStdString();
  mxscope::Results results = mxscope::results_from_json(std::string_view(bytes), issues);
  if (results.runs.empty()) {
    *error = translated("%1 holds no runs. %2")
                 .arg(QFileInfo(path).fileName(),
                      QString::fromStdString(mxscope::format_issues(issues)).trimmed());
    return false;
  }
  const QString folder = QFileInfo(path).absolutePath();
  QFile windows(folder + QLatin1String("/windows.csv"));
  if (windows.size() > 0 && windows.size() <= kLargestFile && windows.open(QIODevice::ReadOnly)) {
    mxscope::Issues ignored;
    const std::string csv = windows.readAll().toStdString();
    results.windows = mxscope::windows_from_csv(csv, ignored);
  }
  LoadedResults loaded = toWorkspace(results);
  for (Job& job : loaded.jobs) {
    job.listed = false;  // they were never queued here
    workspace->addJob(job);
  }
  workspace->addRuns(std::move(loaded.runs));
  if (!queue) {
    return true;
  }
  for (const Job& job : loaded.jobs) {
    mxscope::Issues ignored;
    const std::string utf8 = job.experiment.toStdString();
    const mxscope::Experiment experiment =
        mxscope::experiment_from_json(std::string_view(utf8), ignored);
    if (mxscope::has_errors(ignored)) {
      continue;
    }
    QHash<QString, QString> keys = {{QStringLiteral("baseline"), baselineKey(experiment, folder)}};
    for (const KeyedVariant& variant : keyedVariants(experiment, folder, nullptr)) {
      keys.insert(QString::fromStdString(variant.resolved.name), variant.key);
    }
    queue->rememberDone(job.id, keys);
  }
  return true;
}

}  // namespace mxscope::ui
