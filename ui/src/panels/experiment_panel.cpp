// SPDX-License-Identifier: GPL-3.0-or-later
#include "panels/experiment_panel.h"

#include <QLabel>
#include <QPushButton>
#include <QScrollArea>
#include <QSet>
#include <QStyle>
#include <QVBoxLayout>
#include <algorithm>

#include "bridge/model_inspector.h"
#include "bridge/queue_controller.h"
#include "models/experiment_document.h"
#include "models/queue_model.h"
#include "panels/builder_sections.h"
#include "panels/sweep_dialog.h"
#include "plots/number_text.h"
#include "theme/theme.h"

namespace mxscope::ui {

ExperimentPanel::ExperimentPanel(ExperimentDocument* document, QueueController* queue,
                                 ModelInspector* inspector, EngineClient* engine, QWidget* parent)
    : QWidget(parent), m_document(document), m_queue(queue), m_inspector(inspector) {
  setObjectName(QStringLiteral("experimentPanel"));
  auto* layout = new QVBoxLayout(this);
  layout->setContentsMargins(8, 2, 4, 8);
  layout->setSpacing(6);
  auto* scroll = new QScrollArea(this);
  scroll->setObjectName(QStringLiteral("builderScroll"));
  scroll->setWidgetResizable(true);
  scroll->setHorizontalScrollBarPolicy(Qt::ScrollBarAlwaysOff);
  scroll->setFocusPolicy(Qt::NoFocus);
  auto* content = new QWidget(scroll);
  auto* column = new QVBoxLayout(content);
  column->setContentsMargins(0, 0, 4, 0);
  column->setSpacing(8);
  m_models = new ModelsSection(document, inspector, content);
  m_data = new DataSection(document, engine, content);
  m_variants = new VariantsSection(document, content);
  m_rules = new RulesSection(document, content);
  m_layers = new LayersSection(document, content);
  // What has to be chosen stands on top, what shows the effect takes the room that is left; the tab
  // key goes the same way.
  column->addWidget(m_models);
  column->addWidget(m_data);
  column->addWidget(m_variants);
  column->addWidget(m_rules);
  column->addWidget(m_layers, 1);
  scroll->setWidget(content);
  // Wide enough for a variant's formats, block, scale and layers; with a large font less than that,
  // so that the centre keeps its room.
  const auto fitWidth = [scroll] {
    scroll->setMinimumWidth(326 + std::max(0, Theme::instance().fontPercent() - 100) * 2);
  };
  connect(&Theme::instance(), &Theme::changed, scroll, fitWidth);
  fitWidth();
  layout->addWidget(scroll, 1);
  m_count = new QLabel(this);
  m_count->setObjectName(QStringLiteral("runCount"));
  m_count->setWordWrap(true);
  m_count->setTextFormat(Qt::RichText);
  layout->addWidget(m_count);
  m_estimate = new QLabel(this);
  m_estimate->setObjectName(QStringLiteral("estimateLine"));
  m_estimate->setWordWrap(true);
  m_estimate->setProperty("role", QStringLiteral("dim"));
  layout->addWidget(m_estimate);
  m_add = new QPushButton(this);
  m_add->setObjectName(QStringLiteral("addRuns"));
  m_add->setProperty("role", QStringLiteral("primary"));
  m_add->setMinimumHeight(30);
  layout->addWidget(m_add);
  connect(m_add, &QPushButton::clicked, this, &ExperimentPanel::addRequested);
  connect(document, &ExperimentDocument::changed, this, &ExperimentPanel::refreshPlan);
  connect(document, &ExperimentDocument::modelInfoChanged, this, &ExperimentPanel::refreshPlan);
  connect(inspector, &ModelInspector::estimateChanged, this, &ExperimentPanel::refreshPlan);
  connect(queue, &QueueController::changed, this, &ExperimentPanel::refreshPlan);
  refreshPlan();
}

void ExperimentPanel::addModel(const QString& source) { m_models->addModel(source); }

void ExperimentPanel::addModelFolder() { m_models->addFolder(); }

void ExperimentPanel::addVariants() { m_variants->addVariants(); }

void ExperimentPanel::addRule() { m_rules->addRule(); }

void ExperimentPanel::editSweep() {
  SweepDialog dialog(m_document->experiment(), this);
  if (dialog.exec() == QDialog::Accepted) {
    const std::optional<mxscope::SweepEntry> sweep = dialog.sweep();
    m_document->edit(sweep ? tr("change the sweep") : tr("remove the sweep"),
                     [&sweep](mxscope::Experiment& experiment) { experiment.sweep = sweep; });
  }
}

void ExperimentPanel::removeManual() { m_layers->removeManual(); }

void ExperimentPanel::showLinear(const QString& name) { m_layers->show(name); }

void ExperimentPanel::focusFirst() { m_models->focusInput(); }

void ExperimentPanel::focusFilter() { m_layers->focusFilter(); }

void ExperimentPanel::focusFirstProblem() {
  if (m_document->experiment().models.empty()) {
    m_models->focusInput();
  } else if (m_document->experiment().data.sources.empty()) {
    m_data->focusSource();
  }
}

QString ExperimentPanel::whyNotAddable() const {
  const mxscope::Experiment& experiment = m_document->experiment();
  if (experiment.models.empty()) {
    return tr("Add a model first.");
  }
  if (experiment.data.sources.empty()) {
    return tr("Choose a text to evaluate on.");
  }
  for (const mxscope::Issue& issue : m_document->issues()) {
    if (issue.severity == mxscope::Issue::Severity::kError) {
      return QString::fromStdString(issue.message);
    }
  }
  for (const mxscope::ModelEntry& model : experiment.models) {
    const ModelInfo& info = m_document->modelInfo(QString::fromStdString(model.source));
    if (info.state == ModelInfo::State::kFailed) {
      return info.error;
    }
  }
  return {};
}

void ExperimentPanel::refreshPlan() {
  const QString reason = whyNotAddable();
  QSet<QString> known = m_queue->doneKeys();
  known.unite(m_queue->queuedKeys());
  const RunPlan plan = m_document->plan(known);
  const int runs = plan.toAdd();
  QString line =
      tr("<b>%1 × %2 = %3</b>")
          .arg(tr("%n model(s)", nullptr, plan.models), tr("%n variant(s)", nullptr, plan.variants),
               tr("%n run(s)", nullptr, plan.total));
  if (plan.alreadyDone > 0) {
    line += QLatin1Char(' ') + tr("(%n done or queued)", nullptr, plan.alreadyDone);
  }
  const bool empty =
      m_document->experiment().models.empty() || m_document->experiment().data.sources.empty();
  m_count->setText(reason.isEmpty() ? line : reason.toHtmlEscaped());
  const QString role = reason.isEmpty() || empty ? QString() : QStringLiteral("worse");
  if (m_count->property("role").toString() != role) {
    m_count->setProperty("role", role);
    m_count->style()->polish(m_count);
  }

  const ModelInspector::Estimate& estimate = m_inspector->estimate();
  QString text;
  QString estimateRole = QStringLiteral("dim");
  if (estimate.known && reason.isEmpty()) {
    text = estimate.fits() ? tr("about %1 · peak %2 of %3 (%4)")
                                 .arg(timeLeftText(estimate.seconds), bytesText(estimate.peakBytes),
                                      bytesText(estimate.availableBytes), estimate.device)
                           : tr("does not fit: needs %1, %2 free on %3")
                                 .arg(bytesText(estimate.peakBytes),
                                      bytesText(estimate.availableBytes), estimate.device);
    if (!estimate.fits()) {
      estimateRole = QStringLiteral("warning");
    }
  } else if (!estimate.error.isEmpty() && reason.isEmpty()) {
    text = estimate.error;
    estimateRole = QStringLiteral("warning");
  }
  m_estimate->setText(text);
  m_estimate->setVisible(!text.isEmpty());
  if (m_estimate->property("role").toString() != estimateRole) {
    m_estimate->setProperty("role", estimateRole);
    m_estimate->style()->polish(m_estimate);
  }
  const bool addAnyway = estimate.known && !estimate.fits();
  m_add->setText((runs == 0 && plan.jobs.empty() && reason.isEmpty()
                      ? tr("All runs are done or queued")
                  : addAnyway ? tr("Add %n run(s) anyway", nullptr, runs)
                              : tr("Add %n run(s) to queue", nullptr, runs)) +
                 QStringLiteral("    Ctrl+Enter"));
  m_add->setEnabled(reason.isEmpty() && !plan.jobs.empty());
  m_add->setToolTip(reason);
}

}  // namespace mxscope::ui
