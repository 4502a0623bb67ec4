// SPDX-License-Identifier: GPL-3.0-or-later
// Times that users feel. On a machine that is busy with other things the best of several rounds
// counts: noise only ever adds.
#include <QLineEdit>
#include <QTableView>
#include <QtTest>
#include <random>

#include "panels/results_table.h"
#include "plots/live_plot.h"
#include "plots/plot_parts.h"
#include "theme/theme.h"
#include "ui/plots/sample_workspace.h"

using namespace Qt::StringLiterals;
using namespace mxscope::ui;

namespace {

LiveData noisy(int points, int from) {
  std::mt19937 random(3);
  std::normal_distribution<double> noise(0, 0.4);
  LiveData data;
  data.xLabel = u"tokens"_s;
  data.yLabel = u"loss"_s;
  LiveSeries series;
  series.key = series.label = u"run"_s;
  series.colour = {1, 0};
  for (int i = 0; i < points; ++i) {
    series.x << from + i;
    series.mean << 2.3 + noise(random);
    series.low << series.mean.last() - 0.2;
    series.high << series.mean.last() + 0.2;
  }
  data.series << series;
  return data;
}

double median(std::vector<double> values) {
  std::nth_element(values.begin(), values.begin() + std::ptrdiff_t(values.size() / 2),
                   values.end());
  return values[values.size() / 2];
}

}  // namespace

class SpeedTest : public QObject {
  Q_OBJECT

 private Q_SLOTS:
  void initTestCase() {
    Theme::instance().setMode(Theme::Mode::kLight);
    Theme::instance().install(*qApp);
  }

  // UX.md point 5: 50,000 points, 20 updates a second, shipped pens and hints.
  void livePlotOfFiftyThousandPointsReplotsInTime_data() {
    QTest::addColumn<double>("ratio");
    QTest::addColumn<double>("limit");
    QTest::newRow("scale 1") << 1.0 << 16.0;
    QTest::newRow("scale 2") << 2.0 << 35.0;
  }
  void livePlotOfFiftyThousandPointsReplotsInTime() {
    QFETCH(double, ratio);
    QFETCH(double, limit);
    LivePlot plot;
    plot.resize(1200, 400);
    plot.show();
    QVERIFY(QTest::qWaitForWindowExposed(&plot));
    plot.plot()->setBufferDevicePixelRatio(ratio);
    double best = 1e9;
    for (int round = 0; round < 3; ++round) {
      std::vector<double> times;
      for (int i = 0; i < 15; ++i) {
        const LiveData data = noisy(50000, 1000 * i);
        QElapsedTimer timer;
        timer.start();
        plot.setData(data);
        plot.plot()->replot(QCustomPlot::rpImmediateRefresh);
        times.push_back(double(timer.nsecsElapsed()) / 1e6);
      }
      best = std::min(best, median(times));
    }
    qInfo("median of update and replot: %.2f ms", best);
    QVERIFY2(best <= limit, qPrintable(QString::number(best)));
  }

  // UX.md point 30.
  void filterOverTenThousandRunsAnswersAtOnce() {
    Workspace workspace;
    std::vector<Run> runs;
    sample::JobOptions options;
    for (int j = 0; j < 10; ++j) {
      options.model = u"model-%1"_s.arg(j);
      const QString job = sample::addJob(workspace, options);
      for (int i = 0; i < 1000; ++i) {
        Run run;
        run.jobId = job;
        run.model = options.model;
        run.variant = u"variant %1"_s.arg(i);
        run.weightFormat = i % 2 == 0 ? u"mxfp4_e2m1"_s : u"mxfp8_e4m3"_s;
        run.block = 8 << (i % 4);
        run.state = RunState::kDone;
        run.metrics.nll = 2 + i * 1e-3;
        run.metrics.ppl = std::exp(*run.metrics.nll);
        mxscope::Delta delta;
        delta.ppl = i * 1e-3;
        delta.ppl_ci95 = mxscope::Interval{i * 1e-3 - 0.01, i * 1e-3 + 0.01};
        run.recordedDelta = delta;
        runs.push_back(run);
      }
    }
    workspace.addRuns(std::move(runs));
    ResultsTable table(&workspace);
    table.resize(1200, 400);
    table.show();
    QVERIFY(QTest::qWaitForWindowExposed(&table));
    QCOMPARE(table.model()->totalRuns(), 10010);
    double worst = 0;
    for (const QString& line : {u"m"_s, u"model-3"_s, u"format:mxfp4 dppl<0.5"_s,
                                u"block=16 ppl>8"_s, u"variant -format:mxfp8"_s, QString()}) {
      double best = 1e9;
      for (int round = 0; round < 3; ++round) {
        table.filterLine()->setText(u"state:failed"_s);
        QElapsedTimer timer;
        timer.start();
        table.filterLine()->setText(line);
        table.view()->viewport()->repaint();
        best = std::min(best, double(timer.nsecsElapsed()) / 1e6);
      }
      worst = std::max(worst, best);
    }
    qInfo("slowest filter with its repaint: %.1f ms", worst);
    QVERIFY2(worst <= 100, qPrintable(QString::number(worst)));
    table.filterLine()->setText(u"format:mxfp4 dppl<0.5"_s);
    QCOMPARE(table.model()->shownRuns(), 10 * 250 + 10);  // the baselines stay
  }
};

QTEST_MAIN(SpeedTest)
#include "speed_uitest.moc"
