// SPDX-License-Identifier: GPL-3.0-or-later
// Builder and queue in the window. UX.md points 7, 9, 11, 12, 13, 16, 19, 20, 21.
#include <QDialog>
#include <QLabel>
#include <QMimeData>
#include <QPushButton>
#include <QTableView>

#include "bridge/process_engine_client.h"
#include "models/builder_models.h"
#include "models/queue_model.h"
#include "panels/problem_bar.h"
#include "ui/window/window_fixture.h"

using namespace mxscope::ui;
using namespace mxscope::ui::testing;

class WindowQueueTest : public QObject {
  Q_OBJECT

 private:
  QTemporaryDir m_folder;
  QString path(const char* name) const { return m_folder.filePath(QLatin1String(name)); }

 private Q_SLOTS:
  void initTestCase() { Theme::instance().install(*qApp); }

  // Point 7.
  void emptyWindowOffersAFirstAction() {
    QTemporaryDir profile;
    Shown s(profile);
    QVERIFY(s.find<QWidget>("welcomePage")->isVisible());
    auto* demo = s.find<QPushButton>("demoButton");
    QVERIFY(demo->isVisible() && demo->isEnabled());
    QCOMPARE(s.window->focusWidget(), static_cast<QWidget*>(demo));
    QVERIFY(s.find<QLabel>("queueEmpty")->text().contains(QStringLiteral("Ctrl+Enter")));
    QCOMPARE(s.find<QLabel>("runCount")->text(), QStringLiteral("Add a model first."));
    QTest::mouseClick(demo, Qt::LeftButton);
    QTRY_COMPARE(s.workspace().jobIds().size(), 1);
    QVERIFY(!s.find<QWidget>("welcomePage")->isVisible());
  }

  void noEngineIsSaidWithAWayOut() {
    QTemporaryDir profile;
    useFreshProfile(profile);
    MainWindow window(
        std::make_unique<ProcessEngineClient>(QStringLiteral("/no/such/engine serve")));
    window.show();
    auto* bar = window.findChild<ProblemBar*>();
    QTRY_VERIFY(bar->isVisible());
    QVERIFY(bar->findChild<QLabel*>(QStringLiteral("problemText"))
                ->text()
                .contains(QStringLiteral("/no/such/engine")));
    auto* action = bar->findChild<QPushButton*>(QStringLiteral("problemAction"));
    QCOMPARE(action->text(), QStringLiteral("Settings…"));
    bool opened = false;
    QTimer::singleShot(100, &window, [&] {
      if (auto* dialog = window.findChild<QDialog*>(QStringLiteral("settingsDialog"))) {
        opened = dialog->isVisible();
        dialog->reject();
      }
    });
    action->click();
    QVERIFY(opened);
  }

  // Point 9.
  void brokenRuleStopsQueueingWithItsReason() {
    QTemporaryDir profile;
    Shown s(profile);
    QVERIFY(s.open(path("rules.mxscope"), smallExperiment()));
    auto* table = s.find<QTableView>("ruleTable");
    QTRY_COMPARE(table->model()->index(0, RuleTableModel::kMatches).data().toInt(), 4);
    QVERIFY(command(*s.window, "experimentAdd")->isEnabled());
    QVERIFY(table->model()->setData(table->model()->index(0, RuleTableModel::kPattern),
                                    QStringLiteral("re:layers.(0"), Qt::EditRole));
    const QString problem = table->model()
                                ->index(0, RuleTableModel::kPattern)
                                .data(RuleTableModel::kProblemRole)
                                .toString();
    QVERIFY(!problem.isEmpty());
    QVERIFY(!s.find<QPushButton>("addRuns")->isEnabled());
    QVERIFY(!s.find<QPushButton>("addRuns")->toolTip().isEmpty());
    QCOMPARE(s.find<QLabel>("runCount")->text(),
             s.find<QPushButton>("addRuns")->toolTip().toHtmlEscaped());
    QVERIFY(!command(*s.window, "experimentAdd")->isEnabled());
    QCOMPARE(command(*s.window, "experimentAdd")->whatsThis(),
             s.find<QPushButton>("addRuns")->toolTip());
    QTest::keyClick(s.window.get(), Qt::Key_Return, Qt::ControlModifier);
    QCOMPARE(s.workspace().jobIds().size(), 0);
    s.trigger("editUndo");
    QVERIFY(s.find<QPushButton>("addRuns")->isEnabled());
  }

