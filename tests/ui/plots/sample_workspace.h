// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "models/workspace.h"

// A workspace with made-up but self-consistent results: metrics and differences are computed by
// core from made-up windows, so that every figure agrees with every other.
namespace mxscope::ui::sample {

struct JobOptions {
  QString model = QStringLiteral("Llama-3.2-1B");
  QString name = QStringLiteral("formats");
  double nll = 2.28;
  int windows = 96;
  int context = 256;
  QString dataHash = QStringLiteral("d5f0aa11bb22");
  double weightGiB = 2.3;
  int seed = 1;
};

struct VariantOptions {
  QString variant, format;
  int block = 32;
  double loss = 0.02;  // mean of the paired difference, nats
  double bits = 8.25;
  RunState state = RunState::kDone;
  int windows = -1;  // fewer than the job's: still running
};

// Adds the job with its baseline; returns its id.
QString addJob(Workspace& workspace, const JobOptions& options);
// Adds a variant; returns the run's id.
QString addVariant(Workspace& workspace, const QString& jobId, const JobOptions& job,
                   const VariantOptions& variant);
// One job with four formats.
QString addFormats(Workspace& workspace, const JobOptions& options);
// A sweep of 16 blocks by six formats; three cells not run, one failed.
QString addSweep(Workspace& workspace);
// A job of which the last variant runs: 37 % done.
QString addRunning(Workspace& workspace);
void addDevices(Workspace& workspace, bool gpu);
// All of it: three models, a sweep, a running job, a GPU.
void fill(Workspace& workspace);

}  // namespace mxscope::ui::sample
