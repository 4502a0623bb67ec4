// SPDX-License-Identifier: GPL-3.0-or-later
#include <QAbstractItemModelTester>
#include <QAccessible>
#include <QClipboard>
#include <QLabel>
#include <QLineEdit>
#include <QTableView>
#include <QTemporaryDir>
#include <QUndoStack>
#include <QVBoxLayout>
#include <QtTest>
#include <clocale>
#include <cmath>

#include "models/paired_delta.h"
#include "mxscope/core/results/results_json.h"
#include "panels/compare_panel.h"
#include "panels/results_table.h"
#include "panels/results_table_export.h"
#include "plots/bar_plot.h"
#include "plots/cards/gpu_card.h"
#include "plots/cards/live_card.h"
#include "plots/cards/metric_card.h"
#include "plots/cards/sensitivity_card.h"
#include "plots/cards/tradeoff_card.h"
#include "plots/heat_map.h"
#include "plots/live_plot.h"
#include "plots/plot_view.h"
#include "plots/plot_zoom.h"
#include "theme/theme.h"
#include "ui/plots/sample_workspace.h"

using namespace Qt::StringLiterals;
using namespace mxscope::ui;
using M = ResultsModel;

namespace {

QString textAt(const ResultsModel& model, int row, int column) {
  return model.index(row, column).data().toString();
}

void show(QWidget& widget, const QSize& size = {1100, 400}) {
  widget.resize(size);
  widget.show();
  QVERIFY(QTest::qWaitForWindowExposed(&widget));
  QTest::qWait(60);
}

}  // namespace

class ResultsTest : public QObject {
  Q_OBJECT

 private Q_SLOTS:
  void initTestCase() {
    Theme::instance().setMode(Theme::Mode::kLight);
    Theme::instance().install(*qApp);
  }

  // UX.md point 25.
  void baselineStaysFirstUnderEverySortAndFilter() {
    Workspace workspace;
    sample::addFormats(workspace, {});
    ResultsModel model(&workspace);
    QAbstractItemModelTester tester(&model, QAbstractItemModelTester::FailureReportingMode::QtTest);
    for (const auto grouping : {M::Grouping::kJob, M::Grouping::kNone}) {
      model.setGrouping(grouping);
      for (int column = 0; column < M::kColumnCount; ++column) {
        for (const auto order : {Qt::AscendingOrder, Qt::DescendingOrder}) {
          for (const QString& filter : {QString(), u"format:mxfp4"_s, u"dppl>1000"_s}) {
            model.setFilter(filter);
            model.sort(column, order);
            QVERIFY(model.rowCount() >= 1);
            QVERIFY(model.index(0, 0).data(M::kBaselineRole).toBool());
            QVERIFY(textAt(model, 0, M::kRun).startsWith(u"★"_s));
          }
        }
      }
    }
    model.setFilter({});
    model.sort(M::kPpl, Qt::DescendingOrder);
    for (int row = 2; row < model.rowCount(); ++row) {
      QVERIFY(model.index(row - 1, M::kPpl).data(M::kExactRole).toDouble() >=
              model.index(row, M::kPpl).data(M::kExactRole).toDouble());
    }
  }

  // UX.md point 26.
  void otherProtocolsShowAGuardInsteadOfADifference() {
    Workspace workspace;
    QUndoStack undo;
    workspace.setUndoStack(&undo);
    sample::addFormats(workspace, {});
    sample::JobOptions other;
    other.context = 512;
    other.windows = 48;
    const QString job = sample::addFormats(workspace, other);
    const QString first = workspace.runIds().first();
    ResultsModel model(&workspace);
    MetricCard card(&workspace);
    show(card, {600, 400});
    // A baseline of a longer context cannot be chosen for those of the shorter one.
    workspace.setBaseline(workspace.findRun(job, u"baseline"_s)->id);
    workspace.setBaseline(first);
    for (const QString& id : workspace.runIds()) {
      const Run* run = workspace.run(id);
      const Run* base = workspace.baselineFor(run->jobId);
      QVERIFY(base == run || workspace.differences(*run, *base).isEmpty() ||
              !workspace.deltaOf(id));
    }
    QVERIFY(!workspace.differences(*workspace.run(first), *workspace.findRun(job, u"baseline"_s))
                 .isEmpty());
    QCOMPARE(guardText(workspace, *workspace.findRun(job, u"MXINT8/32"_s)), QString());
  }

