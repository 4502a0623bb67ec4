// SPDX-License-Identifier: GPL-3.0-or-later
// A window that is killed, and the one that comes after it; and the same experiment by window,
// command and clipboard. UX.md points 18, 41, 42.
#include <QClipboard>
#include <QJsonDocument>
#include <QLabel>
#include <QPushButton>
#include <csignal>
#include <cstdio>

#include "panels/results_table.h"
#include "ui/engine/engine_support.h"

using namespace mxscope::ui;
using namespace mxscope::ui::testing;

namespace {

constexpr int kRunMilliseconds = 120000;

const Job* jobNamed(const Workspace& w, const QString& name) {
  for (const QString& id : w.jobIds()) {
    if (w.job(id)->name == name) {
      return w.job(id);
    }
  }
  return nullptr;
}

QMap<QString, double> perplexities(const Workspace& w, const QString& jobId) {
  QMap<QString, double> values;
  for (const QString& id : w.runsOfJob(jobId)) {
    values.insert(w.run(id)->variant, w.run(id)->metrics.ppl.value_or(-1));
  }
  return values;
}

QMap<QString, double> perplexities(const QString& resultsFile) {
  QMap<QString, double> values;
  const auto results = nlohmann::ordered_json::parse(readText(resultsFile).toStdString());
  for (const auto& run : results["runs"]) {
    values.insert(QString::fromStdString(run["variant"].get<std::string>()),
                  run["metrics"]["ppl"].get<double>());
  }
  return values;
}

// The window that is going to be killed: one job done, one at work, one waiting.
int beTheWindowThatIsKilled(const QString& folder) {
  MainWindow window(std::make_unique<ProcessEngineClient>(serveCommand()));
  window.show();
  const auto queue = [&](const QString& name, int windows) {
    const QString file = folder + QLatin1Char('/') + name + QStringLiteral(".mxscope");
    if (!writeText(file, experimentText(name, windows)) || !window.openPath(file)) {
      std::_Exit(3);
    }
    command(window, "experimentAdd")->trigger();
  };
  queue(QStringLiteral("first"), 16);
  queue(QStringLiteral("second"), 600);
  queue(QStringLiteral("third"), 24);
  command(window, "queueStart")->trigger();
  Workspace* w = window.workspace();
  QObject::connect(w, &Workspace::jobsChanged, &window, [w] {
    const Job* second = jobNamed(*w, QStringLiteral("second"));
    if (second->windowsDone > 0 && second->fraction() > 0.25) {
      std::puts("READY");
      std::fflush(stdout);
    }
  });
  return QApplication::exec();
}

// Without what a second run of the same experiment cannot repeat: times, and the peak of memory.
nlohmann::ordered_json timeless(nlohmann::ordered_json json) {
  if (json.is_object()) {
    for (const char* key : {"seconds", "tokens_per_second", "date", "peak_bytes"}) {
      json.erase(key);
    }
    for (auto& [name, value] : json.items()) {
      value = timeless(value);
    }
  } else if (json.is_array()) {
    for (auto& value : json) {
      value = timeless(value);
    }
  }
  return json;
}

// Runs the engine's command line; its exit code.
int shell(const QString& line, const QString& folder) {
  QProcess process;
  QProcessEnvironment environment = QProcessEnvironment::systemEnvironment();
  environment.remove(QStringLiteral("DISPLAY"));
  environment.remove(QStringLiteral("WAYLAND_DISPLAY"));
  environment.insert(QStringLiteral("PATH"), QFileInfo(engineProgram()).absolutePath() +
                                                 QLatin1Char(':') +
                                                 environment.value(QStringLiteral("PATH")));
  process.setProcessEnvironment(environment);
  process.setWorkingDirectory(folder);
  process.start(QStringLiteral("/bin/sh"), {QStringLiteral("-c"), line});
  return process.waitForFinished(kRunMilliseconds) ? process.exitCode() : -1;
}

}  // namespace

