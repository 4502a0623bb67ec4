// SPDX-License-Identifier: GPL-3.0-or-later
#include "bridge/model_inspector.h"

#include "mxscope/core/experiment/experiment_json.h"

namespace mxscope::ui {

namespace {

using Json = nlohmann::ordered_json;

constexpr int kQuietMilliseconds = 250;  // typing ends before the engine is asked

const Json* member(const Json& object, const char* key) {
  if (!object.is_object()) {
    return nullptr;
  }
  const auto found = object.find(key);
  return found == object.end() ? nullptr : &*found;
}

double number(const Json& object, const char* key) {
  const Json* value = member(object, key);
  return value && value->is_number() ? value->get<double>() : 0;
}

std::string text(const Json& object, const char* key) {
  const Json* value = member(object, key);
  return value && value->is_string() ? value->get<std::string>() : std::string();
}

mxscope::LinearRole roleOf(const std::string& name) {
  for (const mxscope::LinearRole role :
       {mxscope::LinearRole::kAttention, mxscope::LinearRole::kMlp, mxscope::LinearRole::kExperts,
        mxscope::LinearRole::kHead}) {
    if (name == mxscope::to_string(role)) {
      return role;
    }
  }
  return mxscope::LinearRole::kOther;
}

}  // namespace

ModelInfo modelInfoFrom(const Json& payload) {
  ModelInfo info;
  info.state = ModelInfo::State::kReady;
  if (const Json* architecture = member(payload, "architecture")) {
    info.architecture = QString::fromStdString(text(*architecture, "model_type"));
    info.blocks = static_cast<int>(number(*architecture, "layers"));
    info.maxContext = static_cast<int>(number(*architecture, "max_positions"));
  }
  info.dtype = QString::fromStdString(text(payload, "stored_type"));
  info.bytes = number(payload, "bytes");
  info.parameters = number(payload, "parameters");
  const Json* linears = member(payload, "linears");
  if (linears && linears->is_array()) {
    for (const Json& entry : *linears) {
      mxscope::LinearInfo linear;
      linear.name = text(entry, "name");
      if (linear.name.empty()) {
        continue;
      }
      const Json* block = member(entry, "block");
      linear.block = block && block->is_number() ? block->get<std::int64_t>() : -1;
      linear.role = roleOf(text(entry, "role"));
      linear.in_features = static_cast<std::int64_t>(number(entry, "in_features"));
      linear.out_features = static_cast<std::int64_t>(number(entry, "out_features"));
      info.linears.push_back(std::move(linear));
    }
  }
  const Json* unused = member(payload, "unused_tensors");
  if (unused && unused->is_array()) {
    for (const Json& name : *unused) {
      if (name.is_string()) {
        info.unsupported << QString::fromStdString(name.get<std::string>());
      }
    }
  }
  return info;
}

ModelInspector::ModelInspector(ExperimentDocument* document, EngineClient* engine, QObject* parent)
    : QObject(parent), m_document(document), m_engine(engine) {
  m_timer.setSingleShot(true);
  m_timer.setInterval(kQuietMilliseconds);
  connect(&m_timer, &QTimer::timeout, this, &ModelInspector::refresh);
  connect(document, &ExperimentDocument::changed, &m_timer, qOverload<>(&QTimer::start));
}

void ModelInspector::inspectAgain(const QString& source) {
  m_document->setModelInfo(source, ModelInfo());
  m_timer.start();
}

void ModelInspector::refresh() {
  for (const mxscope::ModelEntry& model : m_document->experiment().models) {
    const QString source = QString::fromStdString(model.source);
    if (source.isEmpty() || m_document->modelInfo(source).state != ModelInfo::State::kUnknown) {
      continue;
    }
    ModelInfo reading;
    reading.state = ModelInfo::State::kReading;
    m_document->setModelInfo(source, reading);
    mxscope::InspectRequest request;
    request.model = model.source;
    request.base_dir = m_document->baseDir().toStdString();
    request.revision = model.revision;
    ++m_open;
    m_engine->request(std::move(request), [this, source](const mxscope::ReplyEvent& reply) {
      --m_open;
      ModelInfo info;
      if (reply.error_code.empty()) {
        info = modelInfoFrom(reply.payload);
      } else {
        info.state = ModelInfo::State::kFailed;
        info.error = QString::fromStdString(reply.error_text);
      }
      m_document->setModelInfo(source, info);
      if (m_open == 0) {
        Q_EMIT becameQuiet();
      }
    });
  }
  askEstimate();
}

void ModelInspector::askEstimate() {
  const quint64 serial = ++m_serial;
  const mxscope::Experiment& experiment = m_document->experiment();
  if (m_document->hasErrors() || experiment.models.empty() || experiment.data.sources.empty()) {
    m_estimate = Estimate();
    Q_EMIT estimateChanged();
    return;
  }
  mxscope::EstimateRequest request;
  request.experiment = mxscope::to_json(experiment);
  request.base_dir = m_document->baseDir().toStdString();
  ++m_open;
  m_engine->request(std::move(request), [this, serial](const mxscope::ReplyEvent& reply) {
    --m_open;
    if (serial == m_serial) {
      Estimate estimate;
      if (!reply.error_code.empty()) {
        estimate.error = QString::fromStdString(reply.error_text);
      } else {
        estimate.known = true;
        estimate.seconds = number(reply.payload, "seconds");
        const Json* jobs = member(reply.payload, "jobs");
        if (jobs && jobs->is_array()) {
          for (const Json& job : *jobs) {
            const double bytes = number(job, "total_bytes");
            if (bytes > estimate.peakBytes) {
              estimate.peakBytes = bytes;
              estimate.availableBytes = number(job, "available_bytes");
              estimate.device = QString::fromStdString(text(job, "device"));
            }
          }
        }
      }
      m_estimate = estimate;
      Q_EMIT estimateChanged();
    }
    if (m_open == 0) {
      Q_EMIT becameQuiet();
    }
  });
}

}  // namespace mxscope::ui