  void guardNamesWhatDiffers() {
    Workspace workspace;
    sample::JobOptions options;
    const QString a = sample::addFormats(workspace, options);
    // Two jobs that the window believes comparable until the data turn out different.
    const QString b = sample::addFormats(workspace, options);
    const QString base = workspace.findRun(a, u"baseline"_s)->id;
    workspace.setBaseline(base);
    const QString run = workspace.findRun(b, u"MXFP4 E2M1/32"_s)->id;
    QVERIFY(workspace.deltaOf(run).has_value());
    workspace.changeJob(b, [](Job& job) { job.context = 1024; });
    workspace.changeRun(run, [](Run&) {});
    workspace.flush();
    ResultsModel model(&workspace);
    const int row = model.rowOf(run);
    QCOMPARE(textAt(model, row, M::kDeltaPpl), u"≠ context"_s);
    QVERIFY(!model.index(row, M::kDeltaPpl).data(M::kBarRole).isValid());
    QVERIFY(model.index(row, M::kDeltaPpl).data(Qt::ToolTipRole).toString().contains(u"1024"_s));
    // Each field that makes two results incomparable, by its own name and without a number.
    const auto only = [&](const QString& field, const std::function<void(Job&)>& change) {
      const Job before = *workspace.job(b);
      workspace.changeJob(b, [](Job& job) { job.context = 256; });
      workspace.changeJob(b, change);
      workspace.changeRun(run, [](Run&) {});
      workspace.flush();
      QCOMPARE(textAt(model, model.rowOf(run), M::kDeltaPpl), QString(u"≠ "_s + field));
      QVERIFY(!workspace.deltaOf(run));
      QVERIFY(!model.index(model.rowOf(run), M::kDeltaPpl).data(M::kBarRole).isValid());
      workspace.changeJob(b, [&before](Job& job) { job = before; });
      workspace.changeRun(run, [](Run&) {});
      workspace.flush();
    };
    only(u"dataset"_s, [](Job& job) { job.dataHash = u"another"_s; });
    only(u"tokenizer"_s, [](Job& job) { job.tokenizerHash = u"another"_s; });
    only(u"stride"_s, [](Job& job) { job.stride += 1; });
    only(u"model"_s, [](Job& job) { job.model = u"another"_s; });
    MetricCard card(&workspace);
    show(card, {600, 400});
    bool found = false;
    for (const BarItem& item : card.bars()->data().items) {
      if (item.key == run) {
        found = true;
        QVERIFY(std::isnan(item.value));
        QCOMPARE(item.note, u"≠ context"_s);
      }
    }
    QVERIFY(found);
  }

