// SPDX-License-Identifier: GPL-3.0-or-later
#include "plots/cards/live_card.h"

#include <QToolButton>
#include <cmath>

#include "mxscope/core/stats/student.h"
#include "plots/cards/run_marks.h"
#include "plots/live_plot.h"
#include "plots/number_text.h"

using namespace Qt::StringLiterals;

namespace mxscope::ui {
namespace {

constexpr int kFewestWindows = 6;

// Weighted running mean with the standard error of NUMERICS.md section 7: s/sqrt(n) for equal
// weights, the ratio estimator's otherwise (both are this expression).
class RunningMean {
 public:
  void add(double value, double weight) {
    if (!(weight > 0)) {
      return;
    }
    // Deviations from the first value keep the sums of squares small.
    if (m_count == 0) {
      m_origin = value;
    }
    const double v = value - m_origin;
    ++m_count;
    m_w += weight;
    m_wv += weight * v;
    m_w2 += weight * weight;
    m_w2v += weight * weight * v;
    m_w2v2 += weight * weight * v * v;
  }
  double mean() const { return m_count > 0 ? m_origin + m_wv / m_w : kNoNumber; }
  double halfWidth() const {
    // An interval from very few windows is wider than any plot and tells nothing.
    if (m_count < kFewestWindows) {
      return kNoNumber;
    }
    const double v = m_wv / m_w;
    const double squares = m_w2v2 - 2 * v * m_w2v + v * v * m_w2;
    const double n = double(m_count);
    return mxscope::interval_factor(m_count) * std::sqrt(std::max(0.0, squares) * n / (n - 1)) /
           m_w;
  }

