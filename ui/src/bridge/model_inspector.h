// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QObject>
#include <QSet>

#include "bridge/engine_client.h"
#include "models/experiment_document.h"

namespace mxscope::ui {

// Asks the engine about every model of the experiment (`inspect`) and about the experiment as a
// whole (`estimate`), shortly after the last change. GUI thread only.
class ModelInspector : public QObject {
  Q_OBJECT

 public:
  struct Estimate {
    bool known = false;
    double seconds = 0, peakBytes = 0, availableBytes = 0;
    QString device, error;
    [[nodiscard]] bool fits() const { return !known || peakBytes <= availableBytes; }
  };

  ModelInspector(ExperimentDocument* document, EngineClient* engine, QObject* parent = nullptr);

  [[nodiscard]] const Estimate& estimate() const { return m_estimate; }
  void inspectAgain(const QString& source);
  [[nodiscard]] bool isBusy() const { return m_open > 0 || m_timer.isActive(); }

 Q_SIGNALS:
  void estimateChanged();
  void becameQuiet();

 private:
  void refresh();
  void askEstimate();

  ExperimentDocument* m_document;
  EngineClient* m_engine;
  QTimer m_timer;
  Estimate m_estimate;
  int m_open = 0;
  quint64 m_serial = 0;
};

// The payload of an `inspect` reply; unknown shapes leave what is missing empty.
[[nodiscard]] ModelInfo modelInfoFrom(const nlohmann::ordered_json& payload);

}  // namespace mxscope::ui
