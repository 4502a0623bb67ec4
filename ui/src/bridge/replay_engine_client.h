// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "bridge/engine_client.h"

namespace mxscope::ui {

// Plays back what an engine once wrote: for tests, and to look at a run without an engine. A `run`
// request plays the stream from its beginning under the job id asked for; other requests are
// answered from setReply().
class ReplayEngineClient : public EngineClient {
  Q_OBJECT

 public:
  explicit ReplayEngineClient(QObject* parent = nullptr);

  // JSON lines; false: not readable.
  bool load(const QString& path);
  void setStream(std::vector<mxscope::Event> stream) { m_stream = std::move(stream); }
  void setReply(const QString& type, const nlohmann::ordered_json& payload);
  void setError(const QString& type, const QString& sentence);
  void setDevices(std::vector<mxscope::DeviceDescription> devices) {
    m_devices = std::move(devices);
  }
  void setInterval(int milliseconds) { m_timer.setInterval(milliseconds); }
  void setHeld(bool held);  // stops the stream where it is
  // What an engine that was killed looks like from here.
  void die(const QString& signalName);
  [[nodiscard]] const std::vector<mxscope::Request>& requests() const { return m_requests; }

  [[nodiscard]] QString description() const override { return tr("recorded stream"); }
  void start() override;
  void stop() override;
  void kill() override;

 protected:
  void send(const QByteArray& line) override;

 private:
  void step();
  void end(const std::string& state);

  std::vector<mxscope::Event> m_stream;
  std::vector<mxscope::Request> m_requests;
  QHash<QString, nlohmann::ordered_json> m_replies;
  QHash<QString, QString> m_errors;
  std::vector<mxscope::DeviceDescription> m_devices;
  QTimer m_timer;
  std::size_t m_next = 0;
  std::string m_job;
  bool m_held = false;
};

}  // namespace mxscope::ui
