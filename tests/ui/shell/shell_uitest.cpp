// SPDX-License-Identifier: GPL-3.0-or-later
// The builder, the queue and the engine client, driven by a recorded engine.
#include <QAbstractItemModelTester>
#include <QAction>
#include <QApplication>
#include <QLineEdit>
#include <QSignalSpy>
#include <QStandardPaths>
#include <QTemporaryDir>
#include <QTest>
#include <QUndoStack>
#include <csignal>

#include "bridge/process_engine_client.h"
#include "bridge/queue_controller.h"
#include "bridge/replay_engine_client.h"
#include "models/builder_models.h"
#include "models/layer_tree_model.h"
#include "models/queue_model.h"
#include "mxscope/ui/main_window.h"
#include "theme/theme.h"
#include "window/command_palette.h"

using namespace mxscope::ui;

namespace {

// A model of two blocks with three linears each, and a head.
ModelInfo smallModel() {
  ModelInfo info;
  info.state = ModelInfo::State::kReady;
  info.blocks = 2;
  for (int block = 0; block < 2; ++block) {
    for (const char* name : {"self_attn.q_proj", "mlp.up_proj", "mlp.down_proj"}) {
      mxscope::LinearInfo linear;
      linear.name = "model.layers." + std::to_string(block) + "." + name;
      linear.block = block;
      linear.role = std::string(name).starts_with("mlp") ? mxscope::LinearRole::kMlp
                                                         : mxscope::LinearRole::kAttention;
      linear.in_features = linear.out_features = 64;
      info.linears.push_back(linear);
    }
  }
  mxscope::LinearInfo head;
  head.name = "lm_head";
  head.role = mxscope::LinearRole::kHead;
  head.in_features = head.out_features = 64;
  info.linears.push_back(head);
  return info;
}

mxscope::Experiment twoVariants() {
  mxscope::Experiment experiment;
  experiment.models.emplace_back().source = "model";
  experiment.data.sources = {"text.txt"};
  for (const mxscope::Format format : {mxscope::Format::kMxfp8E4m3, mxscope::Format::kMxfp4E2m1}) {
    mxscope::VariantEntry& variant = experiment.variants.emplace_back();
    mxscope::RuleEntry& rule = variant.rules.emplace().emplace_back();
    rule.match = {"*.mlp.*"};
    rule.weight.emplace().format = format;
    rule.activation.emplace().format = format;
  }
  return experiment;
}

mxscope::Event engineEvent(decltype(mxscope::Event::body) body) {
  mxscope::Event made;
  made.job = "recorded";
  made.body = std::move(body);
  return made;
}

// What an engine says of a job with the given variants and two windows each.
std::vector<mxscope::Event> recordedStream(const std::vector<std::string>& variants) {
  std::vector<mxscope::Event> stream;
  mxscope::StartedEvent started;
  started.windows = 2;
  started.tokens = 20;
  started.variants = variants;
  stream.push_back(engineEvent(started));
  mxscope::WindowsEvent windows;
  for (std::size_t v = 0; v < variants.size(); ++v) {
    mxscope::VariantWindows entry;
    entry.variant = variants[v];
    for (int w = 0; w < 2; ++w) {
      mxscope::IndexedSums sums;
      sums.window = w;
      sums.sums.tokens = 10;
      sums.sums.nll_sum = 20 + w + static_cast<double>(v);
      entry.windows.push_back(sums);
    }
    windows.variants.push_back(entry);
  }
  stream.push_back(engineEvent(windows));
  mxscope::ProgressEvent progress;
  progress.done = 4;
  progress.total = 10;
  stream.push_back(engineEvent(progress));
  for (std::size_t v = 0; v < variants.size(); ++v) {
    mxscope::ResultEvent result;
    result.run.variant = variants[v];
    result.run.baseline = v == 0;
    result.run.metrics.nll = 2.0 + static_cast<double>(v);
    stream.push_back(engineEvent(result));
  }
  stream.push_back(engineEvent(mxscope::DoneEvent{"done", 1.5}));
  return stream;
}

struct Fixture {
  QUndoStack undo;
  Workspace workspace;
  ReplayEngineClient engine;
  ExperimentDocument document{&undo};
  QueueController queue{&workspace, &engine, &undo};

  Fixture() {
    document.reset(twoVariants(), {});
    document.setModelInfo(QStringLiteral("model"), smallModel());
  }
  QStringList addJobs(int count) {
    QStringList ids;
    for (int i = 0; i < count; ++i) {
      ids << queue.add(document.plan({}, true).jobs, QStringLiteral("test"));
    }
    return ids;
  }
};

}  // namespace

class ShellTest : public QObject {
  Q_OBJECT

 private Q_SLOTS:
  void initTestCase() {
    QStandardPaths::setTestModeEnabled(true);
    QCoreApplication::setOrganizationName(QStringLiteral("mxscope-test"));
    Theme::instance().install(*qobject_cast<QApplication*>(QCoreApplication::instance()));
  }

