// SPDX-License-Identifier: GPL-3.0-or-later
// The queue with the real engine: pause, cancel, a killed engine, figures. UX.md points 14, 15, 17
// and 23.
#include <cmath>
#include <csignal>

#include "ui/engine/engine_support.h"

using namespace mxscope::ui;
using namespace mxscope::ui::testing;

namespace {

constexpr int kRunMilliseconds = 120000;  // far more than a run needs on a busy machine

// The point of Student's distribution that leaves 2.5 % above it, from its density alone: Simpson's
// rule for the integral, bisection for the point.
double studentQuantile(double degrees) {
  const double norm = std::exp(std::lgamma((degrees + 1) / 2) - std::lgamma(degrees / 2)) /
                      std::sqrt(degrees * M_PI);
  const auto density = [&](double x) {
    return norm * std::pow(1 + x * x / degrees, -(degrees + 1) / 2);
  };
  const auto below = [&](double x) {
    constexpr int kSteps = 20000;
    const double step = x / kSteps;
    double sum = density(0) + density(x);
    for (int i = 1; i < kSteps; ++i) {
      sum += density(i * step) * (i % 2 == 1 ? 4 : 2);
    }
    return 0.5 + sum * step / 3;
  };
  double low = 1.5;
  double high = 20;
  for (int i = 0; i < 80; ++i) {
    const double middle = (low + high) / 2;
    (below(middle) < 0.975 ? low : high) = middle;
  }
  return (low + high) / 2;
}

struct Expected {
  double mean = 0, low = 0, high = 0;
};

// Paired mean and 95 % interval of the differences of window means, windows of equal length.
Expected paired(const WindowSeries& run, const WindowSeries& base) {
  const auto n = double(run.size());
  std::vector<double> differences;
  double sum = 0;
  for (std::size_t i = 0; i < run.size(); ++i) {
    const double d = run.sums[i].nll_sum / double(run.sums[i].tokens) -
                     base.sums[i].nll_sum / double(base.sums[i].tokens);
    differences.push_back(d);
    sum += d;
  }
  Expected expected;
  expected.mean = sum / n;
  double squares = 0;
  for (const double d : differences) {
    squares += (d - expected.mean) * (d - expected.mean);
  }
  const double factor = n > 100 ? 1.959963984540054 : studentQuantile(n - 1);
  const double half = factor * std::sqrt(squares / (n - 1) / n);
  expected.low = expected.mean - half;
  expected.high = expected.mean + half;
  return expected;
}

bool alive(qint64 process) { return ::kill(pid_t(process), 0) == 0; }

}  // namespace

class QueueEngineTest : public QObject {
  Q_OBJECT

 private Q_SLOTS:
  // Point 14, once within the engine and once over its end.
  void pauseAndResumeGiveTheSameFigures() {
    Bench whole;
    const QString reference = whole.add(256);
    whole.queue.start();
    QTRY_COMPARE_WITH_TIMEOUT(whole.state(reference), JobState::kDone, kRunMilliseconds);
    const QMap<QString, double> expected = whole.perplexities(reference);
    QCOMPARE(expected.size(), 3);
    QVERIFY(expected.value(QStringLiteral("fp4")) > expected.value(QStringLiteral("baseline")));

    for (const bool restarted : {false, true}) {
      Bench bench;
      const QString job = bench.add(256);
      bench.queue.start();
      QTRY_VERIFY_WITH_TIMEOUT(bench.workspace.job(job)->fraction() >= 0.4, kRunMilliseconds);
      QElapsedTimer clock;
      clock.start();
      bench.queue.pauseNow();
      QCOMPARE(bench.state(job), JobState::kPausing);
      QVERIFY(clock.elapsed() < 100);
      QTRY_COMPARE_WITH_TIMEOUT(bench.state(job), JobState::kPaused, 10000);
      const double held = bench.workspace.job(job)->fraction();
      QVERIFY2(held < 0.9, qPrintable(QString::number(held)));
      QTest::qWait(300);
      if (restarted) {
        bench.engine.restart();
        QTRY_COMPARE_WITH_TIMEOUT(bench.engine.state(), EngineClient::State::kReady, 20000);
      }
      QCOMPARE(bench.state(job), JobState::kPaused);
      bench.queue.start();
      QTRY_COMPARE_WITH_TIMEOUT(bench.state(job), JobState::kDone, kRunMilliseconds);
      QCOMPARE(bench.perplexities(job), expected);
      QTRY_VERIFY(!bench.queue.isReading());
      for (const QString& id : bench.workspace.runsOfJob(job)) {
        QCOMPARE(bench.workspace.run(id)->windows.size(), std::size_t(256));
      }
    }
  }