  // UX.md point 24.
  void changingTheBaselineUpdatesEverythingAndIsUndone() {
    Workspace workspace;
    QUndoStack undo;
    workspace.setUndoStack(&undo);
    const QString job = sample::addFormats(workspace, {});
    ResultsTable table(&workspace);
    MetricCard card(&workspace);
    card.setMode(u"delta"_s);
    show(card, {600, 400});
    const auto exported = [&] {
      return exportBytes(collectResults(workspace, workspace.runIds()), u"csv"_s);
    };
    const QString fp8 = workspace.findRun(job, u"MXFP8 E4M3/32"_s)->id;
    const QString fp4 = workspace.findRun(job, u"MXFP4 E2M1/32"_s)->id;
    const auto deltaText = [&] {
      return textAt(*table.model(), table.model()->rowOf(fp4), M::kDeltaPpl);
    };
    const auto barOf = [&](const QString& id) {
      for (const BarItem& item : card.bars()->data().items) {
        if (item.key == id) {
          return item.value;
        }
      }
      return kNoNumber;
    };
    card.updateNow();
    const QString before = deltaText();
    const QByteArray csv = exported();
    const double bar = barOf(fp4);
    workspace.setBaseline(fp8);
    QTest::qWait(120);
    const auto expected = pairedDelta(*workspace.run(fp4), *workspace.run(fp8));
    QVERIFY(expected);
    QCOMPARE(barOf(fp4), *expected->ppl);
    QVERIFY(deltaText() != before);
    QVERIFY(exported() != csv);
    QCOMPARE(textAt(*table.model(), table.model()->rowOf(fp4), M::kKl), u"—"_s);
    QVERIFY(table.model()->index(0, 0).data(M::kRunIdRole).toString() == fp8);
    undo.undo();
    QTest::qWait(120);
    QCOMPARE(deltaText(), before);
    QCOMPARE(barOf(fp4), bar);
    QCOMPARE(exported(), csv);
  }

  // UX.md point 27.
  void groupMeansDoNotDependOnWhatIsShown() {
    Workspace workspace;
    sample::addFormats(workspace, {});
    sample::JobOptions other;
    other.model = u"Qwen2.5-0.5B"_s;
    other.seed = 9;
    sample::addFormats(workspace, other);
    ResultsModel model(&workspace);
    QAbstractItemModelTester tester(&model, QAbstractItemModelTester::FailureReportingMode::QtTest);
    model.setGrouping(M::Grouping::kFormat);
    const auto meanOf = [&](const QString& format) {
      for (int row = 0; row < model.rowCount(); ++row) {
        if (model.index(row, 0).data(M::kGroupRole).toBool() &&
            textAt(model, row, M::kRun).startsWith(format)) {
          return textAt(model, row, M::kPercent);
        }
      }
      return QString();
    };
    const QString before = meanOf(u"MXFP4 E2M1"_s);
    std::vector<double> members;
    double sum = 0;
    for (const QString& id : workspace.runIds()) {
      if (workspace.run(id)->weightFormat == "mxfp4_e2m1"_L1) {
        sum += *workspace.deltaOf(id)->ppl_percent;
        members.push_back(*workspace.deltaOf(id)->ppl_percent);
      }
    }
    QVERIFY2(before.startsWith(u"+"_s) && before.contains(u"±"_s), qPrintable(before));
    QCOMPARE(members.size(), size_t(2));
    // The mean as it is written, to the last digit that is shown.
    const QString shown = before.section(u' ', 0, 0);
    const auto decimals = shown.contains(u'.') ? shown.size() - shown.indexOf(u'.') - 1 : 0;
    QVERIFY2(std::abs(shown.toDouble() - sum / 2) <= 0.5000001 * std::pow(10.0, -double(decimals)),
             qPrintable(shown + u" for "_s + QString::number(sum / 2)));
    MetricCard bars(&workspace);
    LiveCard live(&workspace);
    show(bars, {600, 400});
    show(live, {600, 300});
    live.curves()->zoom()->setRanges(QRectF(10, 2, 100, 0.2));
    QCOMPARE(meanOf(u"MXFP4 E2M1"_s), before);
    for (const QString& id : workspace.runIds()) {
      workspace.setHidden(id, true);
    }
    model.setFilter(u"model:llama"_s);
    QCOMPARE(meanOf(u"MXFP4 E2M1"_s), before);
  }

