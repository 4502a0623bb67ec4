// SPDX-License-Identifier: GPL-3.0-or-later
// The window drives an engine on a GPU, and its memory card agrees with nvidia-smi; UX.md points 15
// (memory after a cancelled job) and 2.9. Needs a GPU, and in the environment:
//   MXSCOPE              the command mxscope, built with CUDA
//   MXSCOPE_GPU_MODEL    folder of a checkpoint whose evaluation takes some seconds at least
//   MXSCOPE_GPU_TEXT     text to evaluate it on
//   MXSCOPE_GPU_WINDOWS  optional: so many windows at most
#include <QDir>
#include <QProcess>
#include <QStandardPaths>
#include <QtTest>

#include "bridge/process_engine_client.h"
#include "plots/cards/gpu_card.h"
#include "ui/support/window_support.h"

using namespace mxscope::ui;
using namespace mxscope::ui::testing;

namespace {

constexpr double kMiB = 1024.0 * 1024.0;
constexpr double kAgreement = 0.02;
constexpr int kRunMilliseconds = 300000;
constexpr int kSamples = 30;  // of a second each, to find one between two equal ones

QString given(const char* name) { return QString::fromLocal8Bit(qgetenv(name)); }

QStringList askNvidiaSmi(const QStringList& arguments) {
  QProcess smi;
  smi.start(QStringLiteral("nvidia-smi"),
            arguments + QStringList{QStringLiteral("--format=csv,noheader,nounits")});
  if (!smi.waitForFinished(20000) || smi.exitCode() != 0) {
    return {};
  }
  return QString::fromUtf8(smi.readAllStandardOutput())
      .split(QLatin1Char('\n'), Qt::SkipEmptyParts);
}

// Bytes, as nvidia-smi counts them; `process` is below 0 where it does not list that process.
struct Told {
  double used = -1, total = -1, process = -1;
};

Told askDevice(int device, qint64 processId) {
  Told told;
  const QString id = QStringLiteral("--id=%1").arg(device);
  const QStringList memory =
      askNvidiaSmi({id, QStringLiteral("--query-gpu=memory.used,memory.total")})
          .value(0)
          .split(QLatin1Char(','));
  if (memory.size() == 2) {
    told.used = memory[0].trimmed().toDouble() * kMiB;
    told.total = memory[1].trimmed().toDouble() * kMiB;
  }
  for (const QString& line :
       askNvidiaSmi({id, QStringLiteral("--query-compute-apps=pid,used_memory")})) {
    const QStringList words = line.split(QLatin1Char(','));
    bool number = false;
    const double mebibytes = words.value(1).trimmed().toDouble(&number);
    if (number && words[0].trimmed().toLongLong() == processId) {
      told.process = mebibytes * kMiB;
    }
  }
  return told;
}

// "12.3 GiB" in bytes; -1 for anything else.
double bytesOf(const QString& text) {
  static const QStringList units = {QStringLiteral("B"), QStringLiteral("KiB"),
                                    QStringLiteral("MiB"), QStringLiteral("GiB"),
                                    QStringLiteral("TiB")};
  const QString number = text.section(QLatin1Char(' '), 0, 0);
  const qsizetype unit = units.indexOf(text.section(QLatin1Char(' '), 1, 1));
  bool fine = false;
  const double value = QLocale().toDouble(number, &fine);
  return fine && unit >= 0 ? value * std::pow(1024.0, double(unit)) : -1;
}

bool agree(double shown, double told) { return std::abs(shown - told) <= kAgreement * told; }

// The window with its engine, and one device of it.
class GpuWindow {
 public:
  explicit GpuWindow(const QTemporaryDir& profile) {
    useFreshProfile(profile);
    auto client = std::make_unique<ProcessEngineClient>(given("MXSCOPE") + QLatin1String(" serve"));
    m_engine = client.get();
    m_window = std::make_unique<MainWindow>(std::move(client));
    m_window->resize(1680, 1050);
    m_window->show();
  }
  [[nodiscard]] Workspace& workspace() const { return *m_window->workspace(); }
  [[nodiscard]] MainWindow& window() const { return *m_window; }
  [[nodiscard]] const Job* job() const {
    return workspace().jobIds().isEmpty() ? nullptr : workspace().job(workspace().jobIds().last());
  }
  [[nodiscard]] bool samplesGpu() const {
    return workspace().devices().contains(QStringLiteral("cuda:0"));
  }
  [[nodiscard]] MemorySample sample() const {
    return workspace().devices().value(QStringLiteral("cuda:0")).samples.back();
  }
  void waitForSample() const {
    const double before = sample().time;
    [&] { QTRY_VERIFY_WITH_TIMEOUT(sample().time > before, 10000); }();
  }
  [[nodiscard]] bool queue(const QString& file, const QByteArray& experiment) const {
    return writeText(file, experiment) && m_window->openPath(file) && [this] {
      command(*m_window, "experimentAdd")->trigger();
      command(*m_window, "queueStart")->trigger();
      return job() != nullptr;
    }();
  }
  // Compares card and nvidia-smi at a moment when the memory stands still. `atWork`: only samples
  // while the job computes count. Empty, or what is wrong.
  [[nodiscard]] QString compare(bool atWork) const {
    const auto* card = m_window->findChild<GpuCard*>(QStringLiteral("card-gpu"));
    QString last = QStringLiteral("no sample");
    for (int i = 0; i < kSamples; ++i) {
      const MemorySample before = sample();
      const Told told = askDevice(0, m_engine->processId());
      waitForSample();
      const MemorySample after = sample();
      if (atWork && (!job() || job()->state != JobState::kRunning)) {
        return QStringLiteral("the job ended before its memory stood still (%1)").arg(last);
      }
      const double used = after.usedByJob + after.usedByOthers;
      last = QStringLiteral("in use %1 MiB, this job %2 MiB, total %3 MiB; nvidia-smi: %4, %5, %6")
                 .arg(used / kMiB, 0, 'f', 0)
                 .arg(after.usedByJob / kMiB, 0, 'f', 0)
                 .arg(after.total / kMiB, 0, 'f', 0)
                 .arg(told.used / kMiB, 0, 'f', 0)
                 .arg(told.process / kMiB, 0, 'f', 0)
                 .arg(told.total / kMiB, 0, 'f', 0);
      const bool still = std::abs(before.usedByJob + before.usedByOthers - used) <= 0.002 * used &&
                         std::abs(before.usedByJob - after.usedByJob) <= 0.002 * used;
      if (!still) {
        continue;
      }
      qInfo("%s: %s", atWork ? "at work" : "at rest", qPrintable(last));
      if (told.used < 0 || told.total <= 0) {
        return QStringLiteral("nvidia-smi did not answer");
      }
      // What the card says in words: "12.3 GiB of 79.6 GiB".
      const QString inUse = card->figure(QStringLiteral("In use"));
      const double cardUsed = bytesOf(inUse.section(QStringLiteral(" of "), 0, 0));
      const double cardTotal = bytesOf(inUse.section(QStringLiteral(" of "), 1, 1));
      const double cardJob = bytesOf(card->figure(QStringLiteral("This job")));
      if (!agree(used, told.used) || !agree(cardUsed, told.used) || !agree(cardTotal, told.total) ||
          !agree(after.total, told.total)) {
        return QStringLiteral("card \"%1\"; %2").arg(inUse, last);
      }
      if (told.process < 0) {
        qWarning("nvidia-smi does not list the engine's process: \"This job\" is not compared");
      } else if (!agree(after.usedByJob, told.process) || !agree(cardJob, told.process)) {
        return QStringLiteral("card \"%1\" for this job; %2")
            .arg(card->figure(QStringLiteral("This job")), last);
      }
      return {};
    }
    return QStringLiteral("the memory never stood still: ") + last;
  }

