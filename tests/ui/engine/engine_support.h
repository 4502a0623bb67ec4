// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QProcess>
#include <QUndoStack>

#include "bridge/process_engine_client.h"
#include "bridge/queue_controller.h"
#include "mxscope/core/experiment/experiment_json.h"
#include "ui/support/window_support.h"

// Tests with the real engine: its command, and experiments on the bundled model.
namespace mxscope::ui::testing {

inline QString engineProgram() { return QString::fromLocal8Bit(qgetenv("MXSCOPE")); }
inline QString serveCommand() { return engineProgram() + QLatin1String(" serve"); }

// JSON of an experiment of `windows` windows of 128 tokens with tier B in two formats, on `text` or
// else the bundled text, which has 607.
inline QByteArray experimentText(const QString& name, int windows, const QString& text = {}) {
  const QString demo = QStringLiteral(MXSCOPE_SOURCE_DIR "/resources/demo");
  return QStringLiteral(R"({"format": "mxscope-experiment", "version": 1, "name": "%1",
 "models": [{"name": "stories", "source": "%2/model", "dtype": "float32"}],
 "data": {"source": "%4"},
 "protocol": {"name": "windows", "context": 128, "max_windows": %3},
 "variants": [{"name": "tier B", "tier": "B"},
              {"name": "fp4", "tier": "B", "format": "mxfp4_e2m1", "block": 16}],
 "devices": ["cpu"]}
)")
      .arg(name, demo)
      .arg(windows)
      .arg(text.isEmpty() ? demo + QStringLiteral("/text/heldout.txt") : text)
      .toUtf8();
}

inline mxscope::Experiment experimentOf(int windows, const QString& text = {}) {
  mxscope::Issues issues;
  const std::string json = experimentText(QStringLiteral("test"), windows, text).toStdString();
  return mxscope::experiment_from_json(std::string_view(json), issues);
}

// A queue with an engine and without a window.
struct Bench {
  QTemporaryDir folder;
  QUndoStack undo;
  Workspace workspace;
  ProcessEngineClient engine;
  ExperimentDocument document{&undo};
  QueueController queue{&workspace, &engine, &undo};

  explicit Bench(const QString& command = serveCommand()) : engine(command) {
    queue.setOutputFolder(folder.path());
  }
  QString add(int windows, const QString& text = {}) {
    document.reset(experimentOf(windows, text), {});
    return queue.add(document.plan({}, true).jobs, QStringLiteral("test")).value(0);
  }
  [[nodiscard]] JobState state(const QString& job) const { return workspace.job(job)->state; }
  // Metrics by variant.
  [[nodiscard]] QMap<QString, double> perplexities(const QString& job) const {
    QMap<QString, double> values;
    for (const QString& id : workspace.runsOfJob(job)) {
      const Run* run = workspace.run(id);
      values.insert(run->variant, run->metrics.ppl.value_or(-1));
    }
    return values;
  }
};

}  // namespace mxscope::ui::testing
