// SPDX-License-Identifier: GPL-3.0-or-later
// Files, recovery, drops, layout and exports of the whole window. UX.md points 35, 36, 39, 49, 50,
// 51, and what comes back of a session (18).
#include <QDockWidget>
#include <QDropEvent>
#include <QHeaderView>
#include <QInputDialog>
#include <QLabel>
#include <QMessageBox>
#include <QMimeData>
#include <QPushButton>
#include <QTabWidget>
#include <QTableView>
#include <QToolButton>
#include <clocale>

#include "panels/problem_bar.h"
#include "panels/results_table.h"
#include "plots/plot_card.h"
#include "ui/window/window_fixture.h"

using namespace mxscope::ui;
using namespace mxscope::ui::testing;

namespace {

// Records of RFC 4180 text, quotes and line ends within them included.
QList<QStringList> records(const QByteArray& csv) {
  QList<QStringList> all;
  QStringList record;
  QString field;
  bool quoted = false;
  const QString text = QString::fromUtf8(csv);
  for (qsizetype i = 0; i < text.size(); ++i) {
    const QChar c = text[i];
    if (quoted && c == u'"' && i + 1 < text.size() && text[i + 1] == u'"') {
      field += c;
      ++i;
    } else if (c == u'"') {
      quoted = !quoted;
    } else if (!quoted && c == u',') {
      record << std::exchange(field, {});
    } else if (!quoted && c == u'\n') {
      record << std::exchange(field, {});
      all << std::exchange(record, {});
    } else if (quoted || c != u'\r') {
      field += c;
    }
  }
  return all;
}

bool drop(MainWindow& window, const QStringList& paths) {
  QMimeData mime;
  QList<QUrl> urls;
  for (const QString& path : paths) {
    urls << QUrl::fromLocalFile(path);
  }
  mime.setUrls(urls);
  QDragEnterEvent enter(QPoint(300, 300), Qt::CopyAction, &mime, Qt::LeftButton, Qt::NoModifier);
  enter.ignore();
  QCoreApplication::sendEvent(&window, &enter);
  if (!enter.isAccepted()) {
    return false;
  }
  QDropEvent event(QPointF(300, 300), Qt::CopyAction, &mime, Qt::LeftButton, Qt::NoModifier);
  QCoreApplication::sendEvent(&window, &event);
  return true;
}

// Presses a button of the next message box.
void answer(QMessageBox::StandardButton button, int* asked) {
  QTimer::singleShot(50, qApp, [button, asked] {
    for (QWidget* widget : QApplication::topLevelWidgets()) {
      if (auto* box = qobject_cast<QMessageBox*>(widget); box && box->isVisible()) {
        ++*asked;
        box->button(button)->click();
      }
    }
  });
}

}  // namespace

class WindowFilesTest : public QObject {
  Q_OBJECT

 private:
  QTemporaryDir m_folder;
  QString path(const char* name) const { return m_folder.filePath(QLatin1String(name)); }

  QByteArray exported(const Shown& s, const char* kind) const {
    const QString target = path("export");
    const QString error = s.window->findChild<ResultsTable*>()->exportTo(
        target, QLatin1String(kind), ResultsTable::Scope::kAll);
    return error.isEmpty() ? readText(target) : QByteArray();
  }

 private Q_SLOTS:
  void initTestCase() { Theme::instance().install(*qApp); }

  // Point 49.
  void closingWithChangesAsks() {
    QTemporaryDir profile;
    Shown s(profile);
    QVERIFY(s.open(path("close.mxscope"), smallExperiment()));
    const QByteArray before = readText(path("close.mxscope"));
    s.trigger("experimentAddRule");
    QVERIFY(s.window->windowTitle().contains(QLatin1Char('*')));
    int asked = 0;
    answer(QMessageBox::Cancel, &asked);
    QVERIFY(!s.window->close());
    QCOMPARE(asked, 1);
    QVERIFY(s.window->isVisible());
    QCOMPARE(readText(path("close.mxscope")), before);
    answer(QMessageBox::Save, &asked);
    QVERIFY(s.window->close());
    QCOMPARE(asked, 2);
    QVERIFY(readText(path("close.mxscope")) != before);
    // Nothing to recover after an orderly end.
    s.window.reset();
    Shown again(profile);
    QVERIFY(!again.find<ProblemBar>("problemBar")->isVisible());
  }

