// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QHash>
#include <QJsonObject>
#include <QString>
#include <optional>
#include <vector>

#include "models/workspace_types.h"

namespace mxscope::ui {

// What the window itself adds to a run, or cannot read again quickly.
struct StoredRun {
  QString id, variant, notes;
  int number = 0;
  QStringList tags;
  bool hidden = false, pinned = false;
  std::optional<double> weightBytes;
};

// A job of the session: all of it but results, which stand in files of their own.
struct StoredJob {
  Job job;
  QString baseDir;
  QHash<QString, QString> keys;  // variant -> identity (run_keys.h)
  std::vector<StoredRun> runs;
  QString baseline;  // id of the run chosen as its baseline; empty: its own
};

// {"id": ..., "state": "waiting", "experiment": "{...}", "runs": [{...}], ...}
[[nodiscard]] QJsonObject toJson(const StoredJob& stored);
// Empty: not such an object. What is missing or of another kind keeps its default.
[[nodiscard]] std::optional<StoredJob> storedJobFrom(const QJsonObject& object);

}  // namespace mxscope::ui
