// SPDX-License-Identifier: GPL-3.0-or-later
#include "models/experiment_document.h"

#include <QCryptographicHash>
#include <QDir>
#include <QFile>
#include <QFileInfo>
#include <QSaveFile>
#include <QSet>
#include <QUndoStack>

#include "models/run_keys.h"
#include "mxscope/core/base/error.h"
#include "mxscope/core/experiment/experiment_json.h"

namespace mxscope::ui {

// One edit: the whole experiment before and after, which is small and cannot go wrong.
class ExperimentEdit : public QUndoCommand {
 public:
  ExperimentEdit(ExperimentDocument* document, const QString& text, mxscope::Experiment before,
                 mxscope::Experiment after, QString key)
      : QUndoCommand(text),
        m_document(document),
        m_before(std::move(before)),
        m_after(std::move(after)),
        m_key(std::move(key)) {}
  void redo() override { m_document->apply(m_after); }
  void undo() override { m_document->apply(m_before); }
  [[nodiscard]] int id() const override { return m_key.isEmpty() ? -1 : 1; }
  bool mergeWith(const QUndoCommand* other) override {
    const auto* next = dynamic_cast<const ExperimentEdit*>(other);
    if (!next || next->m_key != m_key || next->m_document != m_document) {
      return false;
    }
    m_after = next->m_after;
    setText(next->text());
    return true;
  }