  void crashOffersWhatWasNotSaved() {
    QTemporaryDir profile;
    QByteArray edited;
    {
      Shown s(profile);
      QVERIFY(s.open(path("crash.mxscope"), smallExperiment()));
      s.trigger("experimentAddRule");
      const QString saved = Settings::stateFolder() + QStringLiteral("/autosave.mxscope");
      QTRY_VERIFY_WITH_TIMEOUT(QFile::exists(saved), 3000);
      edited = readText(saved);
      // Destroyed without close(): all that a crash leaves is what was written before.
    }
    Shown s(profile);
    auto* bar = s.find<ProblemBar>("problemBar");
    QVERIFY(bar->isVisible());
    QVERIFY(s.find<QLabel>("problemText")->text().contains(QStringLiteral("Unsaved work")));
    QCOMPARE(s.find<QPushButton>("problemAction")->text(), QStringLiteral("Recover"));
    s.find<QPushButton>("problemAction")->click();
    QVERIFY(s.window->windowTitle().contains(QLatin1Char('*')));
    QCOMPARE(s.find<QTableView>("ruleTable")->model()->rowCount(), 2);
    QVERIFY(edited.contains("*.mlp.*"));
  }

  void missingRecentFileIsGreyAndRefused() {
    QTemporaryDir profile;
    useFreshProfile(profile);
    Settings::addRecentFile(path("gone.mxscope"));
    Shown s(profile);
    QPushButton* link = nullptr;
    QPushButton* remove = nullptr;
    for (QPushButton* button : s.find<QWidget>("welcomePage")->findChildren<QPushButton*>()) {
      link = button->text() == QLatin1String("gone.mxscope") ? button : link;
      remove = button->text().contains(QStringLiteral("Remove")) ? button : remove;
    }
    QVERIFY(link && !link->isEnabled());
    QVERIFY(remove);
    QVERIFY(!s.window->openPath(path("gone.mxscope")));
    QVERIFY(s.find<QLabel>("problemText")->text().contains(QStringLiteral("gone.mxscope")));
    QVERIFY(Settings::recentFiles().isEmpty());
  }

  // Point 50.
  void dropsDoTheRightThingOrAreRefused() {
    QTemporaryDir profile;
    Shown s(profile);
    QVERIFY(writeText(path("drop.mxscope"), smallExperiment()));
    QVERIFY(drop(*s.window, {path("drop.mxscope")}));
    QVERIFY(s.window->windowTitle().contains(QStringLiteral("small")) ||
            s.window->windowTitle().contains(QStringLiteral("drop")));
    const QString model = path("a-model");
    QVERIFY(QDir().mkpath(model));
    QVERIFY(writeText(model + QStringLiteral("/config.json"), "{}"));
    QVERIFY(writeText(model + QStringLiteral("/model.safetensors"), "x"));
    auto* models = s.find<QTableView>("modelList");
    QCOMPARE(models->model()->rowCount(), 1);
    QVERIFY(drop(*s.window, {model}));
    QCOMPARE(models->model()->rowCount(), 2);
    s.trigger("editUndo");
    QVERIFY(drop(*s.window, {model + QStringLiteral("/model.safetensors")}));
    QCOMPARE(models->model()->rowCount(), 2);

    s.trigger("editUndo");
    s.runOne(m_folder);
    const QString results = path("results.json");
    QVERIFY(writeText(results, exported(s, "json")));
    const auto runs = s.workspace().runIds().size();
    QVERIFY(drop(*s.window, {results}));
    QTRY_COMPARE(s.workspace().runIds().size(), runs + 3);
    QVERIFY(!s.find<ProblemBar>("problemBar")->isVisible());

    QVERIFY(writeText(path("nonsense.bin"), "nonsense"));
    QVERIFY(!drop(*s.window, {path("nonsense.bin")}));
    QVERIFY(!s.window->openPath(path("nonsense.bin")));
    QVERIFY(s.find<ProblemBar>("problemBar")->isVisible());
    QVERIFY(s.find<QLabel>("problemText")->text().contains(QStringLiteral("nonsense.bin")));
    QVERIFY(writeText(path("nonsense.json"), "{\"a\": 1}"));
    QVERIFY(drop(*s.window, {path("nonsense.json")}));
    QTRY_VERIFY(s.find<QLabel>("problemText")->text().contains(QStringLiteral("nonsense.json")));
    QCOMPARE(s.workspace().runIds().size(), runs + 3);
  }

