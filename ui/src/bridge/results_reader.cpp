// SPDX-License-Identifier: GPL-3.0-or-later
#include "bridge/results_reader.h"

#include <QCoreApplication>
#include <QFile>
#include <QFileInfo>

#include "bridge/queue_controller.h"
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

ReadResults readResultsFile(const QString& given) {
  ReadResults read;
  read.path = QFileInfo(given).isDir() ? given + QLatin1String("/results.json") : given;
  QFile file(read.path);
  if (file.size() > kLargestFile || !file.open(QIODevice::ReadOnly)) {
    read.error =
        translated("%1 cannot be read: %2")
            .arg(read.path, file.size() > kLargestFile ? translated("it is larger than 256 MiB")
                                                       : file.errorString());
    return read;
  }
  mxscope::Issues issues;
  const std::string bytes = file.readAll().toStdString();
  mxscope::Results results = mxscope::results_from_json(std::string_view(bytes), issues);
  if (results.runs.empty()) {
    read.error = translated("%1 holds no runs. %2")
                     .arg(QFileInfo(read.path).fileName(),
                          QString::fromStdString(mxscope::format_issues(issues)).trimmed());
    return read;
  }
  const QString folder = QFileInfo(read.path).absolutePath();
  QFile windows(folder + QLatin1String("/windows.csv"));
  if (windows.size() > 0 && windows.size() <= kLargestFile && windows.open(QIODevice::ReadOnly)) {
    mxscope::Issues ignored;
    const std::string csv = windows.readAll().toStdString();
    results.windows = mxscope::windows_from_csv(csv, ignored);
  }
  read.loaded = toWorkspace(results);
  for (Job& job : read.loaded.jobs) {
    job.listed = false;  // they were never queued here
    job.file = QFileInfo(read.path).absoluteFilePath();
    mxscope::Issues ignored;
    const std::string utf8 = job.experiment.toStdString();
    const mxscope::Experiment experiment =
        mxscope::experiment_from_json(std::string_view(utf8), ignored);
    if (mxscope::has_errors(ignored)) {
      continue;
    }
    QHash<QString, QString>& keys = read.keys[job.id];
    keys.insert(QStringLiteral("baseline"), baselineKey(experiment, folder));
    for (const KeyedVariant& variant : keyedVariants(experiment, folder, nullptr)) {
      keys.insert(QString::fromStdString(variant.resolved.name), variant.key);
    }
  }
  return read;
}

void addResults(Workspace* workspace, QueueController* queue, ReadResults results) {
  for (const Job& job : results.loaded.jobs) {
    workspace->addJob(job);
  }
  workspace->addRuns(std::move(results.loaded.runs));
  for (auto it = results.loaded.baselines.cbegin(); it != results.loaded.baselines.cend(); ++it) {
    workspace->restoreBaseline(it.key(), it.value());
  }
  if (!queue) {
    return;
  }
  for (const Job& job : results.loaded.jobs) {
    queue->rememberDone(job.id, results.keys.value(job.id), QFileInfo(results.path).absolutePath());
  }
}

bool readResults(Workspace* workspace, const QString& path, QString* error,
                 QueueController* queue) {
  ReadResults results = readResultsFile(path);
  *error = results.error;
  if (!error->isEmpty()) {
    return false;
  }
  addResults(workspace, queue, std::move(results));
  return true;
}

}  // namespace mxscope::ui
