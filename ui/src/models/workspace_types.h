// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QDateTime>
#include <QMap>
#include <QString>
#include <QStringList>
#include <deque>
#include <memory>
#include <optional>
#include <vector>

#include "mxscope/core/results/results.h"

// The values that the window shows. They follow DESIGN.md section 6; a number that does not exist
// is an empty optional. Natural log; counts and sums in float64; sizes in bytes; times in seconds.
namespace mxscope::ui {

enum class JobState {
  kWaiting,
  kLoading,
  kRunning,
  kPausing,
  kPaused,
  kCancelling,
  kCancelled,
  kDone,
  kFailed,
  kInterrupted
};

enum class RunState { kWaiting, kRunning, kPaused, kDone, kCancelled, kFailed };

// Stable lower-case names, as in files and events ("waiting"); for texts use displayName().
[[nodiscard]] QString stateName(JobState state);
[[nodiscard]] QString stateName(RunState state);
[[nodiscard]] QString displayName(JobState state);
[[nodiscard]] QString displayName(RunState state);
// Loading, running, pausing or cancelling: the engine is at work on it.
[[nodiscard]] bool isActive(JobState state);

using mxscope::Delta;    // paired difference against a baseline, 95 % intervals
using mxscope::Metrics;  // what does not exist is empty

// Sums of the finished windows of one run, in window order: sums[i] belongs to window indices[i].
struct WindowSeries {
  std::vector<int> indices;  // ascending
  std::vector<mxscope::WindowSums> sums;
  [[nodiscard]] std::size_t size() const { return indices.size(); }
};

struct Sweep {
  QString over;    // "block", "linear" or "role"
  QString place;   // e.g. "model.layers.3"
  QString format;  // e.g. "mxfp4_e2m1"
};

struct Run {
  QString id;      // uuid, unique in the workspace
  int number = 0;  // shown as 001, 002...
  QString jobId;
  QString model;
  QString variant;  // "baseline" for the run without rules
  bool baseline = false;
  RunState state = RunState::kWaiting;
  double fraction = 0;  // share of the job done while it runs, 0..1

  // What is quantised, for columns and colours: "mxfp4_e2m1" and "none" are format ids of the
  // schema; "mixed" when rules differ.
  QString weightFormat, activationFormat;
  std::optional<int> block;  // empty: none, or mixed
  QString layersText;        // the rules' selectors, e.g. "*.mlp.* *.self_attn.*"
  int layers = 0;            // linears with any operand quantised

  Metrics metrics;                     // final, or of the windows seen so far while it runs
  std::optional<Delta> recordedDelta;  // by the engine, against the job's own baseline
  WindowSeries windows;                // live, or from the record
  std::optional<double> bitsPerValue;  // of the quantised weights
  std::optional<double> weightBytes;   // of the whole model under this variant
  std::optional<double> seconds, tokensPerSecond;
  qint64 tokens = 0;
  std::optional<Sweep> sweep;
  QString configHash;
  QString error;  // why it failed, a sentence
  QStringList tags;
  QString notes;
  QDateTime finishedAt;
  // The run as the engine wrote it (core's Run); null until its result came.
  std::shared_ptr<const mxscope::Run> record;
};

struct Job {
  QString id;
  QString name;        // of the experiment
  QString model;       // name
  QString experiment;  // the experiment of this one job: JSON text, models has one entry
  JobState state = JobState::kWaiting;
  QStringList variants;  // names, the baseline first
  int attempt = 1;
  bool listed = true;  // shown in the queue; off after "remove"
  QString folder;      // of its record, below the queue's; empty: the id
  QString file;        // results.json that it was opened from; empty: made by this queue

  // Protocol and data, the guard of every comparison.
  QString protocol;  // name
  int context = 0, stride = 0;
  int windowsTotal = 0;
  qint64 tokensTotal = 0;
  QString dataName, dataHash, tokenizerHash, tokenIdsHash;

  QString placement;
  QStringList devices;
  std::optional<double> weightBytes;  // of the baseline
  QMap<QString, double> peakBytes;    // by device
  std::optional<double> loadSeconds, totalSeconds;

  // Progress.
  double done = 0, total = 0;  // work units (block x variant x micro-batch)
  double loadedBytes = 0, loadTotalBytes = 0;
  int panel = 0, panels = 0;
  int windowsDone = 0;
  qint64 tokensDone = 0;
  std::optional<double> tokensPerSecond, secondsLeft;
  QString message;  // reason of a failure, a sentence
  QString code;     // of the error event, e.g. "out_of_memory"
  QDateTime addedAt, startedAt, finishedAt;
  // The job as in results.json (core's Job), and the environment it ran in (JSON text); null and
  // empty until they came.
  std::shared_ptr<const mxscope::Job> record;
  QString environment;

  [[nodiscard]] double fraction() const { return total > 0 ? done / total : 0; }
};

struct MemorySample {
  double time = 0;  // seconds since the epoch
  double usedByJob = 0, usedByOthers = 0, total = 0;
  std::optional<double> utilisation, power, temperature;  // percent, watts, degrees Celsius
};

struct DeviceHistory {
  QString device;                    // "cuda:0", "cpu"
  QString name;                      // "NVIDIA H100", may be empty
  std::deque<MemorySample> samples;  // the last two minutes
  double peakByJob = 0;
  std::optional<double> limit;  // bytes the job may use
};

}  // namespace mxscope::ui