  // Point 51: a set of columns with a name, kept over the end of the program.
  void namedViewComesBack() {
    QTemporaryDir profile;
    const QList<int> columns = {ResultsModel::kRun, ResultsModel::kVariant, ResultsModel::kKl};
    const auto entry = [](const Shown& s, const QString& text) -> QAction* {
      QMenu* menu = s.find<QToolButton>("resultsColumns")->menu();
      Q_EMIT menu->aboutToShow();
      for (QAction* action : menu->actions()) {
        if (action->text() == text) {
          return action;
        }
      }
      return nullptr;
    };
    {
      Shown s(profile);
      s.runOne(m_folder);
      auto* table = s.window->findChild<ResultsTable*>();
      QVERIFY(!entry(s, QStringLiteral("View: only KL")));
      table->setVisibleColumns(columns);
      QTimer::singleShot(0, s.window.get(), [] {
        auto* dialog = qobject_cast<QInputDialog*>(QApplication::activeModalWidget());
        QVERIFY(dialog);
        dialog->setTextValue(QStringLiteral("only KL"));
        dialog->accept();
      });
      entry(s, QStringLiteral("Save as view…"))->trigger();
      entry(s, QStringLiteral("Default columns"))->trigger();
      QVERIFY(table->visibleColumns() != columns);
      QVERIFY(s.window->close());
    }
    Shown s(profile);
    QTRY_COMPARE(s.workspace().runIds().size(), 3);
    auto* table = s.window->findChild<ResultsTable*>();
    QVERIFY(table->visibleColumns() != columns);
    QAction* view = entry(s, QStringLiteral("View: only KL"));
    QVERIFY(view);
    view->trigger();
    QCOMPARE(table->visibleColumns(), columns);
  }

  // Point 51.
  void layoutAndViewsComeBack() {
    QTemporaryDir profile;
    QList<int> columns;
    {
      Shown s(profile);
      s.runOne(m_folder);
      auto* table = s.window->findChild<ResultsTable*>();
      columns = {ResultsModel::kRun, ResultsModel::kModel, ResultsModel::kFormat,
                 ResultsModel::kPpl};
      table->setVisibleColumns(columns);
      table->view()->sortByColumn(ResultsModel::kPpl, Qt::DescendingOrder);
      for (PlotCard* card : s.window->findChildren<PlotCard*>()) {
        if (card->id() == QLatin1String("tradeoff")) {
          card->setMode(QStringLiteral("kl"));
        }
      }
      s.find<QDockWidget>("experimentDock")->hide();
      s.find<QTabWidget>("bottomTabs")->setCurrentWidget(s.find<QWidget>("logPanel"));
      QVERIFY(s.window->close());
    }
    Shown s(profile);
    QTRY_COMPARE(s.workspace().runIds().size(), 3);
    auto* table = s.window->findChild<ResultsTable*>();
    QCOMPARE(table->visibleColumns(), columns);
    QCOMPARE(table->view()->horizontalHeader()->sortIndicatorSection(), int(ResultsModel::kPpl));
    // The baseline first, then by falling perplexity.
    QCOMPARE(s.workspace().run(table->model()->runId(1))->variant, QStringLiteral("fp4"));
    QVERIFY(!s.find<QDockWidget>("experimentDock")->isVisible());
    QCOMPARE(s.find<QTabWidget>("bottomTabs")->currentWidget()->objectName(),
             QStringLiteral("logPanel"));
    const auto mode = [&] {
      for (const PlotCard* card : s.window->findChildren<PlotCard*>()) {
        if (card->id() == QLatin1String("tradeoff")) {
          return card->mode();
        }
      }
      return QString();
    };
    QCOMPARE(mode(), QStringLiteral("kl"));
    s.trigger("viewReset");
    QVERIFY(s.find<QDockWidget>("experimentDock")->isVisible());
    QCOMPARE(mode(), QStringLiteral("percent"));
    QVERIFY(table->visibleColumns().size() > columns.size());
  }

