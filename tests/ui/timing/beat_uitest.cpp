// SPDX-License-Identifier: GPL-3.0-or-later
// A timer of 10 ms on the GUI thread is never late by more than 100 ms while the engine runs the
// demo, a large result is read, and everything is exported; the demo fills all cards and the table,
// and the time left that is told meanwhile is right. UX.md points 6, 8 and 22.
#include <QLabel>
#include <QRegularExpression>
#include <array>

#include "bridge/process_engine_client.h"
#include "panels/export_dialog.h"
#include "panels/results_table.h"
#include "plots/plot_card.h"
#include "plots/plot_view.h"
#include "ui/support/large_results.h"

using namespace mxscope::ui;
using namespace mxscope::ui::testing;

namespace {

constexpr qint64 kLateMilliseconds = 100;
constexpr int kDemoMilliseconds = 240000;  // its limit of a minute is asked of the program itself
constexpr int kWaitMilliseconds = 60000;

std::unique_ptr<MainWindow> shownWindow(const QTemporaryDir& profile) {
  useFreshProfile(profile);
  auto window = std::make_unique<MainWindow>(std::make_unique<ProcessEngineClient>(
      QString::fromLocal8Bit(qgetenv("MXSCOPE")) + QLatin1String(" serve")));
  window->resize(1680, 1050);
  window->show();
  return window;
}

QList<PlotCard*> cardsOf(const MainWindow& window) {
  QList<PlotCard*> cards;
  for (const char* id : {"bars", "heatmap", "live", "tradeoff"}) {
    cards << window.findChild<PlotCard*>(QLatin1String("card-") + QLatin1String(id));
  }
  return cards;
}

// Lets the window come to rest, and tells how late the beat came meanwhile.
qint64 latestWhile(Heartbeat* beat, const char* what) {
  QTest::qWait(300);
  const qint64 latest = beat->latest();
  qInfo("%s: latest beat %lld ms, with the time spent waiting for a processor %lld ms", what,
        static_cast<long long>(latest), static_cast<long long>(beat->latestWithWaiting()));
  beat->restart();
  return latest;
}

// What a user does in the dialog of a card: names a file and exports.
void exportCard(PlotCard* card, const QString& path) {
  QSignalSpy messages(card, &PlotCard::message);
  QTimer::singleShot(0, card, [&path] {
    auto* dialog = qobject_cast<PictureExportDialog*>(QApplication::activeModalWidget());
    QVERIFY(dialog);
    dialog->setFile(path);
    dialog->accept();
  });
  card->exportPicture();
  QCOMPARE(messages.size(), 1);
  QVERIFY(QFileInfo(path).size() > 1000);
}

}  // namespace

class BeatTest : public QObject {
  Q_OBJECT

 private Q_SLOTS:
  void initTestCase() {
    Theme::instance().setMode(Theme::Mode::kLight);
    Theme::instance().install(*qApp);
  }

