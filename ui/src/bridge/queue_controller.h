// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QElapsedTimer>
#include <QHash>
#include <QObject>
#include <QSet>

#include "bridge/engine_client.h"
#include "models/experiment_document.h"
#include "models/time_left.h"
#include "models/workspace.h"

class QUndoStack;

namespace mxscope::ui {

struct LoadedResults;

// What a failure bar says: at most one is shown, UX.md 2.10.
struct Problem {
  QString title;    // "Run stopped: not enough GPU memory."
  QString text;     // what happened, in numbers, and what it means for the rest
  QString jobId;    // may be empty
  QString code;     // of the error event, or "engine_died", "engine_missing"
  QStringList log;  // last lines of the engine
  QString same;     // problems with the same text here are shown once; empty: always
};

// The queue: jobs wait in the workspace's order, one runs at a time. Turns the engine's events into
// changes of the workspace. GUI thread only.
class QueueController : public QObject {
  Q_OBJECT

 public:
  QueueController(Workspace* workspace, EngineClient* engine, QUndoStack* undo,
                  QObject* parent = nullptr);
  ~QueueController() override;

  // What `inspect` told of a model, for the size of its weights under each variant.
  using ModelLookup = std::function<const ModelInfo&(const QString& source)>;
  void setModelLookup(ModelLookup lookup) { m_modelInfo = std::move(lookup); }
  // Where results are kept, a folder per job; empty: the engine's own choice (a remote engine).
  void setOutputFolder(const QString& folder) { m_outputFolder = folder; }
  [[nodiscard]] QString outputFolder(const QString& jobId) const;

  // Adds jobs at the end; undoable while they wait. Returns their ids.
  QStringList add(const std::vector<PlannedJob>& jobs, const QString& experimentName);

  [[nodiscard]] bool isStarted() const { return m_started; }
  [[nodiscard]] QString currentJob() const { return m_current; }
  [[nodiscard]] bool pausesAfterThis() const { return m_pauseAfter; }
  [[nodiscard]] QStringList waiting() const;
  // Seconds until everything is done, from rates seen; empty: not known.
  [[nodiscard]] std::optional<double> secondsLeft() const;
  // Identities (run_keys.h) of the runs that are done.
  [[nodiscard]] const QSet<QString>& doneKeys() const { return m_doneKeys; }
  // And of those that wait or run, which adding again would only repeat.
  [[nodiscard]] QSet<QString> queuedKeys() const;
  // Counts the finished runs of a loaded job as done; relative paths start at `baseDir`.
  void rememberDone(const QString& jobId, const QHash<QString, QString>& keyByVariant,
                    const QString& baseDir);
  [[nodiscard]] QHash<QString, QString> keysOf(const QString& jobId) const;  // by variant
  [[nodiscard]] QString baseDirOf(const QString& jobId) const { return m_baseDirs.value(jobId); }
  // Takes a job of an earlier session, in the state given. A paused or interrupted one becomes the
  // current job, which start() resumes; nothing starts by itself.
  void restoreJob(Job job, const QHash<QString, QString>& keyByVariant, const QString& baseDir);
  // Gives the runs of a job what a results file says of them: records, windows, done identities.
  void takeResults(const QString& jobId, const LoadedResults& results);
  // Files of finished jobs are being read, or their models asked about.
  [[nodiscard]] bool isReading() const { return m_reading > 0; }
  // Adds the runs of a job that the workspace lacks, with what its experiment says of them;
  // `finishing` may be empty.
  void createRuns(const QString& jobId, const QStringList& variants, RunState state,
                  const std::function<void(Run&)>& finishing = nullptr);
  // Asks the engine for the panels that it stored of a job that is held.
  void readPartial(const QString& jobId);
  // Asks the engine for the sizes of the job's linears where its runs have no weight in bytes.
  void weighLater(const QString& jobId);

  void start();           // or resume the paused job
  void pauseAfterThis();  // toggles
  void pauseNow();
  void cancel(const QString& jobId);
  void remove(const QStringList& jobIds);            // waiting and finished ones; undoable
  void move(const QStringList& jobIds, int offset);  // undoable
  void moveTo(const QStringList& jobIds, int row);   // undoable
  void retry(const QString& jobId, bool smallerBatch = false);
  void retryAllFailed();
  void restartEngine();

 Q_SIGNALS:
  void changed();  // started, paused, current job
  void problem(const Problem& problem);
  void jobEnded(const QString& jobId);
  void recordTaken(const QString& jobId);  // what the engine wrote of an ended job is known
  void queueEnded(int done, int failed);
  void logLine(const QString& level, const QString& text);

 private:
  void next();
  void handle(const std::vector<mxscope::Event>& batch);
  void handle(const mxscope::Event& event);
  void begin(const mxscope::StartedEvent& started);
  void take(const mxscope::ResultEvent& result);
  void tellTimeLeft(std::optional<double> tokensPerSecond);
  void learnSweepKeys();
  void finish(const QString& state, double seconds);
  void finishRuns(RunState state, const QString& error);
  void engineDied(const EngineFailure& failure);
  void fail(const QString& title, const QString& text, const QString& code);
  void readRecord(const QString& jobId);
  void setOrder(const QString& text, const QStringList& order);
  bool weigh(const QString& jobId, const ModelInfo& info);
  [[nodiscard]] bool isHeld() const;  // the current job is paused or interrupted
  void request(const QString& jobId, bool resume);

  Workspace* m_workspace;
  EngineClient* m_engine;
  QUndoStack* m_undo;
  QString m_outputFolder;
  QString m_current;
  bool m_started = false, m_pauseAfter = false;
  bool m_pausedInPlace = false;  // the engine holds the job; else it ended it and can resume
  int m_doneCount = 0, m_failedCount = 0;
  int m_reading = 0;
  QElapsedTimer m_clock;                // of the time left
  TimeLeft m_timeLeft;                  // of the current job
  std::optional<double> m_secondsLeft;  // of the whole queue, as last told
  QString m_lastFailure;
  int m_equalFailures = 0;
  QTimer m_cancelTimer;
  QHash<QString, QHash<QString, QString>> m_keys;  // job -> variant -> identity
  QHash<QString, QString> m_baseDirs;
  QHash<QString, ModelInfo> m_weighed;  // by model source
  QSet<QString> m_doneKeys;
  QString m_errorCode, m_errorText;  // of the running job
  ModelLookup m_modelInfo;
};

}  // namespace mxscope::ui
