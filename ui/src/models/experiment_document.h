// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QHash>
#include <QObject>
#include <functional>
#include <optional>
#include <vector>

#include "mxscope/core/base/issue.h"
#include "mxscope/core/experiment/experiment.h"
#include "mxscope/core/experiment/rules.h"
#include "mxscope/core/experiment/variants.h"

class QUndoStack;

namespace mxscope::ui {

// What the engine told about a checkpoint (`inspect`), or why it cannot be used.
struct ModelInfo {
  enum class State { kUnknown, kReading, kReady, kFailed };
  State state = State::kUnknown;
  QString error;  // kFailed: a sentence
  QString architecture, dtype;
  int blocks = 0;
  double bytes = 0;  // of the checkpoint
  double parameters = 0;
  int maxContext = 0;  // 0: not told
  std::vector<mxscope::LinearInfo> linears;
  QStringList unsupported;  // layer types the engine leaves alone
};

// One job as the queue takes it: an experiment with one model and the variants still to run.
struct PlannedJob {
  mxscope::Experiment experiment;
  QString baseDir;
  QStringList keys;  // identity of each run, by variant; the baseline's first
};

struct RunPlan {
  std::vector<PlannedJob> jobs;
  int models = 0, variants = 0;
  int total = 0, alreadyDone = 0;  // runs without baselines
  [[nodiscard]] int toAdd() const { return total - alreadyDone; }
};

// The experiment in the builder: a value, its file, and every edit as a step of the undo stack.
// GUI thread only.
class ExperimentDocument : public QObject {
  Q_OBJECT

 public:
  explicit ExperimentDocument(QUndoStack* undo, QObject* parent = nullptr);

  [[nodiscard]] const mxscope::Experiment& experiment() const { return m_experiment; }
  [[nodiscard]] const mxscope::Issues& issues() const { return m_issues; }
  [[nodiscard]] QString issueAt(const QString& pathPrefix) const;  // first one's sentence
  [[nodiscard]] bool hasErrors() const { return mxscope::has_errors(m_issues); }
  [[nodiscard]] QString filePath() const { return m_filePath; }
  [[nodiscard]] QString baseDir() const;  // where relative paths start
  [[nodiscard]] QString title() const;
  [[nodiscard]] bool isReadOnly() const { return m_readOnly; }
  [[nodiscard]] bool isModified() const;
  void setReadOnly(bool readOnly);

  // One step of undo; steps with the same non-empty key that follow each other become one (typing).
  void edit(const QString& text, const std::function<void(mxscope::Experiment&)>& change,
            const QString& mergeKey = {});
  // Replaces everything and forgets the undo history.
  void reset(const mxscope::Experiment& experiment, const QString& filePath);
  // False: not read; `error` says why, with all problems.
  bool load(const QString& path, QString* error);
  bool save(const QString& path, QString* error);
  [[nodiscard]] QByteArray toJson() const;
  [[nodiscard]] static mxscope::Experiment emptyExperiment();

  // --- models --------------------------------------------------------------------------------
  [[nodiscard]] const ModelInfo& modelInfo(const QString& source) const;
  void setModelInfo(const QString& source, const ModelInfo& info);
  // The model whose linears rules and tree show.
  [[nodiscard]] int currentModel() const { return m_currentModel; }
  void setCurrentModel(int index);
  [[nodiscard]] const ModelInfo& currentModelInfo() const;

  // --- variants ------------------------------------------------------------------------------
  [[nodiscard]] int currentVariant() const { return m_currentVariant; }
  void setCurrentVariant(int index);
  // What the current variant does to the linears of the current model; empty when it has problems.
  [[nodiscard]] std::optional<mxscope::MatchReport> currentMatches() const;
  // Variants that share the current one's selectors, itself included: edited together.
  [[nodiscard]] std::vector<int> sharingVariants() const;

  // Runs to make, less those whose identity is in `done`.
  [[nodiscard]] RunPlan plan(const QSet<QString>& done, bool rerunDone = false) const;

 Q_SIGNALS:
  void changed();  // the experiment's value
  void fileChanged();
  void modelInfoChanged(const QString& source);
  void currentModelChanged();
  void currentVariantChanged();

 private:
  friend class ExperimentEdit;
  void apply(const mxscope::Experiment& experiment);

  QUndoStack* m_undo;
  mxscope::Experiment m_experiment, m_saved;
  mxscope::Issues m_issues;
  QString m_filePath;
  bool m_readOnly = false;
  QHash<QString, ModelInfo> m_models;
  int m_currentModel = 0, m_currentVariant = 0;
};

// --- the builder's view of a variant: which layers, and in which formats -------------------------

// Whether two variants choose layers alike (selectors and kept layers; formats may differ).
[[nodiscard]] bool sameSelectors(const mxscope::VariantEntry& a, const mxscope::VariantEntry& b);
// A rule that leaves what it matches as it is.
[[nodiscard]] bool keepsLayers(const mxscope::RuleEntry& rule);
// A rule made of full names of linears only, as the check boxes of the tree make it.
[[nodiscard]] bool isManualRule(const mxscope::RuleEntry& rule,
                                const std::vector<mxscope::LinearInfo>& linears);
// Turns tier and formats into rules of the same effect, so that they can be edited one by one.
void makeRules(mxscope::VariantEntry& variant);
// Sets what the given linears get on top of all rules; a name leaves earlier manual rules.
void setManual(mxscope::VariantEntry& variant, const std::vector<std::string>& names, bool quantise,
               const std::vector<mxscope::LinearInfo>& linears);
void removeManual(mxscope::VariantEntry& variant, const std::vector<mxscope::LinearInfo>& linears);
// Gives a rule the formats that the variant's other rules have (MXFP8 E4M3 when there are none).
void setOperandsLike(const mxscope::VariantEntry& variant, mxscope::RuleEntry& rule);
// Formats of a variant for lists: of all its rules that quantise; empty optional: they differ.
struct VariantFormats {
  std::optional<mxscope::Format> weight, activation;
  std::optional<std::int64_t> block;
  std::optional<mxscope::ScaleRule> scale;
  std::vector<mxscope::Format> weights;  // all that appear
  std::vector<std::int64_t> blocks;
};
[[nodiscard]] VariantFormats formatsOf(const mxscope::VariantEntry& variant);
void setWeightFormat(mxscope::VariantEntry& variant, mxscope::Format format);
void setActivationFormat(mxscope::VariantEntry& variant, mxscope::Format format);
void setBlock(mxscope::VariantEntry& variant, std::int64_t block);
void setScale(mxscope::VariantEntry& variant, mxscope::ScaleRule scale);
// "Tier B", "*.mlp.* @attention", "everything".
[[nodiscard]] QString layersText(const mxscope::VariantEntry& variant);
// "MXFP8 E4M3"; "none" is "unquantised".
[[nodiscard]] QString formatLabel(mxscope::Format format);

}  // namespace mxscope::ui
