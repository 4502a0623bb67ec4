// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QString>

namespace mxscope::ui {

class QueueController;
class Workspace;

// Adds the runs of results.json (or of the folder that holds it) and of windows.csv beside it to
// the workspace. With `queue` they count as done, so that they are not queued again. False: `error`
// says why nothing was added.
bool readResults(Workspace* workspace, const QString& path, QString* error,
                 QueueController* queue = nullptr);

}  // namespace mxscope::ui
