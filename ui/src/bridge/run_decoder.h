// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QHash>

#include "models/workspace_types.h"
#include "mxscope/core/protocol/events.h"

// From the engine's values to the window's: the only place where both are known.
namespace mxscope::ui {

// Overwrites what the engine's run says; id, job, number, tags and notes stay.
void takeRecord(Run* run, const mxscope::Run& record);
// Overwrites what the record of the job says.
void takeRecord(Job* job, const mxscope::Job& record);
// Formats, block and selectors of what is quantised, from a run's contract and linears.
void describeVariant(Run* run, const mxscope::ResolvedVariant& variant);
[[nodiscard]] WindowSeries toSeries(const mxscope::VariantWindows& windows);
[[nodiscard]] WindowSeries toSeries(const mxscope::RunWindows& windows);
[[nodiscard]] MemorySample toSample(const mxscope::DeviceMemory& memory, double time);
[[nodiscard]] inline QString toQString(std::string_view text) {
  return QString::fromUtf8(text.data(), static_cast<qsizetype>(text.size()));
}
// All runs of a results file, as finished jobs.
struct LoadedResults {
  std::vector<Job> jobs;  // with ids
  std::vector<Run> runs;  // refer to them
  // Job -> run that the differences in the file were taken against, where it is not the job's own.
  QHash<QString, QString> baselines;
};
[[nodiscard]] LoadedResults toWorkspace(const mxscope::Results& results);

}  // namespace mxscope::ui
