// SPDX-License-Identifier: GPL-3.0-or-later
// mxscope-gui: reads its options, opens the window, and makes pictures without one.
#include <QApplication>
#include <QCommandLineParser>
#include <QDir>
#include <QElapsedTimer>
#include <QFileInfo>
#include <QTimer>
#include <cstdio>
#include <cstring>
#include <string>

#include "bridge/process_engine_client.h"
#include "models/settings.h"
#include "mxscope/ui/main_window.h"
#include "theme/theme.h"

namespace {

constexpr int kInvalid = 1, kNoEnvironment = 4;  // exit codes of the command, DESIGN section 6

QString option(int argc, char** argv, const char* name) {
  const std::string with = std::string(name) + "=";
  for (int i = 1; i < argc; ++i) {
    if (std::strcmp(argv[i], name) == 0 && i + 1 < argc) {
      return QString::fromLocal8Bit(argv[i + 1]);
    }
    if (std::strncmp(argv[i], with.c_str(), with.size()) == 0) {
      return QString::fromLocal8Bit(argv[i] + with.size());
    }
  }
  return {};
}

bool has(int argc, char** argv, const char* name) {
  for (int i = 1; i < argc; ++i) {
    if (std::strcmp(argv[i], name) == 0) {
      return true;
    }
  }
  return false;
}

}  // namespace

