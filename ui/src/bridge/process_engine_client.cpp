// SPDX-License-Identifier: GPL-3.0-or-later
#include "bridge/process_engine_client.h"

#include <QCoreApplication>
#include <QFileInfo>
#include <QStandardPaths>
#include <csignal>
#include <cstring>

namespace mxscope::ui {

namespace {

constexpr qsizetype kLongestMessage = 64 << 20;  // a line beyond it is no message of ours
constexpr int kQuitMilliseconds = 1000;

QString signalName(int number) {
  const char* name = sigabbrev_np(number);
  return name ? QLatin1String("SIG") + QLatin1String(name)
              : QCoreApplication::translate("EngineClient", "signal %1").arg(number);
}

// A word of a command line, quoted so that QProcess::splitCommand gives it back.
QString quoted(const QString& word) {
  if (!word.contains(QLatin1Char(' '))) {
    return word;
  }
  return QLatin1Char('"') + word + QLatin1Char('"');
}

}  // namespace

ProcessEngineClient::ProcessEngineClient(const QString& command, QObject* parent)
    : EngineClient(parent), m_command(command.trimmed().isEmpty() ? defaultCommand() : command) {}

ProcessEngineClient::~ProcessEngineClient() {
  if (m_process) {
    m_process->disconnect(this);
    m_process->closeWriteChannel();
    if (!m_process->waitForFinished(kQuitMilliseconds)) {
      m_process->kill();
      m_process->waitForFinished(kQuitMilliseconds);
    }
  }
}

QString ProcessEngineClient::defaultCommand() {
  const QString beside = QCoreApplication::applicationDirPath() + QLatin1String("/mxscope");
  const QString found = QFileInfo(beside).isExecutable()
                            ? beside
                            : QStandardPaths::findExecutable(QStringLiteral("mxscope"));
  return quoted(found.isEmpty() ? QStringLiteral("mxscope") : found) + QLatin1String(" serve");
}

void ProcessEngineClient::setCommand(const QString& command) {
  m_command = command.trimmed().isEmpty() ? defaultCommand() : command;
}

qint64 ProcessEngineClient::processId() const { return m_process ? m_process->processId() : 0; }

void ProcessEngineClient::start() {
  if (m_process) {
    return;
  }
  QStringList words = QProcess::splitCommand(m_command);
  if (words.isEmpty()) {
    return;
  }
  m_process = std::make_unique<QProcess>();
  m_output.clear();
  m_log.clear();
  m_expectEnd = false;
  QProcess* process = m_process.get();
  connect(process, &QProcess::readyReadStandardOutput, this, &ProcessEngineClient::readOutput);
  connect(process, &QProcess::readyReadStandardError, this, &ProcessEngineClient::readLog);
  connect(process, &QProcess::finished, this, &ProcessEngineClient::finished);
  connect(process, &QProcess::errorOccurred, this, [this](QProcess::ProcessError error) {
    if (error == QProcess::FailedToStart && m_process) {
      EngineFailure failure;
      failure.neverStarted = true;
      failure.text = tr("The engine could not be started: \"%1\" was not found or is not "
                        "executable.")
                         .arg(QProcess::splitCommand(m_command).value(0));
      discard();
      receiveLog(failure.text);
      fail(failure);
    }
  });
  setState(State::kStarting);
  const QString program = words.takeFirst();
  process->start(program, words);
}

void ProcessEngineClient::stop() {
  if (!m_process) {
    return;
  }
  m_expectEnd = true;
  request(mxscope::QuitRequest());
  QProcess* process = m_process.get();
  process->closeWriteChannel();
  QTimer::singleShot(kQuitMilliseconds, process, [process] { process->kill(); });
}

void ProcessEngineClient::kill() {
  if (m_process) {
    m_process->disconnect(this);
    m_process->kill();
    m_process->waitForFinished(200);
    discard();
    EngineFailure failure;
    failure.text = tr("The engine was ended.");
    fail(failure);
  }
}

void ProcessEngineClient::send(const QByteArray& line) {
  if (m_process) {
    m_process->write(line + '\n');
  }
}

void ProcessEngineClient::readOutput() {
  if (!m_process) {
    return;
  }
  m_output += m_process->readAllStandardOutput();
  qsizetype begin = 0;
  for (qsizetype end = m_output.indexOf('\n'); end >= 0; end = m_output.indexOf('\n', begin)) {
    receiveLine(m_output.mid(begin, end - begin));
    begin = end + 1;
  }
  m_output.remove(0, begin);
  if (m_output.size() > kLongestMessage) {
    m_output.clear();
    receiveLog(tr("The engine sent a message of more than 64 MiB; it was dropped."));
  }
}

void ProcessEngineClient::readLog() {
  if (!m_process) {
    return;
  }
  m_log += m_process->readAllStandardError();
  qsizetype begin = 0;
  for (qsizetype end = m_log.indexOf('\n'); end >= 0; end = m_log.indexOf('\n', begin)) {
    receiveLog(QString::fromUtf8(m_log.mid(begin, end - begin)));
    begin = end + 1;
  }
  m_log.remove(0, begin);
}

void ProcessEngineClient::finished(int exitCode, QProcess::ExitStatus status) {
  readOutput();
  readLog();
  if (!m_log.isEmpty()) {
    receiveLog(QString::fromUtf8(m_log));
  }
  discard();
  if (m_expectEnd) {
    forgetEngine();
    return;
  }
  EngineFailure failure;
  if (status == QProcess::CrashExit) {
    failure.signalName = signalName(exitCode);
    failure.text = tr("The engine was ended by %1.").arg(failure.signalName);
  } else {
    failure.text = tr("The engine ended by itself with exit code %1.").arg(exitCode);
  }
  fail(failure);
}

void ProcessEngineClient::discard() {
  if (m_process) {
    // Called from the process's own signals too, so it must outlive this call.
    m_process->disconnect(this);
    m_process.release()->deleteLater();
  }
}

}  // namespace mxscope::ui