  // UX.md point 28.
  void selectionIsSharedByTableAndPlots() {
    Workspace workspace;
    sample::addFormats(workspace, {});
    ResultsTable table(&workspace);
    MetricCard bars(&workspace);
    LiveCard live(&workspace);
    TradeoffCard scatter(&workspace);
    show(table);
    show(bars, {600, 400});
    show(live, {600, 300});
    show(scatter, {500, 300});
    for (const QString& filter : {QString(), u"format:mxfp"_s}) {
      table.filterLine()->setText(filter);
      workspace.setSelection({});
      QTest::mouseClick(table.view()->viewport(), Qt::LeftButton, {},
                        table.view()->visualRect(table.model()->index(1, M::kModel)).center());
      QTest::mouseClick(table.view()->viewport(), Qt::LeftButton, Qt::ControlModifier,
                        table.view()->visualRect(table.model()->index(3, M::kModel)).center());
      const QSet<QString> two{table.model()->runId(1), table.model()->runId(3)};
      QCOMPARE(workspace.selection(), two);
      QCOMPARE(bars.view()->selection(), two);
      QCOMPARE(live.view()->selection(), two);
      QCOMPARE(scatter.view()->selection(), two);
      const QString third = table.model()->runId(2);
      QTest::mouseClick(bars.bars()->focusProxy(), Qt::LeftButton, {},
                        bars.bars()->barRect(third).center().toPoint());
      QCOMPARE(workspace.selection(), QSet<QString>{third});
      const QModelIndexList rows = table.view()->selectionModel()->selectedRows();
      QCOMPARE(rows.size(), 1);
      QCOMPARE(table.model()->runId(rows.first().row()), third);
    }
  }

  // UX.md point 29.
  void onlyColumnsThatDifferAreShown() {
    Workspace workspace;
    const QString job = sample::addFormats(workspace, {});
    ResultsTable table(&workspace);
    show(table);
    const QString a = workspace.findRun(job, u"MXFP8 E4M3/32"_s)->id;
    const QString b = workspace.findRun(job, u"MXFP4 E2M1/32"_s)->id;
    workspace.changeRun(a, [](Run& run) { run.block = 16; });
    workspace.flush();
    workspace.setSelection({a, b});
    table.setOnlyDiffering(true);
    const QList<int> columns = table.visibleColumns();
    // Exactly those whose two cells differ, of all that were shown before.
    table.setOnlyDiffering(false);
    const QList<int> all = table.visibleColumns();
    table.setOnlyDiffering(true);
    QVERIFY(all.size() > columns.size());
    for (const int column : all) {
      const auto cell = [&](const QString& id) {
        return textAt(*table.model(), table.model()->rowOf(id), column);
      };
      if (column != M::kRun) {
        QVERIFY2(columns.contains(column) == (cell(a) != cell(b)), qPrintable(M::title(column)));
      }
    }
    for (const int column : {M::kRun, M::kVariant, M::kFormat, M::kBlock, M::kPpl, M::kDeltaPpl}) {
      QVERIFY2(columns.contains(column), qPrintable(M::title(column)));
    }
    for (const int column :
         {M::kState, M::kModel, M::kLayers, M::kPeak, M::kTime, M::kExperiment}) {
      QVERIFY2(!columns.contains(column), qPrintable(M::title(column)));
    }
    CompareModel compare(&workspace);
    compare.setRuns({a, b});
    for (int row = 0; row < compare.rowCount(); ++row) {
      QVERIFY(compare.index(row, 1).data() != compare.index(row, 2).data());
    }
    const int differing = compare.rowCount();
    compare.setOnlyDiffering(false);
    QVERIFY(compare.rowCount() > differing);
    table.setOnlyDiffering(false);
    QVERIFY(table.visibleColumns().contains(M::kState));
  }

