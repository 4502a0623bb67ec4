// SPDX-License-Identifier: GPL-3.0-or-later
// Cards, results and details, and the commands that belong to them.
#include <QFileInfo>
#include <QMenu>
#include <QSplitter>
#include <QStackedWidget>
#include <QStatusBar>
#include <QTabWidget>

#include "bridge/results_reader.h"
#include "models/run_keys.h"
#include "mxscope/core/experiment/experiment_json.h"
#include "panels/compare_panel.h"
#include "panels/experiment_panel.h"
#include "panels/queue_panel.h"
#include "panels/results_table.h"
#include "plots/cards/gpu_card.h"
#include "plots/cards/live_card.h"
#include "plots/cards/metric_card.h"
#include "plots/cards/sensitivity_card.h"
#include "plots/cards/tradeoff_card.h"
#include "plots/plot_export.h"
#include "plots/plot_view.h"
#include "window/card_area.h"
#include "window/main_window_impl.h"

namespace mxscope::ui {

void MainWindow::Impl::buildCards() {
  m_cards = new CardArea(m_centre);
  auto* metric = new MetricCard(&m_workspace, m_cards);
  auto* sensitivity = new SensitivityCard(&m_workspace, m_cards);
  auto* live = new LiveCard(&m_workspace, m_cards);
  auto* tradeoff = new TradeoffCard(&m_workspace, m_cards);
  m_cards->setCards({metric, sensitivity, live, tradeoff}, {0, 0, 1, 1});
  for (PlotCard* card : m_cards->cards()) {
    connect(card, &PlotCard::message, this, [this](const QString& text) { showMessage(text); });
    if (auto* result = qobject_cast<ResultCard*>(card)) {
      connect(result, &ResultCard::runActivated, this,
              [this](const QString& id) { m_workspace.setSelection({id}); });
    }
  }
  connect(sensitivity, &SensitivityCard::sweepWanted, this, [this] { m_experiment->editSweep(); });
  connect(sensitivity, &SensitivityCard::ruleWanted, this,
          [this](const QStringList& places) { keepPlaces(places); });

  m_results = new ResultsTable(&m_workspace, m_window);
  m_results->setObjectName(QStringLiteral("resultsTable"));
  connect(m_results, &ResultsTable::message, this,
          [this](const QString& text) { showMessage(text); });
  connect(m_results, &ResultsTable::failed, this,
          [this](const QString& title, const QString& text) {
            m_window->statusBar()->clearMessage();  // which says that it is being written
            refuse(title, text);
          });
  connect(m_results, &ResultsTable::queueWanted, this,
          [this] { m_tabs->setCurrentWidget(m_queuePanel); });
  connect(m_results, &ResultsTable::runActivated, this,
          [this](const QString& id) { m_workspace.setSelection({id}); });
  connect(m_results, &ResultsTable::configurationWanted, this,
          [this](const QString& id) { openConfiguration(id); });
  connect(m_results, &ResultsTable::commandWanted, this, [this](const QString& id) {
    openConfiguration(id);
    copyAsCommand();
  });

  auto* details = new QSplitter(Qt::Vertical, m_window);
  details->setObjectName(QStringLiteral("detailsPanel"));
  details->setChildrenCollapsible(false);
  auto* gpu = new GpuCard(&m_workspace, details);
  connect(gpu, &PlotCard::message, this, [this](const QString& text) { showMessage(text); });
  details->addWidget(gpu);
  auto* compare = new ComparePanel(&m_workspace, details);
  connect(compare, &ComparePanel::message, this,
          [this](const QString& text) { showMessage(text); });
  details->addWidget(compare);
  details->setStretchFactor(0, 2);
  details->setStretchFactor(1, 3);
  m_details = details;
}

void MainWindow::Impl::buildResultActions(QMenu* menu) {
  const auto id = [](const char* name) { return QString::fromLatin1(name); };
  const auto exported = [&](const char* name, const QString& text, const QString& kind,
                            const QList<QKeySequence>& keys) {
    menu->addAction(
        action(id(name), text, id("export"), keys, [this, kind] { m_results->exportAs(kind); }));
  };
  exported("resultsJson", tr("Export results as &JSON…"), id("json"),
           {QKeySequence(Qt::CTRL | Qt::Key_E)});
  exported("resultsCsv", tr("Export results as &CSV…"), id("csv"),
           {QKeySequence(Qt::CTRL | Qt::SHIFT | Qt::Key_E)});
  exported("resultsLong", tr("Export results as &long CSV…"), id("long-csv"), {});
  exported("resultsMarkdown", tr("Export results as &Markdown…"), id("markdown"), {});
  menu->addAction(action(id("resultsPlot"), tr("Export &plot…"), id("export"), {}, [this] {
    if (PlotCard* card = m_cards->activeCard()) {
      card->exportPicture();
    }
  }));
  menu->addSeparator();
  menu->addAction(action(id("resultsCopy"), tr("Copy &rows"), id("copy"), {},
                         [this] { m_results->copyRows(); }));
  menu->addAction(action(id("resultsBaseline"), tr("Set as &baseline"), id("star"), {},
                         [this] { m_results->setBaselineFromSelection(); }));
  menu->addAction(action(id("resultsResetBaseline"), tr("Reset the b&aseline"), id("star-filled"),
                         {}, [this] { m_workspace.resetBaseline(); }));
  menu->addAction(
      action(id("resultsPin"), tr("P&in"), id("pin"), {}, [this] { m_results->pinSelection(); }));
  menu->addAction(action(id("resultsConfiguration"), tr("&Open the configuration of this run"),
                         id("edit"), {}, [this] {
                           if (m_workspace.selection().size() == 1) {
                             openConfiguration(*m_workspace.selection().cbegin());
                           } else {
                             showMessage(tr("Select one run first."));
                           }
                         }));
}

void MainWindow::Impl::focusResultsFilter() {
  m_tabs->setCurrentWidget(m_results);
  m_results->focusFilter();
}

void MainWindow::Impl::openConfiguration(const QString& runId) {
  const Run* run = m_workspace.run(runId);
  const Job* job = run ? m_workspace.job(run->jobId) : nullptr;
  if (!job || job->experiment.isEmpty()) {
    showMessage(tr("The configuration of this run is not known."));
    return;
  }
  mxscope::Issues issues;
  const std::string utf8 = job->experiment.toStdString();
  mxscope::Experiment experiment = mxscope::experiment_from_json(std::string_view(utf8), issues);
  const std::string wanted = run->variant.toStdString();
  std::vector<mxscope::VariantEntry> kept;
  if (!mxscope::has_errors(issues)) {
    for (const KeyedVariant& variant : keyedVariants(experiment, m_document.baseDir(), nullptr)) {
      if (variant.resolved.name == wanted && variant.entry) {
        kept.push_back(*variant.entry);
      }
    }
  }
  if (!kept.empty()) {
    experiment.variants = kept;
    experiment.sweep.reset();
  }
  m_document.edit(tr("open the configuration of run %1").arg(run->number),
                  [&experiment](mxscope::Experiment& current) { current = experiment; });
}

void MainWindow::Impl::keepPlaces(const QStringList& places) {
  if (m_document.experiment().variants.empty() || places.isEmpty()) {
    showMessage(tr("Add a variant first: the rule keeps these layers out of it."));
    return;
  }
  const std::vector<int> shared = m_document.sharingVariants();
  m_document.edit(
      tr("keep %n place(s) as they are", nullptr, static_cast<int>(places.size())),
      [&](mxscope::Experiment& experiment) {
        mxscope::RuleEntry rule;
        for (const QString& place : places) {
          // A block is the prefix of its layers; roles and linears are names.
          const bool block = place.section(QLatin1Char('.'), -1).toInt() > 0 ||
                             place.endsWith(QLatin1String(".0"));
          rule.match.push_back((block ? place + QLatin1String(".*") : place).toStdString());
        }
        for (const int at : shared) {
          mxscope::VariantEntry& variant = experiment.variants[static_cast<std::size_t>(at)];
          makeRules(variant);
          variant.rules->insert(variant.rules->begin(), rule);
        }
      });
}

bool writePlot(const QString& kind, const QString& results, const QString& output, QString* error) {
  Workspace workspace;
  if (output.isEmpty()) {
    *error = QObject::tr("--plot needs a file to write: -o OUT.png, .svg or .pdf.");
    return false;
  }
  if (!readResults(&workspace, results, error)) {
    return false;
  }
  std::unique_ptr<ResultCard> card;
  if (kind == QLatin1String("bars") || kind == QLatin1String("ppl")) {
    card = std::make_unique<MetricCard>(&workspace);
  } else if (kind == QLatin1String("heatmap")) {
    card = std::make_unique<SensitivityCard>(&workspace);
  } else if (kind == QLatin1String("live")) {
    card = std::make_unique<LiveCard>(&workspace);
  } else if (kind == QLatin1String("scatter")) {
    card = std::make_unique<TradeoffCard>(&workspace);
  } else {
    *error =
        QObject::tr("there is no plot \"%1\": it is bars, heatmap, live or scatter.").arg(kind);
    return false;
  }
  card->resize(900, 520);
  card->updateNow();
  PictureOptions options;
  options.format = pictureFormatOf(output);
  *error = writeFile(output, pictureBytes(*card->view(), card->info(), options));
  return error->isEmpty();
}

}  // namespace mxscope::ui
