// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QHash>
#include <QLockFile>
#include <QObject>
#include <QSet>
#include <QThreadPool>
#include <QTimer>
#include <memory>

#include "bridge/session_json.h"

namespace mxscope::ui {

class QueueController;
class Workspace;
struct ReadResults;

// Keeps the queue and the list of results in a file (session.json) while the window works, and
// brings them back at the next start: as they were after an orderly end; paused, with the job that
// ran on top, after any other. Results themselves stand in the folder of each job, or in the file
// that they were opened from. One window of a profile keeps a session; others have none.
// GUI thread only; files are read and written on other threads.
class SessionStore : public QObject {
  Q_OBJECT

 public:
  // `folder` keeps session.json, `jobs` a folder per job with its results.
  SessionStore(Workspace* workspace, QueueController* queue, const QString& folder,
               const QString& jobs, QObject* parent = nullptr);
  ~SessionStore() override;

  // Call once, before anything is added. False: another window has the session, which is left
  // alone.
  bool restore();
  [[nodiscard]] bool isRestoring() const { return m_reading > 0; }
  // Writes what is known and waits until it is on the disk. `ended`: the window closes in order.
  void saveNow(bool ended);

 Q_SIGNALS:
  // Of the job that ran when the window died; told once after restore().
  void interruptedFound(const QString& jobId);
  void restored();  // all files are read
  void logLine(const QString& level, const QString& text);

 private:
  void touch(const QStringList& jobIds);
  void touchRuns(const QStringList& runIds);
  void touchAll();
  [[nodiscard]] StoredJob collect(const QString& jobId) const;
  [[nodiscard]] QByteArray bytes(bool ended);
  void save();
  void restoreRuns(const StoredJob& stored);
  void readResultsOf(const StoredJob& stored);
  void addRuns(const StoredJob& stored, ReadResults&& read);
  void keepResults(const QString& jobId);

  Workspace* m_workspace;
  QueueController* m_queue;
  QString m_file, m_jobs;
  std::unique_ptr<QLockFile> m_lock;
  bool m_active = false;
  int m_reading = 0;
  QTimer m_timer;
  QSet<QString> m_changed;
  QHash<QString, QByteArray> m_parts;  // job -> its JSON
  QByteArray m_written;
  QThreadPool m_writer;  // of one thread, so that the last state is written last
};

}  // namespace mxscope::ui
