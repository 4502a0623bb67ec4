// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QHash>
#include <QObject>
#include <QSet>
#include <QTimer>
#include <functional>

#include "models/workspace_types.h"

class QUndoStack;

namespace mxscope::ui {

// Everything the window knows about jobs and runs, with the selection, the hidden and pinned runs
// and the baselines that the table, the plots and the details share. Owned by MainWindow; GUI
// thread only. Pointers returned are valid until the next change of the list of runs or jobs.
//
// Changes are collected and told at most 20 times a second (flush() tells them at once); runsAdded,
// runsRemoved and the signals of the user's own actions come at once.
class Workspace : public QObject {
  Q_OBJECT

 public:
  explicit Workspace(QObject* parent = nullptr);
  ~Workspace() override;

  // --- reading -------------------------------------------------------------------------------
  [[nodiscard]] const QStringList& runIds() const { return m_runOrder; }  // in order of number
  [[nodiscard]] const QStringList& jobIds() const { return m_jobOrder; }  // as in the queue
  [[nodiscard]] const Run* run(const QString& id) const;
  [[nodiscard]] const Job* job(const QString& id) const;
  [[nodiscard]] const Run* findRun(const QString& jobId, const QString& variant) const;
  [[nodiscard]] QStringList runsOfJob(const QString& jobId) const;  // baseline first
  // The job that runs now, or else the last one that had live data; empty when there is none.
  [[nodiscard]] QString liveJob() const { return m_liveJob; }
  [[nodiscard]] const QMap<QString, DeviceHistory>& devices() const { return m_devices; }

  // --- baseline and comparison ---------------------------------------------------------------
  // The run that differences of this job's runs are taken against: chosen, or the job's own.
  [[nodiscard]] const Run* baselineFor(const QString& jobId) const;
  [[nodiscard]] bool isChosenBaseline(const QString& runId) const;  // differs from the job's own
  // Why the two cannot be subtracted, e.g. "context 2048 against 512"; empty: comparable.
  [[nodiscard]] QStringList differences(const Run& a, const Run& b) const;
  // The difference against baselineFor(run.jobId): recorded when it is the job's own baseline,
  // else computed from the windows of both. Empty: baseline itself, not comparable, no data.
  [[nodiscard]] std::optional<Delta> deltaOf(const QString& runId) const;
  // Makes the run the baseline of its own job and of all jobs comparable with it. Undoable.
  void setBaseline(const QString& runId);
  void resetBaseline();  // back to each job's own. Undoable.
  // As it was in an earlier session; no step of the undo stack.
  void restoreBaseline(const QString& jobId, const QString& runId);

  // --- selection, shown, pinned --------------------------------------------------------------
  [[nodiscard]] const QSet<QString>& selection() const { return m_selection; }
  void setSelection(const QSet<QString>& runIds);
  [[nodiscard]] bool isHidden(const QString& runId) const { return m_hidden.contains(runId); }
  void setHidden(const QString& runId, bool hidden);
  [[nodiscard]] bool isPinned(const QString& runId) const { return m_pinned.contains(runId); }
  void setPinned(const QString& runId, bool pinned);  // at most six

  // --- undoable edits of results -------------------------------------------------------------
  void setNotes(const QString& runId, const QString& notes);
  void setTags(const QString& runId, const QStringList& tags);
  void removeRuns(const QStringList& runIds);
  void setUndoStack(QUndoStack* stack) { m_undo = stack; }

  // --- writing, by the bridge and the queue --------------------------------------------------
  // Returns the id (made when empty). Runs get the next free number.
  QString addJob(Job job);
  QString addRun(Run run);
  void addRuns(std::vector<Run> runs);
  void removeJob(const QString& jobId, bool withRuns);
  void setJobOrder(const QStringList& jobIds);
  void changeJob(const QString& jobId, const std::function<void(Job&)>& change);
  void changeRun(const QString& runId, const std::function<void(Run&)>& change);
  // Merges the sums of a finished panel in window order and refreshes the running metrics.
  void addWindows(const QString& jobId, const QString& variant, const WindowSeries& panel);
  void addMemory(const QString& device, const QString& name, const MemorySample& sample);
  void setDevices(const QMap<QString, DeviceHistory>& devices);
  void clear();
  void flush();

 Q_SIGNALS:
  void runsAdded(const QStringList& runIds);
  void runsRemoved(const QStringList& runIds);
  void runsChanged(const QStringList& runIds);
  void jobsChanged(const QStringList& jobIds);  // added, removed, moved or changed
  void liveBatch(const QStringList& jobIds);    // new windows
  void memoryBatch();
  void selectionChanged();
  void visibilityChanged();
  void pinsChanged();
  void baselineChanged();
  void wasReset();  // everything may be different

 private:
  void touchRun(const QString& id);
  void touchJob(const QString& id);
  void insertRun(Run run);
  void indexJob(const QString& jobId);
  void takeRuns(const QStringList& runIds, std::vector<Run>* taken);
  void applyBaselines(const QHash<QString, QString>& baselines);
  void push(const QString& text, std::function<void()> redo, std::function<void()> undo);

  QStringList m_runOrder, m_jobOrder;
  QHash<QString, Run> m_runs;
  QHash<QString, Job> m_jobs;
  struct JobRuns {
    QStringList ids;                    // baselines first, then by number
    QHash<QString, QString> byVariant;  // variant -> run
  };
  QHash<QString, JobRuns> m_runsOfJob;
  QHash<QString, QString> m_chosenBaseline;               // job -> run
  mutable QHash<QString, std::optional<Delta>> m_deltas;  // computed ones; emptied by changes
  QSet<QString> m_selection, m_hidden, m_pinned;
  QMap<QString, DeviceHistory> m_devices;
  QString m_liveJob;
  int m_nextNumber = 1;
  QUndoStack* m_undo = nullptr;

  QTimer m_timer;
  QSet<QString> m_changedRuns, m_changedJobs, m_liveJobs;
  bool m_memoryChanged = false;
};

}  // namespace mxscope::ui