  // UX.md point 30; its time is in speed_uitest.
  void filterUnderstandsFieldsAndMarksUnknownOnes() {
    Workspace workspace;
    sample::addFormats(workspace, {});
    ResultsTable table(&workspace);
    show(table);
    const auto shown = [&](const QString& line) {
      table.filterLine()->setText(line);
      return table.model()->shownRuns() - 1;  // without the baseline
    };
    QCOMPARE(shown({}), 4);
    QCOMPARE(shown(u"mxfp"_s), 3);
    QCOMPARE(shown(u"format:mxfp4"_s), 1);
    QCOMPARE(shown(u"-format:mxfp4"_s), 3);
    QCOMPARE(shown(u"format:\"mxfp4 e2m1\""_s), 1);
    QCOMPARE(shown(u"dppl<0.5 dppl>0.1"_s), 1);
    QCOMPARE(shown(u"block=32 model:llama"_s), 4);
    QCOMPARE(shown(u"state:failed"_s), 0);
    QCOMPARE(table.property("objectName").toString(), u"resultsTable"_s);
    auto* count = table.findChild<QLabel*>(u"resultsCount"_s);
    QVERIFY(count->text().startsWith(u"1 of 5"_s));
    QCOMPARE(shown(u"colour:red mxfp4"_s), 1);
    QVERIFY(table.filterLine()->property("invalid").toBool());
    QCOMPARE(table.model()->filter().problems().size(), 1);
    QVERIFY(table.model()->filter().problems().first().message.contains(u"colour"_s));
    QCOMPARE(shown(u"ppl<many"_s), 4);
    QVERIFY(table.filterLine()->property("invalid").toBool());
    QCOMPARE(shown(u"format:"_s), 4);
    QVERIFY(!table.filterLine()->property("invalid").toBool());
  }

  void rowsAreCopiedWithTheirHeader() {
    Workspace workspace;
    sample::addFormats(workspace, {});
    ResultsTable table(&workspace);
    show(table);
    workspace.setSelection({workspace.runIds()[1], workspace.runIds()[2]});
    table.view()->setFocus();
    QTest::keyClick(table.view(), Qt::Key_C, Qt::ControlModifier);
    const QStringList lines = QGuiApplication::clipboard()->text().trimmed().split(u'\n');
    QCOMPARE(lines.size(), 3);
    QVERIFY(lines[0].startsWith(u"Run\tVariant"_s));
    const int column = int(lines[0].split(u'\t').indexOf(u"PPL"_s));
    QCOMPARE(lines[1].split(u'\t')[column].toDouble(),
             *workspace.run(workspace.runIds()[1])->metrics.ppl);
  }

  void keysOfTheTableAct() {
    Workspace workspace;
    const QString job = sample::addFormats(workspace, {});
    ResultsTable table(&workspace);
    show(table);
    const QString id = workspace.findRun(job, u"MXFP6 E2M3/32"_s)->id;
    workspace.setSelection({id});
    table.view()->setFocus();
    QTest::keyClick(table.view(), Qt::Key_Space);
    QVERIFY(workspace.isHidden(id));
    QTest::keyClick(table.view(), Qt::Key_Space);
    QVERIFY(!workspace.isHidden(id));
    QTest::keyClick(table.view(), Qt::Key_P);
    QVERIFY(workspace.isPinned(id));
    QCOMPARE(table.model()->runId(1), id);
    QTest::keyClick(table.view(), Qt::Key_B);
    QCOMPARE(workspace.baselineFor(job)->id, id);
    QCOMPARE(table.model()->runId(0), id);
    // While a letter is typed into the filter, nothing of it acts.
    table.filterLine()->setFocus();
    QTest::keyClicks(table.filterLine(), u"bp"_s);
    QVERIFY(workspace.isPinned(id));
  }

  void partialAndFailedRunsAreMarked() {
    Workspace workspace;
    const QString job = sample::addFormats(workspace, {});
    const QString partial = sample::addVariant(
        workspace, job, {}, {u"partial"_s, u"nvfp4"_s, 16, 0.1, 4.5, RunState::kCancelled, 30});
    const QString failed = sample::addVariant(
        workspace, job, {}, {u"failed"_s, u"nvfp4"_s, 16, 0.1, 4.5, RunState::kFailed});
    ResultsModel model(&workspace);
    QCOMPARE(textAt(model, model.rowOf(partial), M::kState), u"partial, 7,650 tokens"_s);
    QCOMPARE(textAt(model, model.rowOf(failed), M::kPpl), u"—"_s);
  }