  // Point 18, the part that needs no engine: what is stored, and that a second window leaves it.
  void sessionComesBackAsItWas() {
    QTemporaryDir profile;
    QString job, noted;
    {
      Shown s(profile);
      job = s.runOne(m_folder);
      noted = s.workspace().findRun(job, QStringLiteral("fp4"))->id;
      s.workspace().setNotes(noted, QStringLiteral("worth a look"));
      s.workspace().setTags(noted, {QStringLiteral("low bits")});
      s.workspace().setPinned(noted, true);
      s.workspace().setBaseline(s.workspace().findRun(job, QStringLiteral("fp8"))->id);
      QVERIFY(s.open(path("later.mxscope"), smallExperiment(1, QStringLiteral("*.mlp.*"), 32)));
      s.trigger("experimentAdd");
      QTest::qWait(300);
      {
        auto other = std::make_unique<MainWindow>(std::make_unique<ReplayEngineClient>());
        other->show();
        QTest::qWait(50);
        QCOMPARE(other->workspace()->jobIds().size(), 0);
        QVERIFY(other->close());
      }
      // As a crash leaves it: not closed.
    }
    Shown s(profile);
    const Workspace& w = s.workspace();
    QTRY_COMPARE(w.runIds().size(), 3);
    QCOMPARE(w.jobIds().size(), 2);
    const Run* run = w.run(noted);
    QVERIFY(run);
    QCOMPARE(run->variant, QStringLiteral("fp4"));
    QCOMPARE(run->notes, QStringLiteral("worth a look"));
    QCOMPARE(run->tags, QStringList{QStringLiteral("low bits")});
    QVERIFY(w.isPinned(noted));
    QCOMPARE(run->windows.size(), std::size_t(4));
    QVERIFY(w.isChosenBaseline(w.findRun(job, QStringLiteral("fp8"))->id));
    QVERIFY(w.deltaOf(noted) && *w.deltaOf(noted)->nll > 0);
    QCOMPARE(w.job(w.jobIds().last())->state, JobState::kWaiting);
    s.trigger("viewQueue");
    QVERIFY(s.find<QWidget>("queueBanner")->isVisible());
    // Its runs count as done.
    QVERIFY(s.window->openPath(path("small.mxscope")));
    QVERIFY(!s.find<QPushButton>("addRuns")->isEnabled());
  }

  // Point 35, by the window's own export and import.
  void exportImportExportIsTheSame() {
    QTemporaryDir profile, other;
    for (const bool chosen : {false, true}) {
      QTemporaryDir folder;
      Shown s(profile);
      const QString job = s.runOne(m_folder, chosen ? 48 : 64);
      if (chosen) {
        s.workspace().setBaseline(s.workspace().findRun(job, QStringLiteral("fp8"))->id);
      }
      auto* table = s.window->findChild<ResultsTable*>();
      const QString first = folder.filePath(QStringLiteral("results.json"));
      QSet<QString> mine;
      for (const QString& id : s.workspace().runsOfJob(job)) {
        mine.insert(id);
      }
      s.workspace().setSelection(mine);
      const auto write = [&](const ResultsTable& from, const QString& to, const char* kind) {
        return from.exportTo(to, QLatin1String(kind), ResultsTable::Scope::kSelected);
      };
      QCOMPARE(write(*table, first, "json"), QString());
      QCOMPARE(write(*table, folder.filePath(QStringLiteral("windows.csv")), "windows-csv"),
               QString());
      s.window->close();
      s.window.reset();
      QTemporaryDir fresh;
      Shown importing(fresh);
      QVERIFY(importing.window->openPath(first));
      QTRY_COMPARE(importing.workspace().runIds().size(), 3);
      QTRY_VERIFY(importing.window->isIdle());
      importing.workspace().setSelection(QSet<QString>(importing.workspace().runIds().begin(),
                                                       importing.workspace().runIds().end()));
      const QString second = folder.filePath(QStringLiteral("second.json"));
      QCOMPARE(write(*importing.window->findChild<ResultsTable*>(), second, "json"), QString());
      QCOMPARE(QString::fromUtf8(readText(second)), QString::fromUtf8(readText(first)));
      QVERIFY(readText(first).size() > 1000);
    }
  }