  void ruleShowsItsMatches() {
    Fixture f;
    RuleTableModel rules(&f.document);
    QAbstractItemModelTester tester(&rules);
    QCOMPARE(rules.index(0, RuleTableModel::kMatches).data().toInt(), 4);
    rules.addRule(QStringLiteral("@attention"));
    QCOMPARE(rules.index(1, RuleTableModel::kMatches).data().toInt(), 2);
  }

  void brokenExpressionIsMarkedAndStopsQueueing() {
    Fixture f;
    RuleTableModel rules(&f.document);
    rules.setData(rules.index(0, RuleTableModel::kPattern), QStringLiteral("re:layers.(0"),
                  Qt::EditRole);
    QVERIFY(!rules.index(0, 0).data(RuleTableModel::kProblemRole).toString().isEmpty());
    QVERIFY(f.document.hasErrors());
    QVERIFY(f.document.plan({}).jobs.empty());
    f.undo.undo();
    QVERIFY(!f.document.hasErrors());
  }

  void treeIsTriStateAndOverridesAreUndone() {
    Fixture f;
    LayerTreeModel tree(&f.document);
    QAbstractItemModelTester tester(&tree);
    const QModelIndex block = tree.index(0, 0, {});
    QCOMPARE(block.data(Qt::CheckStateRole).toInt(), int(Qt::PartiallyChecked));
    const QModelIndex down = tree.find(QStringLiteral("model.layers.0.mlp.down_proj"));
    QCOMPARE(down.data(Qt::CheckStateRole).toInt(), int(Qt::Checked));
    const mxscope::Experiment before = f.document.experiment();
    QVERIFY(tree.setData(down, int(Qt::Unchecked), Qt::CheckStateRole));
    QCOMPARE(down.data(Qt::CheckStateRole).toInt(), int(Qt::Unchecked));
    QVERIFY(down.siblingAtColumn(LayerTreeModel::kGets)
                .data()
                .toString()
                .contains(QStringLiteral("(manual)")));
    // Both variants choose layers alike, so both are edited.
    QCOMPARE(f.document.experiment().variants[1].rules->size(), std::size_t(2));
    f.undo.undo();
    QVERIFY(f.document.experiment() == before);
    QCOMPARE(down.data(Qt::CheckStateRole).toInt(), int(Qt::Checked));
  }

  void checkingAnUnmatchedLayerQuantisesIt() {
    Fixture f;
    LayerTreeModel tree(&f.document);
    const QModelIndex head = tree.find(QStringLiteral("lm_head"));
    QVERIFY(tree.setData(head, int(Qt::Checked), Qt::CheckStateRole));
    QCOMPARE(head.data(Qt::CheckStateRole).toInt(), int(Qt::Checked));
    tree.removeManual();
    QVERIFY(f.document.experiment() == twoVariants());
  }

  void planLeavesOutWhatIsDone() {
    Fixture f;
    const RunPlan all = f.document.plan({});
    QCOMPARE(all.total, 2);
    QCOMPARE(all.jobs.size(), std::size_t(1));
    const RunPlan rest = f.document.plan({all.jobs[0].keys[1]});
    QCOMPARE(rest.toAdd(), 1);
    QCOMPARE(rest.jobs[0].experiment.variants.size(), std::size_t(1));
    QVERIFY(f.document.plan({all.jobs[0].keys[1], all.jobs[0].keys[2]}).jobs.empty());
  }

  void recordedJobFillsTheWorkspace() {
    Fixture f;
    const QString id = f.addJobs(1).first();
    const QStringList variants = f.workspace.job(id)->variants;
    QCOMPARE(variants.size(), 3);
    std::vector<std::string> names;
    for (const QString& name : variants) {
      names.push_back(name.toStdString());
    }
    f.engine.setStream(recordedStream(names));
    f.queue.start();
    QTRY_COMPARE(f.workspace.job(id)->state, JobState::kDone);
    QCOMPARE(f.workspace.runIds().size(), 3);
    const Run* run = f.workspace.findRun(id, variants[1]);
    QCOMPARE(run->state, RunState::kDone);
    QCOMPARE(run->windows.size(), std::size_t(2));
    QCOMPARE(f.document.plan(f.queue.doneKeys()).toAdd(), 0);
    const std::optional<Delta> delta = f.workspace.deltaOf(run->id);
    QVERIFY(delta && delta->nll);
    QVERIFY(std::abs(*delta->nll - 0.1) < 1e-12);
    f.workspace.setUndoStack(&f.undo);
    f.workspace.setBaseline(run->id);
    QVERIFY(f.workspace.isChosenBaseline(run->id));
    f.undo.undo();
    QVERIFY(!f.workspace.isChosenBaseline(run->id));
  }