class RestartTest : public QObject {
  Q_OBJECT

 private Q_SLOTS:
  void initTestCase() { Theme::instance().install(*qApp); }

  // Point 18.
  void killedWindowLosesNothing() {
    QTemporaryDir profile, folder;
    useFreshProfile(profile);
    QProcess child;
    child.start(QCoreApplication::applicationFilePath(),
                {QStringLiteral("--killed"), folder.path()});
    QVERIFY(child.waitForStarted());
    QByteArray said;
    QElapsedTimer clock;
    clock.start();
    while (!said.contains("READY") && clock.elapsed() < kRunMilliseconds &&
           child.state() == QProcess::Running) {
      child.waitForReadyRead(200);
      said += child.readAllStandardOutput();
    }
    QVERIFY2(said.contains("READY"), child.readAllStandardError().right(2000));
    ::kill(pid_t(child.processId()), SIGKILL);
    QVERIFY(child.waitForFinished(10000));

    MainWindow window(std::make_unique<ProcessEngineClient>(serveCommand()));
    window.show();
    const Workspace& w = *window.workspace();
    QTRY_COMPARE_WITH_TIMEOUT(w.jobIds().size(), 3, 10000);
    QTRY_VERIFY_WITH_TIMEOUT(window.isIdle(), 20000);
    const Job* top = w.job(w.jobIds().first());
    QCOMPARE(top->name, QStringLiteral("second"));
    const QString second = top->id;
    QCOMPARE(top->state, JobState::kInterrupted);
    QCOMPARE(jobNamed(w, QStringLiteral("third"))->state, JobState::kWaiting);
    // The finished one has all that it had.
    const Job* first = jobNamed(w, QStringLiteral("first"));
    QCOMPARE(first->state, JobState::kDone);
    QCOMPARE(w.runsOfJob(first->id).size(), 3);
    for (const QString& id : w.runsOfJob(first->id)) {
      QCOMPARE(w.run(id)->state, RunState::kDone);
      QVERIFY(w.run(id)->metrics.ppl);
      QCOMPARE(w.run(id)->windows.size(), std::size_t(16));
    }
    QCOMPARE(shell(QStringLiteral("mxscope run first.mxscope -o first --quiet"), folder.path()), 0);
    QCOMPARE(perplexities(w, first->id),
             perplexities(folder.filePath(QStringLiteral("first/results.json"))));
    // Paused: nothing starts by itself, and both ways to resume are offered.
    QTest::qWait(500);
    QCOMPARE(w.job(second)->state, JobState::kInterrupted);
    QVERIFY(window.findChild<QWidget*>(QStringLiteral("queueBanner"))->isVisibleTo(&window));
    QVERIFY(window.findChild<QLabel*>(QStringLiteral("problemText"))
                ->text()
                .contains(QStringLiteral("interrupted")));
    QCOMPARE(window.findChild<QPushButton*>(QStringLiteral("problemAction"))->text(),
             QStringLiteral("Resume"));
    // The panels that were stored are there already.
    const std::size_t kept = w.run(w.runsOfJob(second).first())->windows.size();
    QVERIFY(kept > 0 && kept < 600);

    window.findChild<QPushButton*>(QStringLiteral("problemAction"))->click();
    QTRY_COMPARE_WITH_TIMEOUT(w.job(second)->state, JobState::kDone, kRunMilliseconds);
    QTRY_COMPARE_WITH_TIMEOUT(jobNamed(w, QStringLiteral("third"))->state, JobState::kDone,
                              kRunMilliseconds);
    QTRY_VERIFY_WITH_TIMEOUT(window.isIdle(), 20000);
    QCOMPARE(shell(QStringLiteral("mxscope run second.mxscope -o second --quiet"), folder.path()),
             0);
    QCOMPARE(perplexities(w, second),
             perplexities(folder.filePath(QStringLiteral("second/results.json"))));
    for (const QString& id : w.runsOfJob(second)) {
      QCOMPARE(w.run(id)->windows.size(), std::size_t(600));
    }
    // An orderly end: all three come back done, and nothing is offered.
    QVERIFY(window.close());
    MainWindow after(std::make_unique<ProcessEngineClient>(serveCommand()));
    QTRY_COMPARE_WITH_TIMEOUT(after.workspace()->runIds().size(), 9, 20000);
    QTRY_VERIFY_WITH_TIMEOUT(after.isIdle(), 20000);
    QVERIFY(!after.findChild<QWidget*>(QStringLiteral("problemBar"))->isVisibleTo(&after));
    for (const QString& id : after.workspace()->jobIds()) {
      QCOMPARE(after.workspace()->job(id)->state, JobState::kDone);
    }
    QCOMPARE(perplexities(*after.workspace(), second), perplexities(w, second));
  }