  // Point 15.
  void cancelShowsAtOnceAndEndsTheWork() {
    Bench bench;
    const QString job = bench.add(384);
    bench.queue.start();
    QTRY_VERIFY_WITH_TIMEOUT(bench.workspace.job(job)->fraction() > 0.05, kRunMilliseconds);
    QElapsedTimer clock;
    clock.start();
    bench.queue.cancel(job);
    QCOMPARE(bench.state(job), JobState::kCancelling);
    QVERIFY(clock.elapsed() < 100);
    QTRY_COMPARE_WITH_TIMEOUT(bench.state(job), JobState::kCancelled, 6000);
    QVERIFY(clock.elapsed() < 6000);
    QCOMPARE(bench.workspace.run(bench.workspace.runsOfJob(job).first())->state,
             RunState::kCancelled);
  }

  void engineThatDoesNotStopIsEnded() {
    QTemporaryDir folder;
    mxscope::Event hello;
    hello.body = mxscope::HelloEvent{"deaf", mxscope::kProtocolVersion, {}};
    mxscope::Event started;
    started.body = mxscope::ProgressEvent{1, 10, 0, 1, {}, {}};
    const QString script = folder.filePath(QStringLiteral("deaf"));
    QVERIFY(writeText(script, "#!/bin/sh\necho '" + QByteArray::fromStdString(encode(hello)) +
                                  "'\nread line\necho '" +
                                  QByteArray::fromStdString(encode(started)) +
                                  "'\nexec sleep 600\n"));
    QFile::setPermissions(script, QFile::ReadOwner | QFile::WriteOwner | QFile::ExeOwner);
    Bench bench(script);
    const QString job = bench.add(16);
    bench.queue.start();
    QTRY_COMPARE_WITH_TIMEOUT(bench.state(job), JobState::kRunning, 20000);
    const qint64 process = bench.engine.processId();
    QVERIFY(alive(process));
    QElapsedTimer clock;
    clock.start();
    bench.queue.cancel(job);
    QCOMPARE(bench.state(job), JobState::kCancelling);
    QTRY_COMPARE_WITH_TIMEOUT(bench.state(job), JobState::kCancelled, 6000);
    QTRY_VERIFY_WITH_TIMEOUT(!alive(process), int(std::max<qint64>(1, 6000 - clock.elapsed())));
    QVERIFY2(clock.elapsed() < 6000, qPrintable(QString::number(clock.elapsed())));
  }

  // Point 17.
  void killedEngineFailsItsJobAndTheNextOneRuns() {
    Bench bench;
    const QString first = bench.add(384);
    const QString second = bench.add(16);
    QSignalSpy problems(&bench.queue, &QueueController::problem);
    bench.queue.start();
    QTRY_VERIFY_WITH_TIMEOUT(bench.workspace.job(first)->fraction() > 0.05, kRunMilliseconds);
    ::kill(pid_t(bench.engine.processId()), SIGKILL);
    QTRY_COMPARE_WITH_TIMEOUT(bench.state(first), JobState::kFailed, 10000);
    QVERIFY(bench.workspace.job(first)->message.contains(QStringLiteral("SIGKILL")));
    QCOMPARE(problems.size(), 1);
    QTRY_COMPARE_WITH_TIMEOUT(bench.state(second), JobState::kDone, kRunMilliseconds);
    QCOMPARE(bench.perplexities(second).size(), 3);
    QVERIFY(bench.perplexities(second).value(QStringLiteral("baseline")) > 1);
  }