  void diedEngineFailsItsJobAndTheQueueGoesOn() {
    Fixture f;
    const QStringList ids = f.addJobs(2);
    f.engine.setStream({engineEvent(mxscope::ProgressEvent{})});
    QSignalSpy problems(&f.queue, &QueueController::problem);
    f.queue.start();
    QTRY_COMPARE(f.workspace.job(ids[0])->state, JobState::kRunning);
    f.engine.die(QStringLiteral("SIGKILL"));
    QCOMPARE(f.workspace.job(ids[0])->state, JobState::kFailed);
    QVERIFY(f.workspace.job(ids[0])->message.contains(QStringLiteral("SIGKILL")));
    QCOMPARE(problems.size(), 1);
    QCOMPARE(f.queue.currentJob(), ids[1]);
    f.queue.retry(ids[0]);
    QCOMPARE(f.workspace.job(f.workspace.jobIds().last())->attempt, 2);
    QCOMPARE(f.workspace.job(ids[0])->state, JobState::kFailed);
  }

  void cancelAndPauseShowAtOnce() {
    Fixture f;
    const QString id = f.addJobs(1).first();
    f.engine.setStream({engineEvent(mxscope::ProgressEvent{})});
    f.queue.start();
    QTRY_COMPARE(f.workspace.job(id)->state, JobState::kRunning);
    f.queue.cancel(id);
    QCOMPARE(f.workspace.job(id)->state, JobState::kCancelling);
    QTRY_COMPARE(f.workspace.job(id)->state, JobState::kCancelled);
  }

  void reorderIsUndone() {
    Fixture f;
    QueueModel model(&f.workspace, &f.queue);
    QAbstractItemModelTester tester(&model);
    const QStringList ids = f.addJobs(3);
    f.queue.move({ids[2]}, -1);
    QCOMPARE(model.jobAt(1), ids[2]);
    f.queue.moveTo({ids[1]}, 0);
    QCOMPARE(model.jobAt(0), ids[1]);
    f.undo.undo();
    f.undo.undo();
    QCOMPARE(f.workspace.jobIds(), ids);
    f.queue.remove({ids[0]});
    QCOMPARE(model.rowCount(), 2);
    f.undo.undo();
    QCOMPARE(model.rowCount(), 3);
  }

  void killedProcessNamesItsSignal() {
    ProcessEngineClient client(QStringLiteral("sleep 60"));
    QSignalSpy died(&client, &EngineClient::died);
    client.start();
    QTRY_VERIFY(client.processId() > 0);
    QTest::qWait(50);
    ::kill(static_cast<pid_t>(client.processId()), SIGKILL);
    QTRY_COMPARE(died.size(), 1);
    QCOMPARE(died[0][0].value<EngineFailure>().signalName, QStringLiteral("SIGKILL"));
  }

  void missingEngineIsOneClearFailure() {
    ProcessEngineClient client(QStringLiteral("/no/such/engine serve"));
    QSignalSpy died(&client, &EngineClient::died);
    client.start();
    QTRY_COMPARE(died.size(), 1);
    QVERIFY(died[0][0].value<EngineFailure>().neverStarted);
  }

  void windowOpensFastAndHasNoTwoEqualShortcuts() {
    QElapsedTimer clock;
    clock.start();
    MainWindow window(std::make_unique<ReplayEngineClient>());
    window.show();
    QVERIFY(QTest::qWaitForWindowExposed(&window));
    QVERIFY2(clock.elapsed() < 1000, qPrintable(QString::number(clock.elapsed())));
    QHash<QKeySequence, QString> seen;
    for (const QAction* action : window.actions()) {
      for (const QKeySequence& key : action->shortcuts()) {
        if (action->shortcutContext() == Qt::WindowShortcut) {
          QVERIFY2(!seen.contains(key), qPrintable(key.toString() + seen.value(key)));
          seen.insert(key, action->objectName());
        }
      }
    }
    QVERIFY(seen.size() > 20);
  }

  void droppedNonsenseIsRefused() {
    MainWindow window(std::make_unique<ReplayEngineClient>());
    QTemporaryDir folder;
    QFile file(folder.filePath(QStringLiteral("nonsense.bin")));
    QVERIFY(file.open(QIODevice::WriteOnly));
    file.write("nonsense");
    file.close();
    QVERIFY(!window.openPath(file.fileName()));
    QVERIFY(!window.openPath(folder.path()));
    QVERIFY(!window.openPath(folder.filePath(QStringLiteral("missing.mxscope"))));
  }

  void paletteFindsByParts() {
    QVERIFY(CommandPalette::score(QStringLiteral("exp csv"),
                                  QStringLiteral("Export results as CSV…")) > 0);
    QCOMPARE(CommandPalette::score(QStringLiteral("zzz"), QStringLiteral("Export")), -1);
  }
};

QTEST_MAIN(ShellTest)
#include "shell_uitest.moc"