int main(int argc, char** argv) {
  // Before QApplication, which ends the program itself when there is no display.
  const QString profile = option(argc, argv, "--profile");
  if (!profile.isEmpty()) {
    mxscope::ui::Settings::useProfile(profile);
  }
  const bool headless = has(argc, argv, "--plot") || has(argc, argv, "--version") ||
                        has(argc, argv, "--help") || has(argc, argv, "-h");
  const bool display = qEnvironmentVariableIsSet("DISPLAY") ||
                       qEnvironmentVariableIsSet("WAYLAND_DISPLAY") ||
                       qEnvironmentVariableIsSet("QT_QPA_PLATFORM") || has(argc, argv, "-platform");
  if (!display) {
    if (!headless) {
      std::fputs(
          "mxscope-gui: there is no display (neither DISPLAY nor WAYLAND_DISPLAY is set).\n"
          "On a machine without one use the command: mxscope run FILE -o DIR. A window here can "
          "also\ndrive an engine there: set its command to \"ssh host mxscope serve\" in "
          "Settings.\nPictures need no display: mxscope-gui --plot KIND FILE -o OUT.\n",
          stderr);
      return kNoEnvironment;
    }
    qputenv("QT_QPA_PLATFORM", "offscreen");
  }

  QApplication application(argc, argv);
  QCoreApplication::setOrganizationName(QStringLiteral("mxscope"));
  QCoreApplication::setApplicationName(QStringLiteral("mxscope-gui"));
  QCoreApplication::setApplicationVersion(QStringLiteral(MXSCOPE_VERSION));
  QGuiApplication::setDesktopFileName(QStringLiteral("mxscope-gui"));

  QCommandLineParser parser;
  parser.setApplicationDescription(
      QStringLiteral("The window of MXScope: what microscaling quantisation does to a language "
                     "model."));
  parser.addHelpOption();
  parser.addVersionOption();
  const auto add = [&parser](const QStringList& names, const QString& text,
                             const QString& value = {}) {
    parser.addOption(QCommandLineOption(names, text, value));
  };
  add({QStringLiteral("demo")}, QStringLiteral("Run the built-in one-minute demo."));
  add({QStringLiteral("open")},
      QStringLiteral("Open an experiment, results or a model folder; may be given several times."),
      QStringLiteral("FILE"));
  add({QStringLiteral("grab")},
      QStringLiteral("Write a picture of the window when it is idle, then quit."),
      QStringLiteral("PNG"));
  add({QStringLiteral("after")},
      QStringLiteral("With --grab: after so many seconds instead of when idle."),
      QStringLiteral("SECONDS"));
  add({QStringLiteral("size")}, QStringLiteral("Size of the window, e.g. 1680x1050."),
      QStringLiteral("WxH"));
  add({QStringLiteral("theme")}, QStringLiteral("light, dark or system, for this start only."),
      QStringLiteral("NAME"));
  add({QStringLiteral("plot")},
      QStringLiteral("Without a window: write one plot of results FILE to OUT "
                     "(bars, heatmap, live, scatter)."),
      QStringLiteral("KIND"));
  add({QStringLiteral("o"), QStringLiteral("output")},
      QStringLiteral("File of --plot: .png, .svg or .pdf."), QStringLiteral("OUT"));
  add({QStringLiteral("engine")},
      QStringLiteral("Command of the engine for this start, e.g. \"ssh host mxscope serve\"."),
      QStringLiteral("CMD"));
  add({QStringLiteral("profile")},
      QStringLiteral("Folder for settings, results and autosave instead of the user's own."),
      QStringLiteral("DIR"));
  parser.addPositionalArgument(QStringLiteral("files"), QStringLiteral("As --open."),
                               QStringLiteral("[files...]"));
  parser.process(application);

  using mxscope::ui::Settings;
  using mxscope::ui::Theme;
  Theme& theme = Theme::instance();
  theme.setFontPercent(Settings::fontPercent());
  theme.setHighContrast(Settings::highContrast());
  theme.setMode(static_cast<Theme::Mode>(Settings::themeMode()));
  const QString themeName = parser.value(QStringLiteral("theme"));
  if (!themeName.isEmpty()) {
    if (themeName != QLatin1String("light") && themeName != QLatin1String("dark") &&
        themeName != QLatin1String("system")) {
      std::fputs("mxscope-gui: --theme takes light, dark or system.\n", stderr);
      return kInvalid;
    }
    theme.setMode(themeName == QLatin1String("dark")    ? Theme::Mode::kDark
                  : themeName == QLatin1String("light") ? Theme::Mode::kLight
                                                        : Theme::Mode::kSystem);
  }
  theme.install(application);

  QStringList files = parser.values(QStringLiteral("open")) + parser.positionalArguments();
  if (parser.isSet(QStringLiteral("plot"))) {
    QString error;
    const bool written =
        mxscope::ui::writePlot(parser.value(QStringLiteral("plot")), files.value(0),
                               parser.value(QStringLiteral("output")), &error);
    if (!written) {
      std::fputs(qPrintable(QStringLiteral("mxscope-gui: %1\n").arg(error)), stderr);
    }
    return written ? 0 : kInvalid;
  }

  std::unique_ptr<mxscope::ui::EngineClient> client;
  if (parser.isSet(QStringLiteral("engine"))) {
    client =
        std::make_unique<mxscope::ui::ProcessEngineClient>(parser.value(QStringLiteral("engine")));
  }
  mxscope::ui::MainWindow window(std::move(client));
  const QStringList size = parser.value(QStringLiteral("size")).split(QLatin1Char('x'));
  if (size.size() == 2 && size[0].toInt() > 0 && size[1].toInt() > 0) {
    window.resize(size[0].toInt(), size[1].toInt());
  }
  window.show();
  bool opened = true;
  for (const QString& file : files) {
    opened = window.openPath(file) && opened;
  }
  if (parser.isSet(QStringLiteral("demo"))) {
    QTimer::singleShot(0, &window, &mxscope::ui::MainWindow::runDemo);
  }
  if (parser.isSet(QStringLiteral("grab"))) {
    const QString target = parser.value(QStringLiteral("grab"));
    const auto grab = [&window, target] {
      const bool ok = window.grab().save(target);
      if (!ok) {
        std::fputs(qPrintable(QStringLiteral("mxscope-gui: %1 cannot be written.\n").arg(target)),
                   stderr);
      }
      QCoreApplication::exit(ok ? 0 : kNoEnvironment);
    };
    const double seconds = parser.value(QStringLiteral("after")).toDouble();
    if (seconds > 0) {
      QTimer::singleShot(static_cast<int>(seconds * 1000), &window, grab);
    } else {
      // A window that has just begun is idle too: what was asked for starts first.
      auto* timer = new QTimer(&window);
      QObject::connect(timer, &QTimer::timeout, &window,
                       [&window, grab, timer, quiet = 0]() mutable {
                         quiet = window.isIdle() ? quiet + 1 : 0;
                         if (quiet >= 5) {
                           timer->stop();
                           grab();
                         }
                       });
      timer->start(200);
    }
  }
  return QApplication::exec();
}