  // UX.md points 35, 36, 39.
  void exportsAreExactAndNameWhatTheyRestOn() {
    Workspace workspace;
    sample::addFormats(workspace, {});
    ResultsTable table(&workspace);
    QTemporaryDir folder;
    const auto bytes = [&](const QString& kind) {
      const QString path = folder.filePath(QString(u"out."_s + endingOfKind(kind)));
      if (!table.exportTo(path, kind, ResultsTable::Scope::kAll).isEmpty()) {
        return QByteArray();
      }
      QFile file(path);
      return file.open(QIODevice::ReadOnly) ? file.readAll() : QByteArray();
    };
    const QByteArray json = bytes(u"json"_s);
    QVERIFY(!json.isEmpty());
    mxscope::Issues issues;
    const mxscope::Results read = mxscope::results_from_json(json.toStdString(), issues);
    QVERIFY(!mxscope::has_errors(issues));
    QCOMPARE(QByteArray::fromStdString(mxscope::to_json_text(read)), json);
    QCOMPARE(read.runs.size(), size_t(5));
    QCOMPARE(*read.runs[1].metrics.ppl, *workspace.run(workspace.runIds()[1])->metrics.ppl);

    const QByteArray csv = bytes(u"csv"_s);
    QCOMPARE(csv.trimmed().count('\n'), 5);
    const QByteArray windows = bytes(u"windows-csv"_s);
    QCOMPARE(windows.trimmed().count('\n'), 5 * 96);
    if (std::setlocale(LC_ALL, "de_DE.UTF-8") != nullptr) {
      QCOMPARE(bytes(u"csv"_s), csv);
      std::setlocale(LC_ALL, "C.UTF-8");
    }
    QLocale::setDefault(QLocale(QLocale::German));
    QCOMPARE(bytes(u"csv"_s), csv);
    QCOMPARE(bytes(u"json"_s), json);
    QLocale::setDefault(QLocale::c());
    for (const QString& kind : {u"json"_s, u"csv"_s, u"long-csv"_s, u"markdown"_s}) {
      const QByteArray text = bytes(kind);
      QVERIFY2(text.contains("c0ffMXFP4") || kind == "long-csv"_L1 || kind == "markdown"_L1,
               qPrintable(kind));
      QVERIFY2(text.contains("MXFP4 E2M1/32"), qPrintable(kind));
    }
    QVERIFY(!table.exportTo(u"/dev/full"_s, u"json"_s, ResultsTable::Scope::kAll).isEmpty());
  }

  void heatMapTakesTheSweep() {
    Workspace workspace;
    sample::addSweep(workspace);
    SensitivityCard card(&workspace);
    show(card, {600, 500});
    const HeatData& data = card.map()->data();
    QCOMPARE(data.rows.size(), 16);
    QCOMPARE(data.columns.size(), 6);
    QCOMPARE(data.rows[2], u"2"_s);
    int missing = 0;
    int failed = 0;
    for (const HeatCell& cell : data.cells) {
      missing += cell.state == CellState::kNotRun ? 1 : 0;
      failed += cell.state == CellState::kFailed ? 1 : 0;
    }
    QCOMPARE(missing, 2);
    QCOMPARE(failed, 1);
    QSignalSpy rule(&card, &SensitivityCard::ruleWanted);
    QVERIFY(card.view()->mainFact().contains(u"FP4 E2M1"_s));
  }

  void runningCurveEndsAtTheRecordedDifference() {
    Workspace workspace;
    const QString job = sample::addFormats(workspace, {});
    LiveCard card(&workspace);
    card.setMode(u"delta"_s);
    show(card, {700, 300});
    const QString run = workspace.findRun(job, u"MXFP4 E2M1/32"_s)->id;
    const auto delta = workspace.deltaOf(run);
    QVERIFY(delta && delta->nll && delta->nll_ci95);
    for (const LiveSeries& series : card.curves()->data().series) {
      if (series.key == run) {
        QVERIFY(std::abs(series.mean.last() - *delta->nll) < 1e-12);
        QVERIFY(std::abs(series.low.last() - (*delta->nll_ci95)[0]) < 1e-9);
        QVERIFY(std::abs(series.high.last() - (*delta->nll_ci95)[1]) < 1e-9);
        return;
      }
    }
    QFAIL("the run is not drawn");
  }