 private:
  ProcessEngineClient* m_engine = nullptr;
  std::unique_ptr<MainWindow> m_window;
};

QByteArray experiment() {
  const QString windows = given("MXSCOPE_GPU_WINDOWS");
  return QStringLiteral(R"({"format": "mxscope-experiment", "version": 1, "name": "on a GPU",
 "models": [{"name": "model", "source": "%1"}], "data": {"source": "%2"},
 "protocol": {"name": "windows", "context": 256%3},
 "variants": [{"name": "tier B", "tier": "B",
               "format": ["mxfp8_e4m3", "mxfp6_e3m2", "mxfp4_e2m1"], "block": [32, 64]}],
 "devices": ["cuda:0"]})")
      .arg(QDir(given("MXSCOPE_GPU_MODEL")).absolutePath(),
           QFileInfo(given("MXSCOPE_GPU_TEXT")).absoluteFilePath(),
           windows.isEmpty() ? QString() : QStringLiteral(", \"max_windows\": ") + windows)
      .toUtf8();
}

}  // namespace

class GpuTest : public QObject {
  Q_OBJECT

 private Q_SLOTS:
  void initTestCase() {
    Theme::instance().setMode(Theme::Mode::kLight);
    Theme::instance().install(*qApp);
    for (const char* name : {"MXSCOPE", "MXSCOPE_GPU_MODEL", "MXSCOPE_GPU_TEXT"}) {
      if (given(name).isEmpty()) {
        QSKIP(qPrintable(QStringLiteral("%1 is not set").arg(QLatin1String(name))));
      }
    }
    const QStringList devices = askNvidiaSmi({QStringLiteral("--query-gpu=name,driver_version")});
    if (devices.isEmpty()) {
      QSKIP("nvidia-smi finds no GPU here");
    }
    qInfo("%s", qPrintable(devices.join(QStringLiteral("; "))));
    if (qEnvironmentVariableIsSet("CUDA_VISIBLE_DEVICES")) {
      QSKIP("CUDA_VISIBLE_DEVICES numbers the devices otherwise than nvidia-smi");
    }
  }

