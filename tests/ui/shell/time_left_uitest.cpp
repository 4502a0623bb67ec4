// SPDX-License-Identifier: GPL-3.0-or-later
// The time left of a running job on replayed streams. UX.md point 22.
#include <QtTest>
#include <cmath>

#include "models/time_left.h"

using namespace mxscope::ui;

namespace {

struct Told {
  double at, seconds;
};

// A run of `total` units whose first panel goes at `slow` of the speed (weights are quantised in
// it), as the engine tells of it: progress ten times a second, and at the end 20 results a second.
struct Stream {
  double total = 6720, speed = 440, slowUnits = 840, slow = 0.7;
  double quiet = 0;  // seconds between the request and the first progress
  int runs = 19;

  [[nodiscard]] double end() const {
    return quiet + slowUnits / (speed * slow) + (total - slowUnits) / speed + runs / 20.0;
  }
  [[nodiscard]] std::vector<Told> replay() const {
    TimeLeft left;
    left.begin(runs);
    std::vector<Told> told;
    double done = 0;
    int i = 0;
    const auto tell = [&](double now) {
      if (left.tell(now)) {
        told.push_back({now, *left.seconds()});
      }
    };
    double now = quiet;
    for (; done < total; now += 0.1, ++i) {
      left.addProgress(now, std::floor(done), total);
      tell(now);
      // Steps differ: the head costs more than a block does.
      const double uneven = 1 + 0.25 * std::sin(i * 0.9);
      done = std::min(total, done + 0.1 * speed * uneven * (done < slowUnits ? slow : 1));
    }
    left.addProgress(now, total, total);
    for (int r = 0; r < runs; ++r, now += 0.05) {
      left.addResult();
      tell(now);
    }
    return told;
  }
};

}  // namespace

class TimeLeftTest : public QObject {
  Q_OBJECT

 private Q_SLOTS:
  void isWithinAFifthOfTheTruth_data() {
    QTest::addColumn<double>("speed");
    QTest::addColumn<double>("quiet");
    QTest::addColumn<int>("runs");
    QTest::newRow("a quarter of a minute") << 440.0 << 0.0 << 19;
    QTest::newRow("a model that takes long to read") << 440.0 << 30.0 << 19;
    QTest::newRow("ten minutes") << 11.0 << 5.0 << 7;
    QTest::newRow("many results") << 300.0 << 0.0 << 150;
  }
  void isWithinAFifthOfTheTruth() {
    QFETCH(double, speed);
    QFETCH(double, quiet);
    QFETCH(int, runs);
    Stream stream;
    stream.speed = speed;
    stream.quiet = quiet;
    stream.runs = runs;
    const std::vector<Told> told = stream.replay();
    QVERIFY(told.size() > 8);
    int judged = 0;
    double before = -1e9;
    for (const Told& one : told) {
      QVERIFY2(one.at - before >= 1, "it changed twice in a second");
      before = one.at;
      const double truth = stream.end() - one.at;
      const bool quarter = one.at - quiet >= 0.25 * (stream.end() - quiet);
      if (quarter && truth >= 1) {
        QVERIFY2(std::abs(one.seconds - truth) <= 0.2 * truth,
                 qPrintable(QStringLiteral("at %1 s: told %2, true %3")
                                .arg(one.at)
                                .arg(one.seconds)
                                .arg(truth)));
        ++judged;
      }
    }
    QVERIFY(judged > 5);
  }

  void nothingIsToldAtOnce() {
    TimeLeft left;
    left.begin(3);
    QVERIFY(!left.tell(0));
    left.addProgress(20, 1, 100);
    QVERIFY(!left.tell(20));
    left.addProgress(21, 2, 100);
    QVERIFY(!left.tell(21));  // "estimating…" for three seconds
    QVERIFY(!left.seconds());
    left.addProgress(23.5, 4.5, 100);
    QVERIFY(left.tell(23.5));
    QVERIFY(std::abs(*left.seconds() - 95.5 - 0.15) < 1e-9);
    QVERIFY(!left.tell(24.4));
  }

  // What was counted of a panel that did not fit is taken back.
  void workThatIsDoneAgainDoesNotConfuse() {
    TimeLeft left;
    left.begin(1);
    for (int i = 0; i <= 40; ++i) {
      left.addProgress(i * 0.1, i, 200);
    }
    for (int i = 0; i <= 40; ++i) {
      left.addProgress(4.1 + i * 0.1, 20 + i, 200);
    }
    QVERIFY(left.tell(8.1));
    QVERIFY2(std::abs(*left.seconds() - 14 - 0.05) < 0.2,
             qPrintable(QString::number(*left.seconds())));
  }

  void aPausedJobBeginsAnew() {
    TimeLeft left;
    left.begin(1);
    for (int i = 0; i <= 50; ++i) {
      left.addProgress(i * 0.1, i, 200);
    }
    QVERIFY(left.tell(5));
    left.begin(1);
    QVERIFY(!left.seconds());
    for (int i = 0; i <= 50; ++i) {
      left.addProgress(100 + i * 0.1, 50 + i * 2, 200);
    }
    QVERIFY(left.tell(105));
    QVERIFY(std::abs(*left.seconds() - 2.5 - 0.05) < 0.1);
  }
};

QTEST_GUILESS_MAIN(TimeLeftTest)
#include "time_left_uitest.moc"