  // Points 41 and 42.
  void windowAndCommandGiveTheSame() {
    QTemporaryDir profile, folder;
    useFreshProfile(profile);
    const QString file = folder.filePath(QStringLiteral("same.mxscope"));
    QVERIFY(writeText(file, experimentText(QStringLiteral("same"), 32)));
    QCOMPARE(shell(QStringLiteral("mxscope run same.mxscope -o command --quiet"), folder.path()),
             0);

    MainWindow window(std::make_unique<ProcessEngineClient>(serveCommand()));
    QVERIFY(window.openPath(file));
    command(window, "experimentAdd")->trigger();
    command(window, "queueStart")->trigger();
    const Workspace& w = *window.workspace();
    QCOMPARE(w.jobIds().size(), 1);
    const QString job = w.jobIds().first();
    QTRY_COMPARE_WITH_TIMEOUT(w.job(job)->state, JobState::kDone, kRunMilliseconds);
    QTRY_VERIFY_WITH_TIMEOUT(window.isIdle(), 20000);
    const auto* table = window.findChild<ResultsTable*>();
    const QString json = folder.filePath(QStringLiteral("window.json"));
    QCOMPARE(table->exportTo(json, QStringLiteral("json"), ResultsTable::Scope::kAll), QString());
    const auto read = [](const QString& path) {
      return timeless(nlohmann::ordered_json::parse(readText(path).toStdString()));
    };
    const auto byWindow = read(json);
    const auto byCommand = read(folder.filePath(QStringLiteral("command/results.json")));
    QCOMPARE(QString::fromStdString(byWindow.dump(1)), QString::fromStdString(byCommand.dump(1)));
    QCOMPARE(byWindow["runs"].size(), std::size_t(3));

    // As a command: of the saved file, and of an edited experiment that has no file.
    for (const bool edited : {false, true}) {
      if (edited) {
        command(window, "fileDuplicate")->trigger();
      }
      command(window, "experimentCommand")->trigger();
      QString line = QGuiApplication::clipboard()->text();
      QVERIFY(line.contains(QStringLiteral("mxscope run ")));
      QCOMPARE(line.contains(QStringLiteral("<<'MXSCOPE'")), edited);
      QTemporaryDir elsewhere;
      QCOMPARE(shell(line, elsewhere.path()), 0);
      const QStringList folders =
          QDir(elsewhere.path()).entryList(QDir::Dirs | QDir::NoDotAndDotDot);
      QCOMPARE(folders.size(), 1);
      QCOMPARE(perplexities(elsewhere.filePath(folders.first() + QStringLiteral("/results.json"))),
               perplexities(w, job));
    }
  }
};

int main(int argc, char** argv) {
  qputenv("QT_QPA_PLATFORM", "offscreen");
  QApplication application(argc, argv);
  const QStringList arguments = QCoreApplication::arguments();
  if (arguments.value(1) == QLatin1String("--killed")) {
    Theme::instance().install(application);
    return beTheWindowThatIsKilled(arguments.value(2));
  }
  RestartTest test;
  return QTest::qExec(&test, argc, argv);
}

#include "restart_uitest.moc"