  void demoFillsEverythingWhileTheBeatGoesOn() {
    const QTemporaryDir profile;
    const auto window = shownWindow(profile);
    Heartbeat beat;
    QElapsedTimer clock;
    clock.start();
    // What the status bar tells of the time left, and when it began to.
    QList<QPair<double, QString>> told;
    std::vector<std::array<double, 3>> values;  // time, seconds left, share done
    std::array<double, 5> quarters{};           // when each quarter of the work was done
    connect(window->workspace(), &Workspace::jobsChanged, this, [&] {
      const Job* job = window->workspace()->job(window->workspace()->jobIds().value(0));
      for (std::size_t q = 1; job && q < quarters.size(); ++q) {
        if (quarters[q] == 0 && job->fraction() >= 0.25 * double(q)) {
          quarters[q] = double(clock.elapsed()) / 1000;
        }
      }
      if (job && job->secondsLeft && (values.empty() || values.back()[1] != *job->secondsLeft)) {
        values.push_back({double(clock.elapsed()) / 1000, *job->secondsLeft, job->fraction()});
      }
    });
    const auto* status = window->findChild<QLabel*>(QStringLiteral("progressText"));
    QTimer watch;
    connect(&watch, &QTimer::timeout, this, [&] {
      static const QRegularExpression left(QStringLiteral("[^·]* left"));
      const QString text = left.match(status->text()).captured().trimmed();
      if (!text.isEmpty() && (told.isEmpty() || told.last().second != text)) {
        told.append({double(clock.elapsed()) / 1000, text});
      }
    });
    watch.start(20);
    window->runDemo();
    QTRY_VERIFY_WITH_TIMEOUT(window->isIdle() && !window->workspace()->runIds().isEmpty(),
                             kDemoMilliseconds);
    const qint64 took = clock.elapsed();
    const qint64 latest = latestWhile(&beat, "run");
    qInfo("the demo took %.1f s", double(took) / 1000);
    QVERIFY2(latest <= kLateMilliseconds, qPrintable(QString::number(latest)));

    // UX.md point 22.
    QVERIFY(values.size() >= 4);
    const double end = double(took) / 1000;
    double worst = 0;
    for (const auto& [time, left, done] : values) {
      const double truth = end - time;
      if (done >= 0.25 && truth >= 2) {
        worst = std::max(worst, std::abs(left - truth) / truth);
      }
    }
    qInfo("time left: wrong by %.0f %% at worst", 100 * worst);
    // Steady, as the point says: other programs have not changed the speed from quarter to quarter.
    double slowest = 0;
    double fastest = 1e9;
    for (std::size_t q = 2; q < quarters.size(); ++q) {
      slowest = std::max(slowest, quarters[q] - quarters[q - 1]);
      fastest = std::min(fastest, quarters[q] - quarters[q - 1]);
    }
    if (slowest <= 1.2 * fastest) {
      QVERIFY2(worst <= 0.2, qPrintable(QString::number(worst)));
    } else {
      qWarning("the machine was busy: quarters of the work took %.1f to %.1f s", fastest, slowest);
    }
    // At most one change a second; when exactly each is drawn depends on the machine.
    QVERIFY(told.size() >= 2);
    QVERIFY2(double(told.size() - 1) <= told.last().first - told.first().first + 1,
             qPrintable(QStringLiteral("%1 changes").arg(told.size())));

    const Workspace& w = *window->workspace();
    QCOMPARE(w.runIds().size(), 19);
    for (const QString& id : w.runIds()) {
      QCOMPARE(w.run(id)->state, RunState::kDone);
      QVERIFY(w.run(id)->metrics.ppl.value_or(0) > 1);
    }
    const auto* table = window->findChild<ResultsTable*>();
    QCOMPARE(table->model()->shownRuns(), 19);
    for (PlotCard* card : cardsOf(*window)) {
      QVERIFY(card);
      QVERIFY2(card->view()->hasData(), qPrintable(card->id()));
      QVERIFY2(!card->view()->table().rows.isEmpty(), qPrintable(card->id()));
    }
  }

  void largeResultIsReadAndExportedWhileTheBeatGoesOn_data() {
    QTest::addColumn<bool>("sweep");
    QTest::newRow("400 variants") << false;
    QTest::newRow("a sweep of 360 places") << true;
  }
  void largeResultIsReadAndExportedWhileTheBeatGoesOn() {
    QFETCH(bool, sweep);
    constexpr int kRuns = 400;
    const QTemporaryDir profile, folder;
    QVERIFY(writeLargeResults(folder.path(), kRuns, 192, sweep));
    const auto window = shownWindow(profile);
    QTest::qWait(300);
    Workspace& w = *window->workspace();
    Heartbeat beat;
    QVERIFY(window->openPath(folder.path()));
    QTRY_COMPARE_WITH_TIMEOUT(w.runIds().size(), kRuns, kWaitMilliseconds);
    // Sizes come from the checkpoint, which is not there: the trade-off gets them by hand.
    for (int i = 0; i < kRuns; ++i) {
      w.changeRun(w.runIds()[i], [i](Run& run) { run.weightBytes = 1e9 + 1e6 * i; });
    }
    QTRY_VERIFY_WITH_TIMEOUT(window->isIdle(), kWaitMilliseconds);
    qint64 latest = latestWhile(&beat, "load");
    QVERIFY2(latest <= kLateMilliseconds, qPrintable(QString::number(latest)));

    for (PlotCard* card : cardsOf(*window)) {
      if (!card->view()->hasData()) {
        continue;
      }
      for (const char* ending : {"png", "svg", "pdf"}) {
        const QString path = folder.filePath(card->id() + QLatin1Char('.') + QLatin1String(ending));
        exportCard(card, path);
        latest =
            latestWhile(&beat, qPrintable(card->id() + QLatin1Char(' ') + QLatin1String(ending)));
        QVERIFY2(latest <= kLateMilliseconds, qPrintable(QString::number(latest)));
      }
    }
    auto* table = window->findChild<ResultsTable*>();
    for (const char* kind : {"json", "csv", "long-csv", "windows-csv", "markdown"}) {
      QSignalSpy written(table, &ResultsTable::written);
      const QString path = folder.filePath(QLatin1String(kind));
      table->exportInBackground(path, QLatin1String(kind), ResultsTable::Scope::kAll);
      QTRY_COMPARE_WITH_TIMEOUT(written.size(), 1, kWaitMilliseconds);
      QVERIFY2(written.first()[1].toString().isEmpty(), qPrintable(written.first()[1].toString()));
      latest = latestWhile(&beat, kind);
      QVERIFY2(latest <= kLateMilliseconds, qPrintable(QString::number(latest)));
    }
  }
};

QTEST_MAIN(BeatTest)
#include "beat_uitest.moc"
