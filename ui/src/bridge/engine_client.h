// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QHash>
#include <QObject>
#include <QStringList>
#include <QTimer>
#include <functional>
#include <vector>

#include "mxscope/core/protocol/events.h"

namespace mxscope::ui {

// How an engine ended when it should not have.
struct EngineFailure {
  QString text;         // a sentence with the signal's name or the exit code
  QString signalName;   // "SIGKILL"; empty when it exited by itself or never started
  QString command;      // as it was started
  QStringList logTail;  // its last lines on stderr, oldest first
  bool neverStarted = false;
};

// An engine as the window sees it: requests with replies, and batches of events (DESIGN.md section
// 6). GUI thread only; nothing here blocks. Events arrive decoded and in the engine's order,
// at most 20 batches a second.
class EngineClient : public QObject {
  Q_OBJECT

 public:
  enum class State { kStopped, kStarting, kReady };
  using RequestBody = decltype(mxscope::Request::body);
  // Called once. An engine that died answers with error_code "engine_died".
  using Reply = std::function<void(const mxscope::ReplyEvent& reply)>;

  explicit EngineClient(QObject* parent = nullptr);
  ~EngineClient() override;

  [[nodiscard]] State state() const { return m_state; }
  // What the engine said of itself; empty before it came.
  [[nodiscard]] const std::optional<mxscope::HelloEvent>& hello() const { return m_hello; }
  [[nodiscard]] const QStringList& logTail() const { return m_logTail; }
  [[nodiscard]] virtual QString description() const = 0;  // the command, or what is replayed
  [[nodiscard]] bool hasPending() const { return !m_pending.isEmpty(); }

  // Sends the request, starting the engine first where needed. `reply` may be null.
  void request(RequestBody body, Reply reply = nullptr);
  // Starts the engine if it does not run.
  virtual void start() = 0;
  // Asks it to quit, and kills it when it has not after a second.
  virtual void stop() = 0;
  // Ends it now; a job that runs is lost but for its finished panels.
  virtual void kill() = 0;
  void restart();

 Q_SIGNALS:
  void stateChanged();
  void events(const std::vector<mxscope::Event>& batch);
  void died(const EngineFailure& failure);
  void logLine(const QString& level, const QString& text);

 protected:
  virtual void send(const QByteArray& line) = 0;  // without the line end
  void setState(State state);
  // One line of the engine's stdout.
  void receiveLine(const QByteArray& line);
  void receive(mxscope::Event event);
  void receiveLog(const QString& text);
  // Delivers what waits, answers every open request with the failure, then tells it.
  void fail(EngineFailure failure);
  void forgetEngine();  // the next start is a new engine

 private:
  void deliver();

  State m_state = State::kStopped;
  std::optional<mxscope::HelloEvent> m_hello;
  QStringList m_logTail;
  QHash<QString, Reply> m_pending;
  qint64 m_nextId = 1;
  std::vector<mxscope::Event> m_batch;
  QTimer m_batchTimer;
};

}  // namespace mxscope::ui
