// SPDX-License-Identifier: GPL-3.0-or-later
#include "plots/cards/tradeoff_card.h"

#include "plots/cards/run_marks.h"
#include "plots/number_text.h"
#include "plots/scatter_plot.h"

using namespace Qt::StringLiterals;

namespace mxscope::ui {
namespace {
constexpr double kGiB = 1024.0 * 1024.0 * 1024.0;
}

TradeoffCard::TradeoffCard(Workspace* workspace, QWidget* parent)
    : ResultCard(u"tradeoff"_s, tr("Trade-off"), new ScatterPlot, workspace, parent),
      m_scatter(static_cast<ScatterPlot*>(view())) {
  setModes({{u"percent"_s, u"Δ %"_s}, {u"xent"_s, u"Δ Xent"_s}, {u"kl"_s, u"KL"_s}});
}

QStringList TradeoffCard::shownRuns() const {
  QStringList shown;
  QHash<QString, bool> sweepJobs;
  for (const QString& id : m_workspace->runIds()) {
    const Run* run = m_workspace->run(id);
    if (!sweepJobs.contains(run->jobId)) {
      sweepJobs.insert(run->jobId, isOnlyForSweep(*m_workspace, run->jobId));
    }
    if (!run->sweep && !sweepJobs.value(run->jobId) && run->weightBytes && hasFigures(*run) &&
        !m_workspace->isHidden(id)) {
      shown << id;
    }
  }
  return shown;
}

void TradeoffCard::fill() {
  const QStringList runs = shownRuns();
  QStringList unknown;
  for (const QString& id : m_workspace->runIds()) {
    const Run* run = m_workspace->run(id);
    if (run->state == RunState::kDone && hasFigures(*run) && !run->weightBytes &&
        !unknown.contains(run->model)) {
      unknown << run->model;
    }
  }
  if (unknown.isEmpty()) {
    setEmptyState(
        u"chart-scatter"_s, tr("No results yet"),
        tr("Each finished run becomes a point: the size of its weights against its loss."));
  } else {
    setEmptyState(u"chart-scatter"_s, tr("Sizes are not known"),
                  tr("The size of weights needs the checkpoint of %1, which the engine does not "
                     "find where these results were made.")
                      .arg(unknown.join(u", "_s)));
  }
  QStringList jobs;
  double largest = 0;
  for (const QString& id : runs) {
    const Run* run = m_workspace->run(id);
    largest = std::max(largest, *run->weightBytes);
    if (!jobs.contains(run->jobId)) {
      jobs << run->jobId;
    }
  }
  // Small models are told in MiB, so that the axis has readable numbers.
  const bool mebi = largest < 0.1 * kGiB;
  const double unit = mebi ? kGiB / 1024 : kGiB;
  ScatterData plotted;
  plotted.xLabel = mebi ? tr("weights (MiB)") : tr("weights (GiB)");
  const QString what = mode();
  const Measure measure = what == "kl"_L1     ? Measure::kKl
                          : what == "xent"_L1 ? Measure::kXent
                                              : Measure::kPpl;
  const Form form = what == "kl"_L1     ? Form::kValue
                    : what == "xent"_L1 ? Form::kDelta
                                        : Form::kPercent;
  plotted.yLabel = axisText(measure, form);
  for (const QString& id : runs) {
    const Run& run = *m_workspace->run(id);
    ScatterPoint point;
    point.key = id;
    point.label = jobs.size() > 1
                      ? QString(jobLabel(*m_workspace, run.jobId, jobs) + u" "_s + runLabel(run))
                      : runLabel(run);
    point.colour = colourOf(run);
    point.baseline = m_workspace->baselineFor(run.jobId) == &run;
    point.x = *run.weightBytes / unit;
    if (point.baseline) {
      point.y = 0;
    } else {
      const MeasuredValue value = measured(*m_workspace, run, measure, form);
      point.y = value.value;
      point.low = value.low;
      point.high = value.high;
    }
    point.tooltip = QString(runTooltip(*m_workspace, run) + u"\n"_s +
                            tr("weights %1").arg(bytesText(*run.weightBytes)));
    plotted.points << point;
  }
  if (!plotted.points.isEmpty()) {
    m_scatter->setData(plotted);
    return;
  }
  const QStringList ids = m_workspace->runIds();
  const bool figures = std::any_of(ids.begin(), ids.end(), [this](const QString& id) {
    const Run* run = m_workspace->run(id);
    return run->state == RunState::kDone && hasFigures(*run);
  });
  if (figures) {
    setEmptyState(u"chart-scatter"_s, tr("Sizes of weights are not known"),
                  tr("Results that were read from a file do not tell them; runs made here do."));
  } else {
    setEmptyState(
        u"chart-scatter"_s, tr("No results yet"),
        tr("Each finished run becomes a point: the size of its weights against its loss."));
  }
  m_scatter->setData(plotted);
}

}  // namespace mxscope::ui
