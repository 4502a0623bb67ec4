// SPDX-License-Identifier: GPL-3.0-or-later
#include "plots/cards/metric_card.h"

#include <QComboBox>
#include <QToolButton>

#include "plots/bar_plot.h"
#include "plots/number_text.h"

using namespace Qt::StringLiterals;

namespace mxscope::ui {
namespace {

Form formOf(const QString& mode) {
  return mode == "delta"_L1 ? Form::kDelta : mode == "percent"_L1 ? Form::kPercent : Form::kValue;
}

// "@mlp FP8 E4M3/16", "@mlp FP4 E2M1/16": the word that all ticks begin with tells nothing.
void dropCommonWord(QList<BarItem>& items) {
  const QString first = items.isEmpty() ? QString() : items.first().tick.section(u' ', 0, 0) + u' ';
  const bool common =
      items.size() > 1 && std::all_of(items.begin(), items.end(), [&first](const BarItem& item) {
        return item.tick.startsWith(first) && item.tick.size() > first.size();
      });
  if (common && first.startsWith(u'@')) {
    for (BarItem& item : items) {
      item.tick.remove(0, first.size());
    }
  }
}

}  // namespace

MetricCard::MetricCard(Workspace* workspace, QWidget* parent)
    : ResultCard(u"bars"_s, tr("Perplexity"), new BarPlot, workspace, parent),
      m_bars(static_cast<BarPlot*>(view())) {
  m_measure = new QComboBox(this);
  m_measure->setObjectName(u"measure"_s);
  m_measure->setAccessibleName(tr("Figure of the bars"));
  const std::pair<Measure, QString> measures[] = {{Measure::kPpl, tr("Perplexity")},
                                                  {Measure::kXent, tr("Cross entropy")},
                                                  {Measure::kEntropy, tr("Entropy")},
                                                  {Measure::kKl, tr("KL divergence")},
                                                  {Measure::kTop1, tr("Same top token")}};
  for (const auto& [measure, name] : measures) {
    m_measure->addItem(name, int(measure));
  }
  setTitleWidget(m_measure);
  QToolButton* log = addToggle(u"log-scale"_s, tr("Log"),
                               tr("Symmetric logarithmic axis: small and large values together"));
  connect(log, &QToolButton::toggled, m_bars, &BarPlot::setLogarithmic);
  connect(m_measure, &QComboBox::currentIndexChanged, this, &MetricCard::measureChanged);
  setModes({{u"value"_s, u"PPL"_s}, {u"delta"_s, u"Δ"_s}, {u"percent"_s, u"Δ %"_s}});
  setMode(u"percent"_s);
  setEmptyState(u"chart-bars"_s, tr("No results yet"),
                tr("Add runs to the queue; each run becomes a bar with its 95 % interval."));
}

Measure MetricCard::measure() const { return Measure(m_measure->currentData().toInt()); }

void MetricCard::setMeasure(Measure measure) {
  m_measure->setCurrentIndex(m_measure->findData(int(measure)));
}

void MetricCard::measureChanged() {
  const QString before = mode();
  setTitle(m_measure->currentText());
  switch (measure()) {
    case Measure::kPpl:
      setModes({{u"value"_s, u"PPL"_s}, {u"delta"_s, u"Δ"_s}, {u"percent"_s, u"Δ %"_s}});
      break;
    case Measure::kXent:
      setModes({{u"value"_s, u"Xent"_s}, {u"delta"_s, u"Δ"_s}, {u"percent"_s, u"Δ %"_s}});
      break;
    case Measure::kEntropy:
      setModes({{u"value"_s, tr("Entropy")}, {u"delta"_s, u"Δ"_s}});
      break;
    case Measure::kKl:
      setModes({{u"value"_s, u"KL"_s}});
      break;
    case Measure::kTop1:
      setModes({{u"value"_s, u"%"_s}});
      break;
  }
  setMode(before);
  updateNow();
}

QStringList MetricCard::shownRuns() const {
  QStringList shown;
  const bool difference =
      mode() != "value"_L1 || measure() == Measure::kKl || measure() == Measure::kTop1;
  QStringList jobs;
  QHash<QString, bool> sweepJobs;
  for (const QString& id : m_workspace->runIds()) {
    const Run* run = m_workspace->run(id);
    // Runs of a sweep are cells of the heat map.
    if (run->sweep || m_workspace->isHidden(id)) {
      continue;
    }
    if (!sweepJobs.contains(run->jobId)) {
      sweepJobs.insert(run->jobId, isOnlyForSweep(*m_workspace, run->jobId));
    }
    if (sweepJobs.value(run->jobId)) {
      continue;
    }
    if (difference && m_workspace->baselineFor(run->jobId) == run) {
      continue;
    }
    if (hasFigures(*run) || run->state == RunState::kFailed) {
      shown << id;
    }
    if (!jobs.contains(run->jobId)) {
      jobs << run->jobId;
    }
  }
  // Bars of one job stand together, the baseline first.
  std::stable_sort(shown.begin(), shown.end(), [&](const QString& a, const QString& b) {
    const Run* x = m_workspace->run(a);
    const Run* y = m_workspace->run(b);
    const auto jx = jobs.indexOf(x->jobId);
    const auto jy = jobs.indexOf(y->jobId);
    return jx != jy ? jx < jy : x->baseline > y->baseline;
  });
  return shown;
}

void MetricCard::fill() {
  const Form form = formOf(mode());
  const QStringList runs = shownRuns();
  QStringList jobs;
  QStringList models;
  for (const QString& id : runs) {
    const Run* run = m_workspace->run(id);
    if (!jobs.contains(run->jobId)) {
      jobs << run->jobId;
    }
    if (!models.contains(run->model)) {
      models << run->model;
    }
  }
  BarData plotted;
  plotted.axisLabel = axisText(measure(), form);
  plotted.unit = form == Form::kPercent || measure() == Measure::kTop1 ? u" %"_s : QString();
  plotted.signedValues = form != Form::kValue;
  plotted.baselineLabel = tr("baseline");
  for (const QString& job : jobs) {
    const QString group = jobLabel(*m_workspace, job, jobs);
    const Run* base = m_workspace->baselineFor(job);
    if (form != Form::kValue) {
      plotted.baselines.append({group, 0.0});
    } else if (base != nullptr && measure() != Measure::kKl && measure() != Measure::kTop1) {
      plotted.baselines.append(
          {group, measured(*m_workspace, *base, measure(), Form::kValue).value});
    }
  }
  for (const QString& id : runs) {
    const Run& run = *m_workspace->run(id);
    const MeasuredValue value = measured(*m_workspace, run, measure(), form);
    BarItem item;
    item.key = id;
    item.group = jobLabel(*m_workspace, run.jobId, jobs);
    item.label = runLabel(run);
    item.tick = axisLabel(run);
    item.legend = runLabel(run);
    item.colour = colourOf(run);
    item.value = value.value;
    item.low = value.low;
    item.high = value.high;
    item.unfinished = run.state != RunState::kDone;
    item.tooltip = runTooltip(*m_workspace, run);
    if (!std::isfinite(value.value)) {
      item.note = run.state == RunState::kFailed ? tr("failed")
                  : form != Form::kValue         ? guardText(*m_workspace, run)
                                                 : QString();
    }
    plotted.items << item;
  }
  dropCommonWord(plotted.items);
  setSubtitle(runs.isEmpty() ? QString()
              : models.size() > 1 && form == Form::kValue && measure() == Measure::kPpl
                  ? tr("perplexity of different models is not comparable; use Δ %")
              : form != Form::kValue ? tr("paired 95 % interval against the baseline")
                                     : QString());
  m_bars->setData(plotted);
}

QJsonObject MetricCard::saveState() const {
  QJsonObject state = ResultCard::saveState();
  state[u"measure"_s] = int(measure());
  return state;
}

void MetricCard::restoreState(const QJsonObject& state) {
  setMeasure(Measure(state[u"measure"_s].toInt()));
  ResultCard::restoreState(state);
}

}  // namespace mxscope::ui