  void gpuCardTellsUseAndItsAbsence() {
    Workspace workspace;
    GpuCard card(&workspace);
    show(card, {300, 340});
    QVERIFY(!card.view()->hasData());
    bool said = false;
    for (const QLabel* label : card.findChildren<QLabel*>()) {
      said = said || (label->isVisible() && label->text().contains(u"Runs use the CPU"_s));
    }
    QVERIFY(said);
    sample::addDevices(workspace, true);
    workspace.flush();
    card.updateNow();
    QCOMPARE(card.title(), u"GPU 0 · RTX 4090"_s);
    QVERIFY(card.figure(u"In use"_s).contains(u"of 24.0 GiB"_s));
    QCOMPARE(card.figure(u"Other processes"_s), u"2.10 GiB"_s);
    QCOMPARE(card.figure(u"Power · temperature"_s), u"218 W · 64 °C"_s);
  }

  // UX.md point 45, for what lies in this part of the window.
  void everythingHasAnAccessibleName() {
    Workspace workspace;
    sample::fill(workspace);
    QWidget window;
    auto* layout = new QVBoxLayout(&window);
    for (QWidget* widget : std::initializer_list<QWidget*>{
             new MetricCard(&workspace), new SensitivityCard(&workspace), new LiveCard(&workspace),
             new TradeoffCard(&workspace), new GpuCard(&workspace), new ResultsTable(&workspace),
             new ComparePanel(&workspace)}) {
      layout->addWidget(widget);
    }
    show(window, {1200, 1600});
    int inputs = 0;
    for (QWidget* widget : window.findChildren<QWidget*>()) {
      QAccessibleInterface* item = QAccessible::queryAccessibleInterface(widget);
      if (item == nullptr || !widget->isVisible() || widget->focusPolicy() == Qt::NoFocus ||
          widget->focusProxy() != nullptr) {
        continue;
      }
      const bool internal = widget->objectName().startsWith(u"qt_"_s) ||
                            qobject_cast<QAbstractScrollArea*>(widget->parentWidget()) != nullptr;
      if (internal) {
        continue;
      }
      ++inputs;
      QVERIFY2(!item->text(QAccessible::Name).isEmpty(),
               qPrintable(QString(QLatin1String(widget->metaObject()->className()) + u' ' +
                                  widget->objectName() + u" in "_s +
                                  widget->parentWidget()->objectName())));
    }
    QVERIFY(inputs > 30);
    for (PlotCard* card : window.findChildren<PlotCard*>()) {
      QVERIFY(card->view()->accessibleName().contains(card->title()));
      QVERIFY(!card->view()->table().rows.isEmpty());
      card->showTable(true);
      QVERIFY(card->tableShown());
    }
  }

  void stateComesBack() {
    Workspace workspace;
    sample::addFormats(workspace, {});
    ResultsTable table(&workspace);
    table.setVisibleColumns({M::kRun, M::kModel, M::kPpl});
    table.model()->setGrouping(M::Grouping::kModel);
    MetricCard card(&workspace);
    card.setMeasure(Measure::kXent);
    card.setMode(u"delta"_s);
    const QJsonObject tableState = table.saveState();
    const QJsonObject cardState = card.saveState();
    ResultsTable other(&workspace);
    other.restoreState(tableState);
    QCOMPARE(other.visibleColumns(), (QList<int>{M::kRun, M::kModel, M::kPpl}));
    QCOMPARE(other.model()->grouping(), M::Grouping::kModel);
    MetricCard again(&workspace);
    again.restoreState(cardState);
    QCOMPARE(again.measure(), Measure::kXent);
    QCOMPARE(again.mode(), u"delta"_s);
  }
};

QTEST_MAIN(ResultsTest)
#include "results_uitest.moc"
