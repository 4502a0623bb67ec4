// SPDX-License-Identifier: GPL-3.0-or-later
#include "plots/cards/sensitivity_card.h"

#include <QAction>

#include "plots/cards/run_marks.h"
#include "plots/heat_map.h"
#include "plots/number_text.h"
#include "theme/icons.h"

using namespace Qt::StringLiterals;

namespace mxscope::ui {
namespace {

// "model.layers.3", "model.layers.12" -> "3", "12": what all have in common is left out.
QStringList shortened(const QStringList& places) {
  if (places.size() < 2) {
    return places;
  }
  QStringList common = places.first().split(u'.');
  for (const QString& place : places) {
    const QStringList parts = place.split(u'.');
    qsizetype same = 0;
    while (same < common.size() && same + 1 < parts.size() && parts[same] == common[same]) {
      ++same;
    }
    common = common.first(same);
  }
  const qsizetype cut = common.isEmpty() ? 0 : common.join(u'.').size() + 1;
  QStringList names;
  for (const QString& place : places) {
    names << place.mid(cut);
  }
  return names;
}

// "layers.2.mlp" before "layers.10.mlp": parts that are numbers compare as numbers.
bool comesFirst(const QString& a, const QString& b) {
  const QStringList x = a.split(u'.');
  const QStringList y = b.split(u'.');
  for (qsizetype i = 0; i < std::min(x.size(), y.size()); ++i) {
    bool xNumber = false;
    bool yNumber = false;
    const int xValue = x[i].toInt(&xNumber);
    const int yValue = y[i].toInt(&yNumber);
    if (xNumber && yNumber ? xValue != yValue : x[i] != y[i]) {
      return xNumber && yNumber ? xValue < yValue : x[i] < y[i];
    }
  }
  return x.size() < y.size();
}

QString columnName(const Run& run) {
  const QString format = run.sweep->format;
  QString name = formatName(format.section(u'/', 0, 0));
  name.replace("MXFP"_L1, "FP"_L1);
  name.replace("MXINT"_L1, "INT"_L1);
  return run.block && *run.block != 32 ? QString(name + u'/' + QString::number(*run.block)) : name;
}

}  // namespace

SensitivityCard::SensitivityCard(Workspace* workspace, QWidget* parent)
    : ResultCard(u"heatmap"_s, tr("Layer sensitivity"), new HeatMap, workspace, parent),
      m_map(static_cast<HeatMap*>(view())) {
  setModes({{u"ppl"_s, u"PPL"_s}, {u"xent"_s, u"Xent"_s}, {u"entropy"_s, tr("Entropy")}});
  setEmptyState(u"heatmap"_s, tr("Run a layer sweep"),
                tr("A sweep quantises one layer at a time and shows here where the model is "
                   "sensitive."),
                tr("Set up a sweep"));
  connect(this, &PlotCard::emptyActionTriggered, this, &SensitivityCard::sweepWanted);
  m_rule = new QAction(icon(u"rules"_s), tr("Make a rule from these cells"), this);
  addMenuAction(m_rule);
  connect(m_rule, &QAction::triggered, this, [this] {
    QStringList places;
    for (const QString& id : shownRuns()) {
      if (m_workspace->selection().contains(id)) {
        places << m_workspace->run(id)->sweep->place;
      }
    }
    places.removeDuplicates();
    if (!places.isEmpty()) {
      Q_EMIT ruleWanted(places);
    }
  });
}

QString SensitivityCard::sweepJob() const {
  QString latest;
  for (const QString& id : m_workspace->runIds()) {
    const Run* run = m_workspace->run(id);
    if (run->sweep) {
      if (m_workspace->selection().contains(id)) {
        return run->jobId;
      }
      latest = run->jobId;
    }
  }
  return latest;
}

QStringList SensitivityCard::shownRuns() const {
  QStringList shown;
  const QString job = sweepJob();
  for (const QString& id : m_workspace->runIds()) {
    const Run* run = m_workspace->run(id);
    if (run->sweep && run->jobId == job) {
      shown << id;
    }
  }
  return shown;
}

void SensitivityCard::fill() {
  const QString jobId = sweepJob();
  const Job* job = m_workspace->job(jobId);
  const Measure measure = mode() == "xent"_L1      ? Measure::kXent
                          : mode() == "entropy"_L1 ? Measure::kEntropy
                                                   : Measure::kPpl;
  HeatData plotted;
  QStringList places;
  QHash<QPair<QString, QString>, QString> runAt;
  QString over;
  for (const QString& id : shownRuns()) {
    const Run& run = *m_workspace->run(id);
    const QString column = columnName(run);
    over = run.sweep->over;
    if (!places.contains(run.sweep->place)) {
      places << run.sweep->place;
    }
    if (!plotted.columns.contains(column)) {
      plotted.columns << column;
    }
    runAt.insert({run.sweep->place, column}, id);
  }
  std::sort(places.begin(), places.end(), comesFirst);
  plotted.rows = shortened(places);
  plotted.rowTitle = job == nullptr ? QString() : QString(job->model + u" · "_s + over);
  plotted.scaleLabel = measure == Measure::kPpl    ? tr("Δ PPL (blue better, red worse)")
                       : measure == Measure::kXent ? tr("Δ Xent, nats (blue better, red worse)")
                                                   : tr("Δ entropy, nats (blue lower, red higher)");
  for (const QString& place : places) {
    for (const QString& column : plotted.columns) {
      HeatCell cell;
      cell.key = runAt.value({place, column});
      if (const Run* run = m_workspace->run(cell.key)) {
        const MeasuredValue value = measured(*m_workspace, *run, measure, Form::kDelta);
        cell.value = value.value;
        cell.low = value.low;
        cell.high = value.high;
        cell.state = run->state == RunState::kFailed    ? CellState::kFailed
                     : !std::isfinite(value.value)      ? CellState::kNotRun
                     : run->state == RunState::kRunning ? CellState::kRunning
                                                        : CellState::kValue;
        cell.tooltip = cell.state == CellState::kFailed ? run->error : QString();
      }
      plotted.cells << cell;
    }
  }
  setSubtitle(job == nullptr || places.isEmpty()
                  ? QString()
                  : tr("%1: one %2 quantised at a time").arg(job->model, over));
  m_map->setData(plotted);
}

}  // namespace mxscope::ui
