// SPDX-License-Identifier: GPL-3.0-or-later
// Pictures of every state of the window; packaging/pictures.sh runs it.
//
//   mxscope_pictures OUT --engine CMD [--sizes 1280x720,..] [--themes light,dark] [--only REGEX]
//                    [--results FILE] [--run FILE] [--font PERCENT] [--suffix TEXT]
//
// --results opens a results file; --run runs an experiment, of which pictures are taken in the
// middle. A picture's name is state, theme, size and suffix.
#include <QApplication>
#include <QCommandLineParser>
#include <QDir>
#include <QElapsedTimer>
#include <QPixmap>
#include <QRegularExpression>
#include <QTemporaryDir>
#include <cstdio>

#include "bridge/process_engine_client.h"
#include "models/settings.h"
#include "models/workspace.h"
#include "mxscope/ui/main_window.h"
#include "theme/theme.h"
#include "ui/plots/sample_workspace.h"
#include "ui/screens/screens.h"

using namespace Qt::StringLiterals;
using namespace mxscope::ui;

namespace {

struct Wanted {
  QDir folder;
  QStringList themes, sizes;
  QRegularExpression only;
  QString suffix;
};

QSize sizeOf(const QString& text) {
  const QStringList parts = text.split(u'x');
  return {parts.value(0).toInt(), parts.value(1).toInt()};
}

// Calls `visitAll` for each size and theme, and writes what it visits.
void shoot(MainWindow& window, const Wanted& wanted,
           const std::function<void(const screens::Visit&)>& visitAll) {
  for (const QString& size : wanted.sizes) {
    window.resize(sizeOf(size));
    for (const QString& theme : wanted.themes) {
      Theme::instance().setMode(theme == "dark"_L1 ? Theme::Mode::kDark : Theme::Mode::kLight);
      screens::settle(120);
      visitAll([&](const QString& name, QWidget* dialog) {
        const QString file = QString(name + u'-' + theme + u'-' + size + wanted.suffix);
        if (wanted.only.match(file).hasMatch()) {
          screens::picture(window, dialog).save(wanted.folder.filePath(file + ".png"_L1));
        }
      });
    }
  }
}

// Waits until `done` or for so long; false: it took too long.
bool waitFor(const std::function<bool()>& done, int seconds) {
  QElapsedTimer timer;
  timer.start();
  while (!done()) {
    if (timer.elapsed() > seconds * 1000) {
      std::fputs("mxscope_pictures: the engine took too long.\n", stderr);
      return false;
    }
    screens::settle(30);
  }
  return true;
}

}  // namespace

int main(int argc, char** argv) {
  QApplication application(argc, argv);
  QCoreApplication::setApplicationName(u"mxscope-pictures"_s);
  QCommandLineParser parser;
  parser.addPositionalArgument(u"OUT"_s, u"folder"_s);
  for (const char* name :
       {"engine", "sizes", "themes", "only", "results", "run", "font", "suffix", "sample"}) {
    parser.addOption(QCommandLineOption(QLatin1String(name), QString(), u"value"_s));
  }
  parser.process(application);
  // One for each window, which would show the queue and the results of the one before.
  QTemporaryDir profile;
  const auto useProfile = [&profile](const QString& name) {
    Settings::useProfile(profile.filePath(name));
  };
  useProfile(u"run"_s);
  Theme::instance().setMode(Theme::Mode::kLight);
  if (parser.isSet(u"font"_s)) {
    Theme::instance().setFontPercent(parser.value(u"font"_s).toInt());
  }
  Theme::instance().install(application);
  screens::setPace(3);

  const auto list = [&parser](const QString& name, const QString& usual) {
    return (parser.isSet(name) ? parser.value(name) : usual).split(u',');
  };
  Wanted wanted;
  wanted.folder = QDir(parser.positionalArguments().value(0, u"."_s));
  wanted.folder.mkpath(u"."_s);
  wanted.sizes = list(u"sizes"_s, u"1280x720"_s);
  wanted.themes = list(u"themes"_s, u"light,dark"_s);
  wanted.only = QRegularExpression(parser.value(u"only"_s));
  wanted.suffix = parser.value(u"suffix"_s);

  const auto client = [&parser] {
    return std::make_unique<ProcessEngineClient>(parser.value(u"engine"_s));
  };
  if (parser.isSet(u"run"_s)) {
    // Empty, with a builder, running, done.
    MainWindow window(client());
    window.resize(sizeOf(wanted.sizes.first()));
    window.show();
    screens::settle(200);
    waitFor([&] { return window.isIdle(); }, 30);
    shoot(window, wanted, [&](const auto& visit) { screens::visitStart(window, visit); });
    window.openPath(parser.value(u"run"_s));
    screens::settle(200);
    waitFor([&] { return window.isIdle(); }, 30);
    shoot(window, wanted, [&](const auto& visit) {
      visit(u"builder"_s, nullptr);
      screens::visitDialogs(window, visit);
    });
    window.runDemo();
    const auto half = [&] {
      const QStringList jobs = window.workspace()->jobIds();
      return window.isIdle() ||
             (!jobs.isEmpty() && window.workspace()->job(jobs.last())->fraction() >= 0.35);
    };
    screens::settle(200);
    waitFor(half, 120);
    Wanted first = wanted;
    first.sizes = {wanted.sizes.last()};
    shoot(window, first, [&](const auto& visit) { visit(u"running"_s, nullptr); });
    waitFor([&] { return window.isIdle(); }, 240);
    shoot(window, wanted, [&](const auto& visit) { screens::visitResults(window, visit); });
    // What goes wrong, told above the centre.
    window.openPath(QDir::tempPath());
    screens::settle(200);
    waitFor([&] { return window.isIdle(); }, 30);
    shoot(window, wanted, [&](const auto& visit) { visit(u"wrong-folder"_s, nullptr); });
  }
  if (parser.isSet(u"results"_s)) {
    useProfile(u"results"_s);
    MainWindow window(client());
    window.show();
    screens::settle(120);
    window.openPath(parser.value(u"results"_s));
    screens::settle(120);
    shoot(window, wanted, [&](const auto& visit) { screens::visitResults(window, visit); });
  }
  if (parser.isSet(u"sample"_s)) {
    useProfile(u"sample"_s);
    // Several models and a GPU, from made-up figures: most machines have neither at hand.
    MainWindow window(client());
    window.show();
    screens::settle(120);
    sample::fill(*window.workspace());
    screens::settle(120);
    shoot(window, wanted, [&](const auto& visit) {
      visit(u"sample"_s, nullptr);
      screens::visitCards(window, [&](const QString& name, QWidget* dialog) {
        visit(QString(u"sample-"_s + name), dialog);
      });
    });
  }
  return 0;
}