 private:
  long long m_count = 0;
  double m_origin = 0, m_w = 0, m_wv = 0, m_w2 = 0, m_w2v = 0, m_w2v2 = 0;
};

}  // namespace

LiveCard::LiveCard(Workspace* workspace, QWidget* parent)
    : ResultCard(u"live"_s, tr("Live"), new LivePlot, workspace, parent),
      m_curves(static_cast<LivePlot*>(view())) {
  m_follow = addToggle(u"follow"_s, tr("Follow"), tr("Follow the newest data (F)"));
  m_follow->setChecked(true);
  connect(m_follow, &QToolButton::toggled, m_curves, &LivePlot::setFollowing);
  connect(m_curves, &LivePlot::followingChanged, m_follow, &QToolButton::setChecked);
  setModes({{u"xent"_s, u"Xent"_s},
            {u"ppl"_s, u"PPL"_s},
            {u"entropy"_s, tr("Entropy")},
            {u"delta"_s, u"Δ"_s}});
  setEmptyState(u"chart-line"_s, tr("Nothing has run yet"),
                tr("While a job runs, its figures are drawn here against the tokens evaluated."));
  connect(workspace, &Workspace::liveBatch, this, [this](const QStringList& jobs) {
    for (const QString& job : shownJobs()) {
      if (jobs.contains(job)) {
        scheduleFill();
        return;
      }
    }
  });
  connect(this, &PlotCard::modeChanged, this, [this] {
    // Another figure has other values: an old zoom would show nothing.
    if (!m_curves->following()) {
      m_curves->resetZoom();
    }
  });
}

QStringList LiveCard::shownJobs() const {
  QStringList jobs;
  for (const QString& id : m_workspace->runIds()) {
    const Run* run = m_workspace->run(id);
    if (m_workspace->selection().contains(id) && run->windows.size() > 0 &&
        !jobs.contains(run->jobId)) {
      jobs << run->jobId;
    }
  }
  if (!jobs.isEmpty()) {
    return jobs;
  }
  QString job = m_workspace->liveJob();
  if (job.isEmpty()) {
    for (const QString& id : m_workspace->runIds()) {
      if (m_workspace->run(id)->windows.size() > 0) {
        job = m_workspace->run(id)->jobId;
      }
    }
  }
  return job.isEmpty() ? QStringList() : QStringList{job};
}

QStringList LiveCard::shownRuns() const {
  QStringList shown;
  const bool difference = mode() == "delta"_L1;
  for (const QString& job : shownJobs()) {
    const Run* base = m_workspace->baselineFor(job);
    const bool sweepOnly = isOnlyForSweep(*m_workspace, job);
    for (const QString& id : m_workspace->runsOfJob(job)) {
      const Run* run = m_workspace->run(id);
      // The many runs of a sweep are cells of the heat map, and curves when they are selected.
      if (run->sweep && !sweepOnly && !m_workspace->selection().contains(id)) {
        continue;
      }
      if (run->windows.size() > 0 && !m_workspace->isHidden(id) && !(difference && run == base)) {
        shown << id;
      }
    }
  }
  return shown;
}

LiveSeries LiveCard::seriesOf(const Run& run) const {
  LiveSeries series;
  series.key = run.id;
  series.label = runLabel(run);
  series.colour = colourOf(run);
  series.running = run.state == RunState::kRunning;
  const QString what = mode();
  const Run* base = m_workspace->baselineFor(run.jobId);
  series.baseline = base == &run;
  const bool difference = what == "delta"_L1;
  if (difference && (base == nullptr || !m_workspace->differences(run, *base).isEmpty())) {
    return series;
  }
  RunningMean mean;
  double tokens = 0;
  std::size_t j = 0;
  const auto& sums = run.windows.sums;
  for (std::size_t i = 0; i < sums.size(); ++i) {
    const mxscope::WindowSums& w = sums[i];
    if (w.tokens <= 0) {
      continue;
    }
    const double count = double(w.tokens);
    double value = (what == "entropy"_L1 ? w.entropy_sum : w.nll_sum) / count;
    double weight = what == "entropy"_L1 ? count : w.nll_weight();
    if (difference) {
      const auto& indices = base->windows.indices;
      while (j < indices.size() && indices[j] < run.windows.indices[i]) {
        ++j;
      }
      if (j == indices.size()) {
        break;
      }
      if (indices[j] != run.windows.indices[i] || base->windows.sums[j].tokens != w.tokens) {
        continue;
      }
      value -= base->windows.sums[j].nll_sum / count;
    }
    tokens += count;
    mean.add(value, weight);
    double at = mean.mean();
    const double half = mean.halfWidth();
    double low = at - half;
    double high = at + half;
    double raw = value;
    if (what == "ppl"_L1) {
      at = std::exp(at);
      low = std::exp(low);
      high = std::exp(high);
      raw = std::exp(raw);
    }
    series.x << tokens;
    series.mean << at;
    series.low << low;
    series.high << high;
    series.rawX << tokens - count / 2;
    series.raw << raw;
  }
  return series;
}

void LiveCard::fill() {
  LiveData plotted;
  plotted.xLabel = tr("evaluated tokens");
  const QString what = mode();
  plotted.zeroLine = what == "delta"_L1;
  plotted.signedValues = plotted.zeroLine;
  plotted.yLabel = what == "ppl"_L1       ? tr("perplexity")
                   : what == "entropy"_L1 ? tr("entropy (nats)")
                   : what == "delta"_L1   ? tr("Δ cross entropy (nats)")
                                          : tr("cross entropy (nats)");
  const QStringList jobs = shownJobs();
  QHash<int, int> dashes;
  for (const QString& id : shownRuns()) {
    const Run& run = *m_workspace->run(id);
    LiveSeries series = seriesOf(run);
    if (jobs.size() > 1) {
      series.label += u" · "_s + jobLabel(*m_workspace, run.jobId, jobs);
    }
    // Runs of one colour differ by their dashes.
    if (!series.baseline) {
      series.dash = dashes[series.colour.hue * 3 + series.colour.shade]++;
    }
    plotted.series << series;
  }
  QStringList names;
  for (const QString& id : jobs) {
    const Job* job = m_workspace->job(id);
    if (job->tokensTotal > 0) {
      plotted.xEnd = std::fmax(plotted.xEnd, double(job->tokensTotal));
    }
    names << job->model;
  }
  setTitle(what == "ppl"_L1       ? tr("Live — running perplexity")
           : what == "entropy"_L1 ? tr("Live — running entropy")
           : what == "delta"_L1   ? tr("Live — paired difference")
                                  : tr("Live — running cross entropy"));
  names.removeDuplicates();
  setSubtitle(names.join(u", "_s));
  m_curves->setData(plotted);
}

}  // namespace mxscope::ui