  // Points 36 and 39.
  void tablesAreExactAndNameTheirSources() {
    QTemporaryDir profile;
    Shown s(profile);
    const QString job = s.runOne(m_folder);
    s.workspace().changeJob(job, [](Job& changing) {
      changing.environment = QStringLiteral(
          R"({"engine_version": "9.8.7", "date": "2026-01-02T03:04:05Z", "devices": [{"id": "cpu"}]})");
    });
    s.workspace().setBaseline(s.workspace().findRun(job, QStringLiteral("fp8"))->id);
    auto* table = s.window->findChild<ResultsTable*>();
    const QByteArray csv = exported(s, "csv");
    const QList<QStringList> rows = records(csv);
    QCOMPARE(rows.size(), table->model()->rowCount() + 1);
    const QStringList header = rows.first();
    for (const QStringList& row : rows) {
      QCOMPARE(row.size(), header.size());
    }
    const qsizetype ppl = header.indexOf(QStringLiteral("ppl"));
    for (qsizetype row = 1; row < rows.size(); ++row) {
      const QString variant = rows[row][header.indexOf(QStringLiteral("variant"))];
      const Run* run = s.workspace().findRun(job, variant);
      QCOMPARE(rows[row][ppl].toDouble(), *run->metrics.ppl);  // to the last bit
      QCOMPARE(rows[row][header.indexOf(QStringLiteral("config_hash"))], run->configHash);
      QCOMPARE(rows[row][header.indexOf(QStringLiteral("baseline_variant"))],
               QStringLiteral("fp8"));
      QCOMPARE(rows[row][header.indexOf(QStringLiteral("baseline_config_hash"))],
               QStringLiteral("hash of fp8"));
      QCOMPARE(rows[row][header.indexOf(QStringLiteral("engine_version"))],
               QStringLiteral("9.8.7"));
      QCOMPARE(rows[row][header.indexOf(QStringLiteral("application_version"))],
               QStringLiteral(MXSCOPE_VERSION));
      QVERIFY(!rows[row][header.indexOf(QStringLiteral("protocol"))].isEmpty());
      QCOMPARE(rows[row][header.indexOf(QStringLiteral("interval_method"))],
               variant == QLatin1String("fp8") ? QString() : QStringLiteral("t"));
      QCOMPARE(rows[row][header.indexOf(QStringLiteral("date"))],
               QStringLiteral("2026-01-02T03:04:05Z"));
      QCOMPARE(rows[row][header.indexOf(QStringLiteral("devices"))], QStringLiteral("cpu"));
    }
    // Markdown and JSON say the same.
    const QString markdown = QString::fromUtf8(exported(s, "markdown"));
    for (const char* word : {"fp8", "hash of fp8", "9.8.7", MXSCOPE_VERSION, "95 % interval",
                             "context 64", "config"}) {
      QVERIFY2(markdown.contains(QLatin1String(word)), word);
    }
    const auto json = nlohmann::ordered_json::parse(exported(s, "json").toStdString());
    QCOMPARE(json["environment"]["baselines"]["model 1"]["variant"].get<std::string>(),
             std::string("fp8"));
    QCOMPARE(json["environment"]["engine_version"].get<std::string>(), std::string("9.8.7"));
    QCOMPARE(json["runs"][2]["config_hash"].get<std::string>(), std::string("hash of fp4"));
    QCOMPARE(json["runs"][2]["delta"]["interval"].get<std::string>(), std::string("t"));
    QVERIFY(json["jobs"][0].contains("protocol"));

    // The locale changes nothing.
    const char* german = std::setlocale(LC_ALL, "de_DE.UTF-8");
    QLocale::setDefault(QLocale(QLocale::German));
    const QByteArray localised = exported(s, "csv");
    QLocale::setDefault(QLocale::c());
    std::setlocale(LC_ALL, "C.UTF-8");
    QCOMPARE(QString::fromUtf8(localised), QString::fromUtf8(csv));
    if (!german) {
      qInfo("de_DE.UTF-8 is not installed: checked with a German QLocale only");
    }
  }
};

QTEST_MAIN(WindowFilesTest)
#include "files_uitest.moc"
