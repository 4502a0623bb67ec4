// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QHash>
#include <QString>

#include "bridge/run_decoder.h"

namespace mxscope::ui {

class QueueController;
class Workspace;

// What a results file holds, as the window takes it.
struct ReadResults {
  QString error;  // why nothing was read; empty: it was
  QString path;   // of results.json
  LoadedResults loaded;
  // Identities (run_keys.h) of the runs, job -> variant -> identity.
  QHash<QString, QHash<QString, QString>> keys;
};

// Reads results.json (or that of the folder given) and windows.csv beside it. Any thread.
[[nodiscard]] ReadResults readResultsFile(const QString& path);
// Adds them to the workspace. With `queue` they count as done, so that they are not queued again.
void addResults(Workspace* workspace, QueueController* queue, ReadResults results);
// Both at once. False: `error` says why nothing was added.
bool readResults(Workspace* workspace, const QString& path, QString* error,
                 QueueController* queue = nullptr);

}  // namespace mxscope::ui
