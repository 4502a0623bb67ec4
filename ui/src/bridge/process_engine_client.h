// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QProcess>
#include <memory>

#include "bridge/engine_client.h"

namespace mxscope::ui {

// The engine as a child process that speaks JSON lines on stdin and stdout: `mxscope serve` beside
// this program, or any configured command such as `ssh host mxscope serve`.
class ProcessEngineClient : public EngineClient {
  Q_OBJECT

 public:
  // `command` as typed in a shell (quotes are understood); empty: the default command.
  explicit ProcessEngineClient(const QString& command = {}, QObject* parent = nullptr);
  ~ProcessEngineClient() override;

  // `mxscope serve` beside this program, else of PATH.
  [[nodiscard]] static QString defaultCommand();
  void setCommand(const QString& command);  // from the next start on
  [[nodiscard]] QString description() const override { return m_command; }
  [[nodiscard]] qint64 processId() const;  // 0: none

  void start() override;
  void stop() override;
  void kill() override;

 protected:
  void send(const QByteArray& line) override;

 private:
  void readOutput();
  void readLog();
  void finished(int exitCode, QProcess::ExitStatus status);
  void discard();

  QString m_command;
  std::unique_ptr<QProcess> m_process;
  QByteArray m_output, m_log;
  bool m_expectEnd = false;
};

}  // namespace mxscope::ui