  // Point 19: the second attempt goes on from the panels that the first had finished.
  void retryGoesOnFromWhatTheFailedAttemptFinished() {
    constexpr int kWindows = 192;
    Bench bench;
    const QString first = bench.add(kWindows);
    bench.queue.start();
    QTRY_VERIFY_WITH_TIMEOUT(bench.workspace.job(first)->windowsDone > 0, kRunMilliseconds);
    ::kill(pid_t(bench.engine.processId()), SIGKILL);
    QTRY_COMPARE_WITH_TIMEOUT(bench.state(first), JobState::kFailed, 10000);
    const int finished = bench.workspace.job(first)->windowsDone;
    QVERIFY2(finished < kWindows, "the run had ended before it was killed");
    // Windows of the baseline that the engine computes from here on.
    int computed = 0;
    connect(&bench.engine, &EngineClient::events, this,
            [&](const std::vector<mxscope::Event>& batch) {
              for (const mxscope::Event& event : batch) {
                if (const auto* windows = std::get_if<mxscope::WindowsEvent>(&event.body)) {
                  for (const mxscope::VariantWindows& variant : windows->variants) {
                    computed += variant.variant == "baseline" ? int(variant.windows.size()) : 0;
                  }
                }
              }
            });
    bench.queue.retry(first);
    QCOMPARE(bench.workspace.jobIds().size(), 2);
    const QString second = bench.workspace.jobIds().last();
    QCOMPARE(bench.workspace.job(second)->attempt, 2);
    bench.queue.start();
    QTRY_COMPARE_WITH_TIMEOUT(bench.state(second), JobState::kDone, kRunMilliseconds);
    QVERIFY2(computed > 0 && computed <= kWindows - finished,
             qPrintable(QStringLiteral("%1 computed, %2 were there").arg(computed).arg(finished)));
    QTRY_VERIFY(!bench.queue.isReading());
    for (const QString& id : bench.workspace.runsOfJob(second)) {
      QCOMPARE(bench.workspace.run(id)->windows.size(), std::size_t(kWindows));
    }
    QCOMPARE(bench.state(first), JobState::kFailed);  // its record stays
    // The same as without the failure.
    Bench whole;
    const QString reference = whole.add(kWindows);
    whole.queue.start();
    QTRY_COMPARE_WITH_TIMEOUT(whole.state(reference), JobState::kDone, kRunMilliseconds);
    QCOMPARE(bench.perplexities(second), whole.perplexities(reference));
  }

  // Point 23.
  void intervalsAgreeWithAnIndependentComputation() {
    for (const int windows : {48, 104}) {  // Student's distribution, and the normal one
      Bench bench;
      const QString job = bench.add(windows);
      bench.queue.start();
      QTRY_COMPARE_WITH_TIMEOUT(bench.state(job), JobState::kDone, kRunMilliseconds);
      QTRY_VERIFY(!bench.queue.isReading());
      Workspace& w = bench.workspace;
      const auto check = [&](const QString& subject, const QString& base) {
        const Run& run = *w.findRun(job, subject);
        const Run& against = *w.findRun(job, base);
        QCOMPARE(run.windows.size(), std::size_t(windows));
        const Expected expected = paired(run.windows, against.windows);
        const std::optional<Delta> delta = w.deltaOf(run.id);
        QVERIFY(delta && delta->nll && delta->nll_ci95 && delta->ppl_percent_ci95);
        QVERIFY(std::abs(*delta->nll - expected.mean) < 1e-9);
        QVERIFY(std::abs((*delta->nll_ci95)[0] - expected.low) < 1e-9);
        QVERIFY(std::abs((*delta->nll_ci95)[1] - expected.high) < 1e-9);
        QVERIFY(std::abs((*delta->ppl_percent_ci95)[0] - 100 * std::expm1(expected.low)) < 1e-7);
        QVERIFY(std::abs((*delta->ppl_percent_ci95)[1] - 100 * std::expm1(expected.high)) < 1e-7);
      };
      check(QStringLiteral("tier B"), QStringLiteral("baseline"));
      check(QStringLiteral("fp4"), QStringLiteral("baseline"));
      w.setBaseline(w.findRun(job, QStringLiteral("tier B"))->id);  // computed by the window
      check(QStringLiteral("fp4"), QStringLiteral("tier B"));
      // Another number of windows, or windows of other lengths: no difference at all.
      const QString fp4 = w.findRun(job, QStringLiteral("fp4"))->id;
      w.changeRun(fp4, [](Run& run) { run.windows.sums.back().tokens -= 1; });
      QVERIFY(!w.deltaOf(fp4));
      w.changeRun(fp4, [](Run& run) {
        run.windows.sums.pop_back();
        run.windows.indices.pop_back();
      });
      QVERIFY(!w.deltaOf(fp4));
    }
  }
};

QTEST_GUILESS_MAIN(QueueEngineTest)
#include "queue_uitest.moc"