 private:
  ExperimentDocument* m_document;
  mxscope::Experiment m_before, m_after;
  QString m_key;
};

ExperimentDocument::ExperimentDocument(QUndoStack* undo, QObject* parent)
    : QObject(parent), m_undo(undo), m_experiment(emptyExperiment()), m_saved(m_experiment) {
  m_issues = mxscope::validate(m_experiment);
}

mxscope::Experiment ExperimentDocument::emptyExperiment() { return {}; }

QString ExperimentDocument::issueAt(const QString& pathPrefix) const {
  for (const mxscope::Issue& issue : m_issues) {
    const QString path = QString::fromStdString(issue.path);
    if (path == pathPrefix ||
        (path.startsWith(pathPrefix) && (path[pathPrefix.size()] == QLatin1Char('.') ||
                                         path[pathPrefix.size()] == QLatin1Char('[')))) {
      return QString::fromStdString(issue.message);
    }
  }
  return {};
}

QString ExperimentDocument::baseDir() const {
  return m_filePath.isEmpty() ? QDir::homePath() : QFileInfo(m_filePath).absolutePath();
}

QString ExperimentDocument::title() const {
  if (!m_filePath.isEmpty()) {
    return QFileInfo(m_filePath).completeBaseName();
  }
  return m_experiment.name.empty() ? tr("untitled") : QString::fromStdString(m_experiment.name);
}

bool ExperimentDocument::isModified() const { return !(m_experiment == m_saved); }

void ExperimentDocument::setReadOnly(bool readOnly) {
  if (m_readOnly != readOnly) {
    m_readOnly = readOnly;
    Q_EMIT fileChanged();
  }
}

void ExperimentDocument::edit(const QString& text,
                              const std::function<void(mxscope::Experiment&)>& change,
                              const QString& mergeKey) {
  mxscope::Experiment after = m_experiment;
  change(after);
  if (!(after == m_experiment)) {
    m_undo->push(new ExperimentEdit(this, text, m_experiment, std::move(after), mergeKey));
  }
}

void ExperimentDocument::apply(const mxscope::Experiment& experiment) {
  m_experiment = experiment;
  m_issues = mxscope::validate(m_experiment);
  const int models = static_cast<int>(m_experiment.models.size());
  const int variants = static_cast<int>(m_experiment.variants.size());
  m_currentModel = std::clamp(m_currentModel, 0, std::max(0, models - 1));
  m_currentVariant = std::clamp(m_currentVariant, 0, std::max(0, variants - 1));
  Q_EMIT changed();
}

void ExperimentDocument::reset(const mxscope::Experiment& experiment, const QString& filePath) {
  m_undo->clear();
  m_filePath = filePath;
  m_readOnly = false;
  m_currentModel = 0;
  m_currentVariant = 0;
  m_saved = experiment;
  apply(experiment);
  Q_EMIT fileChanged();
}

bool ExperimentDocument::load(const QString& path, QString* error) {
  QFile file(path);
  if (!file.open(QIODevice::ReadOnly)) {
    *error = tr("%1 cannot be read: %2").arg(QDir::toNativeSeparators(path), file.errorString());
    return false;
  }
  const QByteArray bytes = file.read(static_cast<qint64>(mxscope::kMaxExperimentBytes) + 1);
  mxscope::Issues issues;
  const mxscope::Experiment experiment = mxscope::experiment_from_json(
      std::string_view(bytes.constData(), static_cast<std::size_t>(bytes.size())), issues);
  // Values out of range are shown beside their fields; a file that is no experiment is refused.
  if (mxscope::has_errors(issues) && experiment.models.empty() && experiment.data.sources.empty()) {
    *error = tr("%1 is not an MXScope experiment: %2")
                 .arg(QFileInfo(path).fileName(),
                      QString::fromStdString(mxscope::format_issues(issues)).trimmed());
    return false;
  }
  reset(experiment, QFileInfo(path).absoluteFilePath());
  m_issues = issues;
  setReadOnly(!QFileInfo(path).isWritable());
  Q_EMIT changed();
  return true;
}

bool ExperimentDocument::save(const QString& path, QString* error) {
  QSaveFile file(path);
  const QByteArray bytes = toJson();
  if (!file.open(QIODevice::WriteOnly) || file.write(bytes) != bytes.size() || !file.commit()) {
    *error = tr("%1 cannot be written: %2").arg(QDir::toNativeSeparators(path), file.errorString());
    return false;
  }
  m_filePath = QFileInfo(path).absoluteFilePath();
  m_readOnly = false;
  m_saved = m_experiment;
  Q_EMIT fileChanged();
  return true;
}

QByteArray ExperimentDocument::toJson() const {
  return QByteArray::fromStdString(mxscope::to_json_text(m_experiment));
}

const ModelInfo& ExperimentDocument::modelInfo(const QString& source) const {
  static const ModelInfo unknown;
  const auto found = m_models.constFind(source);
  return found == m_models.constEnd() ? unknown : *found;
}

void ExperimentDocument::setModelInfo(const QString& source, const ModelInfo& info) {
  m_models.insert(source, info);
  Q_EMIT modelInfoChanged(source);
}

void ExperimentDocument::setCurrentModel(int index) {
  if (index != m_currentModel && index >= 0 &&
      index < static_cast<int>(m_experiment.models.size())) {
    m_currentModel = index;
    Q_EMIT currentModelChanged();
  }
}

const ModelInfo& ExperimentDocument::currentModelInfo() const {
  const auto index = static_cast<std::size_t>(m_currentModel);
  return modelInfo(index < m_experiment.models.size()
                       ? QString::fromStdString(m_experiment.models[index].source)
                       : QString());
}

void ExperimentDocument::setCurrentVariant(int index) {
  if (index != m_currentVariant && index >= 0 &&
      index < static_cast<int>(m_experiment.variants.size())) {
    m_currentVariant = index;
    Q_EMIT currentVariantChanged();
  }
}

std::optional<mxscope::MatchReport> ExperimentDocument::currentMatches() const {
  const auto index = static_cast<std::size_t>(m_currentVariant);
  if (index >= m_experiment.variants.size()) {
    return std::nullopt;
  }
  mxscope::Experiment single = m_experiment;
  single.variants = {m_experiment.variants[index]};
  single.sweep.reset();
  // Which layers a rule matches does not wait for a text to be chosen.
  if (single.data.sources.empty()) {
    single.data.sources = {"any"};
  }
  try {
    const std::vector<mxscope::ResolvedVariant> resolved = mxscope::expand_variants(single);
    if (resolved.empty()) {
      return std::nullopt;
    }
    return mxscope::match_rules(resolved.front(), currentModelInfo().linears);
  } catch (const mxscope::Error&) {
    return std::nullopt;
  }
}

std::vector<int> ExperimentDocument::sharingVariants() const {
  std::vector<int> shared;
  const auto current = static_cast<std::size_t>(m_currentVariant);
  for (std::size_t i = 0; i < m_experiment.variants.size(); ++i) {
    if (sameSelectors(m_experiment.variants[i], m_experiment.variants[current])) {
      shared.push_back(static_cast<int>(i));
    }
  }
  return shared;
}

RunPlan ExperimentDocument::plan(const QSet<QString>& done, bool rerunDone) const {
  RunPlan plan;
  plan.models = static_cast<int>(m_experiment.models.size());
  if (hasErrors()) {
    return plan;
  }
  for (const mxscope::ModelEntry& model : m_experiment.models) {
    const ModelInfo& info = modelInfo(QString::fromStdString(model.source));
    mxscope::Experiment single = m_experiment;
    single.models = {model};
    const std::vector<KeyedVariant> all = keyedVariants(
        single, baseDir(), info.state == ModelInfo::State::kReady ? &info.linears : nullptr);
    plan.variants = std::max(plan.variants, static_cast<int>(all.size()));
    plan.total += static_cast<int>(all.size());
    PlannedJob job;
    job.baseDir = baseDir();
    const QString baseline = baselineKey(single, baseDir());
    job.keys << baseline;
    single.variants.clear();
    bool sweepNeeded = false;
    for (const KeyedVariant& variant : all) {
      if (!rerunDone && done.contains(variant.key)) {
        ++plan.alreadyDone;
        continue;
      }
      job.keys << variant.key;
      if (variant.entry) {
        single.variants.push_back(*variant.entry);
      } else {
        sweepNeeded = true;
      }
    }
    // Before the model's layers are known nobody can say which places of a sweep are done.
    const bool layersKnown = info.state == ModelInfo::State::kReady && !info.linears.empty();
    if (!sweepNeeded && layersKnown) {
      single.sweep.reset();
    }
    if (job.keys.size() > 1 || single.sweep ||
        (all.empty() && (rerunDone || !done.contains(baseline)))) {
      if (all.empty() && !single.sweep) {
        ++plan.total;  // the baseline alone is a run of its own
      }
      job.experiment = std::move(single);
      plan.jobs.push_back(std::move(job));
    }
  }
  return plan;
}

}  // namespace mxscope::ui