  // Points 11 and 13.
  void runsAreCountedAndQueuedAtOnce() {
    QTemporaryDir profile;
    Shown s(profile);
    QVERIFY(s.open(path("two.mxscope"), smallExperiment(2)));
    const auto* count = s.find<QLabel>("runCount");
    const auto* add = s.find<QPushButton>("addRuns");
    QCOMPARE(count->text(), QStringLiteral("<b>2 models × 2 variants = 4 runs</b>"));
    QVERIFY(add->text().startsWith(QStringLiteral("Add 4 runs")));
    // The first model's two are done: they do not count again.
    s.engine->setStream(wholeRun());
    QVERIFY(s.open(path("one.mxscope"), smallExperiment(1)));
    const auto* table = s.find<QTableView>("queueTable");
    QCOMPARE(table->model()->rowCount(), 0);
    QElapsedTimer clock;
    clock.start();
    QTest::keyClick(s.window.get(), Qt::Key_Return, Qt::ControlModifier);
    QCOMPARE(table->model()->rowCount(), 1);
    QVERIFY(table->isVisible());
    qInfo("queued and shown: %lld ms", static_cast<long long>(clock.elapsed()));
    QVERIFY2(clock.elapsed() < 100, qPrintable(QString::number(clock.elapsed())));
    s.trigger("queueStart");
    QTRY_COMPARE(s.workspace().job(s.workspace().jobIds().first())->state, JobState::kDone);
    QVERIFY(s.window->openPath(path("two.mxscope")));
    QCOMPARE(count->text(),
             QStringLiteral("<b>2 models × 2 variants = 4 runs</b> (2 done or queued)"));
    QVERIFY(add->text().startsWith(QStringLiteral("Add 2 runs")));
    // Another context makes other runs.
    QVERIFY(s.open(path("other.mxscope"), smallExperiment(2, QStringLiteral("*.mlp.*"), 32)));
    QVERIFY(add->text().startsWith(QStringLiteral("Add 4 runs")));
    QVERIFY(s.window->openPath(path("two.mxscope")));
    s.trigger("experimentAdd");
    QCOMPARE(s.workspace().jobIds().size(), 2);
    QVERIFY(add->text().startsWith(QStringLiteral("All runs are done or queued")));
    QVERIFY(!add->isEnabled());
  }

  // Point 12, its warning.
  void whatDoesNotFitIsAWarningAndCanBeAdded() {
    QTemporaryDir profile;
    Shown s(profile);
    s.engine->setReply(
        QStringLiteral("estimate"),
        {{"seconds", 60},
         {"jobs", {{{"total_bytes", 29e9}, {"available_bytes", 23.5e9}, {"device", "cuda:0"}}}}});
    QVERIFY(s.open(path("large.mxscope"), smallExperiment()));
    const auto* line = s.find<QLabel>("estimateLine");
    QTRY_COMPARE(line->text(),
                 QStringLiteral("does not fit: needs 27.0 GiB, 21.9 GiB free on cuda:0"));
    const auto* add = s.find<QPushButton>("addRuns");
    QVERIFY(add->text().contains(QStringLiteral("anyway")));
    QVERIFY(add->isEnabled());
  }

  // Point 16.
  void jobsMoveByKeysAndByMouse() {
    QTemporaryDir profile;
    Shown s(profile);
    for (const int context : {16, 32, 48}) {
      QVERIFY(
          s.open(path("three.mxscope"), smallExperiment(1, QStringLiteral("*.mlp.*"), context)));
      s.trigger("experimentAdd");
    }
    const QStringList ids = s.workspace().jobIds();
    QCOMPARE(ids.size(), 3);
    auto* table = s.find<QTableView>("queueTable");
    table->setFocus();
    table->selectRow(2);
    QTest::keyClick(table, Qt::Key_Up, Qt::AltModifier);
    QCOMPARE(s.workspace().jobIds(), QStringList({ids[0], ids[2], ids[1]}));
    QTest::keyClick(table, Qt::Key_Down, Qt::AltModifier);
    QCOMPARE(s.workspace().jobIds(), ids);
    // What the view calls when a row is dropped above the first one. Offscreen no drag begins: a
    // real one is made by walk.py (reorder).
    const std::unique_ptr<QMimeData> mime(table->model()->mimeData({table->model()->index(2, 0)}));
    table->model()->dropMimeData(mime.get(), Qt::MoveAction, 0, 0, {});
    QCOMPARE(s.workspace().jobIds(), QStringList({ids[2], ids[0], ids[1]}));
    s.trigger("editUndo");
    QCOMPARE(s.workspace().jobIds(), ids);
    s.trigger("editUndo");
    s.trigger("editUndo");
    QCOMPARE(s.workspace().jobIds(), ids);
  }

