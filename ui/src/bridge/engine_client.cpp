// SPDX-License-Identifier: GPL-3.0-or-later
#include "bridge/engine_client.h"

namespace mxscope::ui {

namespace {

constexpr int kBatchMilliseconds = 60;
constexpr qsizetype kLogTailLines = 200;  // what a failure report keeps, UX.md 2.10
constexpr qsizetype kLongestLogLine = 4000;

}  // namespace

EngineClient::EngineClient(QObject* parent) : QObject(parent) {
  m_batchTimer.setInterval(kBatchMilliseconds);
  m_batchTimer.setSingleShot(true);
  connect(&m_batchTimer, &QTimer::timeout, this, &EngineClient::deliver);
}

EngineClient::~EngineClient() = default;

void EngineClient::request(RequestBody body, Reply reply) {
  start();
  if (m_state == State::kStopped) {
    // The start failed at once; answered later, since callers expect an asynchronous reply.
    if (reply) {
      mxscope::ReplyEvent answer;
      answer.error_code = "engine_died";
      answer.error_text = tr("The engine could not be started.").toStdString();
      QTimer::singleShot(0, this, [reply = std::move(reply), answer] { reply(answer); });
    }
    return;
  }
  mxscope::Request message;
  message.id = std::to_string(m_nextId++);
  message.body = std::move(body);
  if (reply) {
    m_pending.insert(QString::fromStdString(message.id), std::move(reply));
  }
  send(QByteArray::fromStdString(mxscope::encode(message)));
}

void EngineClient::restart() {
  kill();
  start();
}

void EngineClient::setState(State state) {
  if (m_state != state) {
    m_state = state;
    Q_EMIT stateChanged();
  }
}

void EngineClient::receiveLine(const QByteArray& line) {
  if (line.trimmed().isEmpty()) {
    return;
  }
  std::string error;
  std::optional<mxscope::Event> event = mxscope::decode_event(
      std::string_view(line.constData(), static_cast<std::size_t>(line.size())), error);
  if (!event) {
    Q_EMIT logLine(
        QStringLiteral("warning"),
        tr("A line of the engine was not understood: %1").arg(QString::fromStdString(error)));
    return;
  }
  receive(std::move(*event));
}

void EngineClient::receive(mxscope::Event event) {
  if (const auto* hello = std::get_if<mxscope::HelloEvent>(&event.body)) {
    m_hello = *hello;
    setState(State::kReady);
  } else if (const auto* answer = std::get_if<mxscope::ReplyEvent>(&event.body)) {
    deliver();  // keeps the order of events and replies
    const Reply reply = m_pending.take(QString::fromStdString(answer->id));
    if (reply) {
      reply(*answer);
    }
    return;
  }
  m_batch.push_back(std::move(event));
  if (!m_batchTimer.isActive()) {
    m_batchTimer.start();
  }
}

void EngineClient::receiveLog(const QString& line) {
  const QString shown = line.left(kLongestLogLine);
  m_logTail.append(shown);
  while (m_logTail.size() > kLogTailLines) {
    m_logTail.removeFirst();
  }
  Q_EMIT logLine(QStringLiteral("info"), shown);
}

void EngineClient::deliver() {
  m_batchTimer.stop();
  if (!m_batch.empty()) {
    const std::vector<mxscope::Event> batch = std::exchange(m_batch, {});
    Q_EMIT events(batch);
  }
}

void EngineClient::fail(EngineFailure failure) {
  deliver();
  failure.logTail = m_logTail;
  failure.command = description();
  forgetEngine();
  const QHash<QString, Reply> open = std::exchange(m_pending, {});
  mxscope::ReplyEvent answer;
  answer.error_code = "engine_died";
  answer.error_text = failure.text.toStdString();
  for (const Reply& reply : open) {
    reply(answer);
  }
  Q_EMIT died(failure);
}

void EngineClient::forgetEngine() {
  m_hello.reset();
  setState(State::kStopped);
}

}  // namespace mxscope::ui
