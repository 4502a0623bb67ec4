// SPDX-License-Identifier: GPL-3.0-or-later
// Draws every card from sample data to PNG files, to be looked at: mxscope_gallery FOLDER
// [light|dark]
#include <QApplication>
#include <QDir>
#include <QGridLayout>
#include <QSplitter>

#include "panels/compare_panel.h"
#include "panels/export_dialog.h"
#include "panels/results_table.h"
#include "plots/bar_plot.h"
#include "plots/cards/gpu_card.h"
#include "plots/cards/live_card.h"
#include "plots/cards/metric_card.h"
#include "plots/cards/sensitivity_card.h"
#include "plots/cards/tradeoff_card.h"
#include "plots/live_plot.h"
#include "plots/plot_view.h"
#include "theme/theme.h"
#include "ui/plots/sample_workspace.h"

using namespace Qt::StringLiterals;
using namespace mxscope::ui;

namespace {

void settle() {
  for (int i = 0; i < 8; ++i) {
    QCoreApplication::processEvents(QEventLoop::AllEvents, 40);
  }
}

void shoot(QWidget& widget, const QSize& size, const QString& file) {
  widget.resize(size);
  widget.show();
  settle();
  widget.grab().save(file);
}

}  // namespace

int main(int argc, char** argv) {
  QApplication application(argc, argv);
  QCoreApplication::setApplicationName(u"mxscope-gallery"_s);
  const QDir folder(argc > 1 ? QString::fromLocal8Bit(argv[1]) : u"."_s);
  const QString theme = argc > 2 ? QString::fromLocal8Bit(argv[2]) : u"light"_s;
  folder.mkpath(u"."_s);
  Theme::instance().setMode(theme == "dark"_L1 ? Theme::Mode::kDark : Theme::Mode::kLight);
  Theme::instance().install(application);
  const auto file = [&](const QString& name) {
    return folder.filePath(QString(theme + u'-' + name + u".png"_s));
  };

  Workspace workspace;
  sample::fill(workspace);
  {
    QWidget window;
    window.setObjectName(u"board"_s);
    auto* grid = new QGridLayout(&window);
    grid->setContentsMargins(6, 6, 6, 6);
    grid->setSpacing(6);
    auto* bars = new MetricCard(&workspace);
    auto* heat = new SensitivityCard(&workspace);
    auto* live = new LiveCard(&workspace);
    auto* gpu = new GpuCard(&workspace);
    auto* table = new ResultsTable(&workspace);
    auto* details = new ComparePanel(&workspace);
    grid->addWidget(bars, 0, 0);
    grid->addWidget(heat, 0, 1);
    grid->addWidget(gpu, 0, 2);
    grid->addWidget(live, 1, 0, 1, 2);
    grid->addWidget(details, 1, 2, 2, 1);
    grid->addWidget(table, 2, 0, 1, 2);
    grid->setColumnStretch(0, 5);
    grid->setColumnStretch(1, 5);
    grid->setColumnStretch(2, 3);
    grid->setRowStretch(0, 5);
    grid->setRowStretch(1, 3);
    grid->setRowStretch(2, 3);
    shoot(window, {1360, 1000}, file(u"board"_s));
    workspace.setSelection({workspace.runIds()[3]});
    live->curves()->setHover(9000);
    settle();
    window.grab().save(file(u"board-selected"_s));
    workspace.setSelection({workspace.runIds()[1], workspace.runIds()[3]});
    settle();
    window.grab().save(file(u"board-two"_s));
    workspace.setSelection({});
  }
  {
    MetricCard card(&workspace);
    shoot(card, {520, 360}, file(u"bars-percent"_s));
    card.setMode(u"value"_s);
    shoot(card, {520, 360}, file(u"bars-ppl"_s));
    shoot(card, {330, 240}, file(u"bars-small"_s));
  }
  {
    Workspace one;
    sample::addFormats(one, {});
    sample::addVariant(one, one.jobIds().first(), {},
                       {u"broken"_s, u"nvfp4"_s, 16, 0.1, 4.5, RunState::kFailed});
    MetricCard card(&one);
    shoot(card, {520, 360}, file(u"bars-one-model"_s));
    card.bars()->setLogarithmic(true);
    shoot(card, {520, 360}, file(u"bars-log"_s));
    card.bars()->setLogarithmic(false);
    card.setMode(u"value"_s);
    shoot(card, {520, 360}, file(u"bars-one-ppl"_s));
    card.setMeasure(Measure::kKl);
    shoot(card, {520, 360}, file(u"bars-kl"_s));
  }
  {
    SensitivityCard card(&workspace);
    shoot(card, {560, 420}, file(u"heat"_s));
    shoot(card, {420, 240}, file(u"heat-small"_s));
  }
  {
    LiveCard card(&workspace);
    shoot(card, {860, 280}, file(u"live-xent"_s));
    card.setMode(u"delta"_s);
    card.curves()->setHover(6000);
    shoot(card, {860, 280}, file(u"live-delta"_s));
    shoot(card, {380, 240}, file(u"live-small"_s));
    card.showTable(true);
    shoot(card, {560, 280}, file(u"live-table"_s));
  }
  {
    TradeoffCard card(&workspace);
    shoot(card, {560, 380}, file(u"tradeoff"_s));
  }
  {
    GpuCard card(&workspace);
    shoot(card, {290, 330}, file(u"gpu"_s));
    Workspace host;
    sample::addDevices(host, false);
    host.flush();
    GpuCard hostCard(&host);
    shoot(hostCard, {290, 330}, file(u"gpu-host"_s));
  }
  {
    Workspace nothing;
    QWidget window;
    auto* grid = new QGridLayout(&window);
    grid->addWidget(new MetricCard(&nothing), 0, 0);
    grid->addWidget(new SensitivityCard(&nothing), 0, 1);
    grid->addWidget(new LiveCard(&nothing), 1, 0);
    grid->addWidget(new TradeoffCard(&nothing), 1, 1);
    grid->addWidget(new GpuCard(&nothing), 2, 0);
    grid->addWidget(new ResultsTable(&nothing), 2, 1);
    shoot(window, {900, 760}, file(u"empty"_s));
  }
  {
    MetricCard card(&workspace);
    card.resize(600, 400);
    card.updateNow();
    PictureExportDialog dialog(*card.view(), card.info(), card.id());
    shoot(dialog, dialog.sizeHint(), file(u"export-dialog"_s));
  }
  return 0;
}
