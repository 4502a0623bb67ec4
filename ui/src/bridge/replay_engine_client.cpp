// SPDX-License-Identifier: GPL-3.0-or-later
#include "bridge/replay_engine_client.h"

#include <QFile>

namespace mxscope::ui {

ReplayEngineClient::ReplayEngineClient(QObject* parent) : EngineClient(parent) {
  m_timer.setInterval(1);
  connect(&m_timer, &QTimer::timeout, this, &ReplayEngineClient::step);
}

bool ReplayEngineClient::load(const QString& path) {
  QFile file(path);
  if (!file.open(QIODevice::ReadOnly)) {
    return false;
  }
  m_stream.clear();
  while (!file.atEnd()) {
    std::string error;
    if (auto event = mxscope::decode_event(file.readLine().trimmed().toStdString(), error)) {
      m_stream.push_back(std::move(*event));
    }
  }
  return !m_stream.empty();
}

void ReplayEngineClient::setReply(const QString& type, const nlohmann::ordered_json& payload) {
  m_replies.insert(type, payload);
  m_errors.remove(type);
}

void ReplayEngineClient::setError(const QString& type, const QString& sentence) {
  m_errors.insert(type, sentence);
}

void ReplayEngineClient::setHeld(bool held) {
  m_held = held;
  if (!held && m_next > 0 && m_next < m_stream.size()) {
    m_timer.start();
  }
}

void ReplayEngineClient::die(const QString& signalName) {
  m_timer.stop();
  m_next = 0;
  EngineFailure failure;
  failure.signalName = signalName;
  failure.text = tr("The engine was ended by %1.").arg(signalName);
  fail(failure);
}

void ReplayEngineClient::start() {
  if (state() == State::kStopped) {
    setState(State::kStarting);
    mxscope::Event hello;
    hello.body = mxscope::HelloEvent{"replay", mxscope::kProtocolVersion, m_devices};
    receive(hello);
  }
}

void ReplayEngineClient::stop() {
  m_timer.stop();
  forgetEngine();
}

void ReplayEngineClient::kill() {
  if (state() != State::kStopped) {
    m_timer.stop();
    EngineFailure failure;
    failure.text = tr("The engine was ended.");
    fail(failure);
  }
}

void ReplayEngineClient::send(const QByteArray& line) {
  std::string error;
  const std::optional<mxscope::Request> sent = mxscope::decode_request(line.toStdString(), error);
  if (!sent) {
    Q_EMIT logLine(QStringLiteral("warning"), QString::fromStdString(error));
    return;
  }
  m_requests.push_back(*sent);
  if (const auto* run = std::get_if<mxscope::RunRequest>(&sent->body)) {
    m_job = run->job;
    m_next = 0;
    if (!m_held) {
      m_timer.start();
    }
  } else if (std::holds_alternative<mxscope::CancelRequest>(sent->body)) {
    end("cancelled");
  } else if (std::holds_alternative<mxscope::PauseRequest>(sent->body)) {
    end("paused");
  }
  const std::string_view name = mxscope::type_name(*sent);
  const QString type = QString::fromUtf8(name.data(), static_cast<qsizetype>(name.size()));
  QTimer::singleShot(0, this, [this, type, id = sent->id] {
    mxscope::ReplyEvent reply;
    reply.id = id;
    if (m_errors.contains(type)) {
      reply.error_code = "invalid_input";
      reply.error_text = m_errors.value(type).toStdString();
    } else {
      reply.payload = m_replies.value(type, nlohmann::ordered_json::object());
    }
    mxscope::Event event;
    event.body = std::move(reply);
    receive(std::move(event));
  });
}

void ReplayEngineClient::end(const std::string& state) {
  m_timer.stop();
  QTimer::singleShot(0, this, [this, state] {
    mxscope::Event event;
    event.job = m_job;
    event.body = mxscope::DoneEvent{state, 1.0};
    receive(std::move(event));
  });
}

void ReplayEngineClient::step() {
  if (m_held || m_next >= m_stream.size()) {
    m_timer.stop();
    return;
  }
  mxscope::Event event = m_stream[m_next++];
  if (std::holds_alternative<mxscope::ReplyEvent>(event.body) ||
      std::holds_alternative<mxscope::HelloEvent>(event.body) ||
      std::holds_alternative<mxscope::ByeEvent>(event.body)) {
    return;
  }
  if (!event.job.empty()) {
    event.job = m_job;
  }
  receive(std::move(event));
}

}  // namespace mxscope::ui