  // Point 19.
  void retryKeepsTheFailedJobAndGoesOnFromIt() {
    QTemporaryDir profile;
    Shown s(profile);
    std::vector<mxscope::Event> broken = wholeRun();
    broken.resize(2);  // started, and a panel
    s.engine->setStream(broken);
    QVERIFY(s.open(path("retry.mxscope"), smallExperiment()));
    s.trigger("experimentAdd");
    s.trigger("queueStart");
    const QString first = s.workspace().jobIds().first();
    QTRY_COMPARE(s.workspace().job(first)->windowsDone, 4);
    s.engine->die(QStringLiteral("SIGSEGV"));
    QCOMPARE(s.workspace().job(first)->state, JobState::kFailed);
    s.engine->setStream(wholeRun());
    auto* table = s.find<QTableView>("queueTable");
    s.trigger("viewQueue");
    table->setFocus();
    table->selectRow(0);
    QTest::keyClick(table, Qt::Key_R);
    QCOMPARE(s.workspace().jobIds().size(), 2);
    const QString second = s.workspace().jobIds().last();
    QCOMPARE(s.workspace().job(second)->attempt, 2);
    s.trigger("queueStart");
    QTRY_COMPARE(s.workspace().job(second)->state, JobState::kDone);
    QCOMPARE(s.workspace().job(first)->state, JobState::kFailed);
    QVERIFY(s.workspace().job(first)->message.contains(QStringLiteral("SIGSEGV")));
    QCOMPARE(s.workspace().run(s.workspace().runsOfJob(first).first())->state, RunState::kFailed);
    // The second run asks for what the first one stored.
    std::vector<mxscope::RunRequest> runs;
    for (const mxscope::Request& request : s.engine->requests()) {
      if (const auto* run = std::get_if<mxscope::RunRequest>(&request.body)) {
        runs.push_back(*run);
      }
    }
    QCOMPARE(runs.size(), std::size_t(2));
    QVERIFY(!runs[0].resume && runs[1].resume);
    QCOMPARE(runs[0].output, runs[1].output);

    // All failed ones at once.
    s.engine->setError(QStringLiteral("run"), QStringLiteral("no such file"));
    for (const int context : {16, 32}) {
      QVERIFY(
          s.open(path("retry.mxscope"), smallExperiment(1, QStringLiteral("*.mlp.*"), context)));
      s.trigger("experimentAdd");
    }
    s.trigger("queueStart");
    QTRY_COMPARE(s.workspace().job(s.workspace().jobIds().last())->state, JobState::kFailed);
    const auto before = s.workspace().jobIds().size();
    s.trigger("queueRetryAll");
    QCOMPARE(s.workspace().jobIds().size(), before + 3);  // with the first of this test
  }

  // Point 20.
  void threeEqualFailuresPauseTheQueue() {
    QTemporaryDir profile;
    Shown s(profile);
    s.engine->setError(QStringLiteral("run"), QStringLiteral("The model cannot be read."));
    for (const int context : {16, 24, 32, 40, 48}) {
      QVERIFY(s.open(path("five.mxscope"), smallExperiment(1, QStringLiteral("*.mlp.*"), context)));
      s.trigger("experimentAdd");
    }
    s.trigger("queueStart");
    const auto states = [&](JobState state) {
      int count = 0;
      for (const QString& id : s.workspace().jobIds()) {
        count += s.workspace().job(id)->state == state ? 1 : 0;
      }
      return count;
    };
    QTRY_COMPARE(states(JobState::kFailed), 3);
    QTest::qWait(200);
    QCOMPARE(states(JobState::kFailed), 3);
    QCOMPARE(states(JobState::kWaiting), 2);
    QCOMPARE(s.window->findChild<ProblemBar*>()->count(), 1);
    QVERIFY(s.find<QLabel>("problemText")->text().contains(QStringLiteral("queue is paused")));
    QVERIFY(s.find<QLabel>("problemText")->text().contains(QStringLiteral("cannot be read")));
    QVERIFY(s.find<QWidget>("queueBanner")->isVisibleTo(s.window.get()));
  }

  // Point 21.
  void outOfMemoryCanBeTriedWithASmallerBatch() {
    QTemporaryDir profile;
    Shown s(profile);
    mxscope::MessageEvent message;
    message.kind = mxscope::MessageKind::kError;
    message.code = "out_of_memory";
    // As the engine says it (run_job.cpp).
    message.text =
        "cuda:0 is out of memory: CUDA out of memory. Tried to allocate 2.00 GiB; the job needs "
        "about 27.00 GiB on a device, free are 21.90 GiB on cuda:0";
    s.engine->setStream({engineEvent(message), engineEvent(mxscope::DoneEvent{"failed", 1})});
    QVERIFY(s.open(path("oom.mxscope"), smallExperiment()));
    s.trigger("experimentAdd");
    s.trigger("queueStart");
    auto* action = s.find<QPushButton>("problemAction");
    QTRY_VERIFY(action->isVisible());
    const QString text = s.find<QLabel>("problemText")->text();
    QVERIFY(text.contains(QStringLiteral("27.00 GiB")) &&
            text.contains(QStringLiteral("21.90 GiB")));
    QCOMPARE(action->text(), QStringLiteral("Retry with smaller batch"));
    s.engine->setStream(wholeRun());
    action->click();
    QTRY_COMPARE(s.workspace().jobIds().size(), 2);
    const Job* again = s.workspace().job(s.workspace().jobIds().last());
    QTRY_COMPARE(again->state, JobState::kDone);
    QVERIFY(again->experiment.contains(QStringLiteral("\"batch\": 1")));
    QVERIFY(!s.workspace()
                 .job(s.workspace().jobIds().first())
                 ->experiment.contains(QStringLiteral("\"batch\"")));
  }
};

QTEST_MAIN(WindowQueueTest)
#include "queue_uitest.moc"