  void memoryCardAgreesWithNvidiaSmi() {
    const QTemporaryDir folder;
    const GpuWindow gpu(folder);
    QTRY_VERIFY_WITH_TIMEOUT(gpu.samplesGpu(), 60000);
    // The card of a wide window is shown, and stays so.
    QVERIFY(gpu.queue(folder.filePath(QStringLiteral("gpu.mxscope")), experiment()));
    QTRY_VERIFY_WITH_TIMEOUT(
        gpu.job()->state == JobState::kRunning || !gpu.job()->message.isEmpty(), kRunMilliseconds);
    QVERIFY2(gpu.job()->message.isEmpty(), qPrintable(gpu.job()->message));
    QTRY_VERIFY_WITH_TIMEOUT(gpu.job()->windowsDone > 0, kRunMilliseconds);
    const QString atWork = gpu.compare(true);
    QVERIFY2(atWork.isEmpty(), qPrintable(atWork));
    QTRY_COMPARE_WITH_TIMEOUT(gpu.job()->state, JobState::kDone, kRunMilliseconds);
    for (const QString& id : gpu.workspace().runsOfJob(gpu.job()->id)) {
      const Run* run = gpu.workspace().run(id);
      QVERIFY2(run->metrics.ppl && std::isfinite(*run->metrics.ppl) && *run->metrics.ppl > 1,
               qPrintable(run->variant));
    }
    const QString atRest = gpu.compare(false);
    QVERIFY2(atRest.isEmpty(), qPrintable(atRest));
    if (!given("MXSCOPE_GPU_PICTURE").isEmpty()) {
      QVERIFY(gpu.window().grab().save(given("MXSCOPE_GPU_PICTURE")));
    }
  }

  // The memory of a cancelled job is given back: as little is in use as after one that ended.
  void cancelledJobGivesItsMemoryBack() {
    const QTemporaryDir folder;
    const GpuWindow gpu(folder);
    QTRY_VERIFY_WITH_TIMEOUT(gpu.samplesGpu(), 60000);
    QVERIFY(gpu.queue(folder.filePath(QStringLiteral("gpu.mxscope")), experiment()));
    QTRY_VERIFY_WITH_TIMEOUT(gpu.job()->windowsDone > 0 || !gpu.job()->message.isEmpty(),
                             kRunMilliseconds);
    QVERIFY2(gpu.job()->message.isEmpty(), qPrintable(gpu.job()->message));
    gpu.waitForSample();
    QCOMPARE(gpu.job()->state, JobState::kRunning);
    const double atWork = gpu.sample().usedByJob;
    QElapsedTimer clock;
    clock.start();
    command(gpu.window(), "queueCancelCurrent")->trigger();
    QCOMPARE(gpu.job()->state, JobState::kCancelling);
    QTRY_COMPARE_WITH_TIMEOUT(gpu.job()->state, JobState::kCancelled, 6000);
    QVERIFY(clock.elapsed() < 6000);
    // Weights, panels and copies are gone; the driver's context of the process remains.
    constexpr double kContext = 2048 * kMiB;
    QTRY_VERIFY2_WITH_TIMEOUT(gpu.sample().usedByJob < std::min(kContext, atWork),
                              qPrintable(QStringLiteral("%1 MiB at work, now %2 MiB")
                                             .arg(atWork / kMiB, 0, 'f', 0)
                                             .arg(gpu.sample().usedByJob / kMiB, 0, 'f', 0)),
                              10000);
    qInfo("at work %.0f MiB, after the cancelled job %.0f MiB", atWork / kMiB,
          gpu.sample().usedByJob / kMiB);
    const QString atRest = gpu.compare(false);
    QVERIFY2(atRest.isEmpty(), qPrintable(atRest));
  }
};

QTEST_MAIN(GpuTest)
#include "gpu_uitest.moc"
