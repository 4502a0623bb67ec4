// SPDX-License-Identifier: GPL-3.0-or-later
// Nothing is clipped and nothing overlaps, in any state, size and font; ctest runs it at each
// scale.
#include <QApplication>
#include <QFontDatabase>
#include <QTemporaryDir>
#include <QTest>
#include <memory>
#include <vector>

#include "bridge/replay_engine_client.h"
#include "models/settings.h"
#include "mxscope/ui/main_window.h"
#include "theme/theme.h"
#include "ui/plots/sample_workspace.h"
#include "ui/screens/layout_check.h"
#include "ui/screens/screens.h"

using namespace Qt::StringLiterals;
using namespace mxscope::ui;

class LayoutTest : public QObject {
  Q_OBJECT

 private Q_SLOTS:
  void initTestCase() {
    Theme::instance().setMode(Theme::Mode::kLight);
    Theme::instance().install(*qobject_cast<QApplication*>(QCoreApplication::instance()));
    m_usualFamily = Theme::instance().fontFamily();
  }

  void init() { useFreshProfile(); }

  void cleanup() {
    Theme::instance().setFontPercent(100);
    Theme::instance().setFontFamily(m_usualFamily);
  }

  void nothingIsClipped_data() {
    QTest::addColumn<QSize>("size");
    QTest::addColumn<int>("font");
    QTest::addColumn<QString>("family");
    for (const QSize& size : {QSize(1024, 700), QSize(1280, 720), QSize(1680, 1050)}) {
      for (const int font : {100, 150}) {
        QTest::addRow("%dx%d font %d", size.width(), size.height(), font)
            << size << font << m_usualFamily;
      }
    }
    // Other machines have another font. These, which packaging/setup.sh installs, are wider and
    // higher than Noto Sans; the first is what a bare Debian shows.
    const QStringList installed = QFontDatabase::families();
    for (const char* family : {"DejaVu Sans", "DejaVu Serif"}) {
      const QString name = QString::fromLatin1(family);
      if (name == m_usualFamily || !installed.contains(name)) {
        continue;
      }
      QTest::addRow("1024x700 font 100 %s", family) << QSize(1024, 700) << 100 << name;
      for (const QSize& size : {QSize(1024, 700), QSize(1280, 720), QSize(1680, 1050)}) {
        QTest::addRow("%dx%d font 150 %s", size.width(), size.height(), family)
            << size << 150 << name;
      }
    }
  }

  void nothingIsClipped() {
    QFETCH(const QSize, size);
    QFETCH(const int, font);
    QFETCH(const QString, family);
    Theme::instance().setFontFamily(family);
    Theme::instance().setFontPercent(font);
    auto client = std::make_unique<ReplayEngineClient>();
    client->setReply(u"inspect"_s, model());
    client->setReply(u"estimate"_s, estimate());
    MainWindow window(std::move(client));
    window.resize(size);
    window.show();
    screens::settle(100);
    QStringList found;
    QSet<QString> known;
    const screens::Visit visit = [&](const QString& name, QWidget* dialog) {
      for (const QString& problem : screens::layoutProblems(dialog ? *dialog : window)) {
        // The same in several states is one finding.
        if (!known.contains(problem)) {
          known.insert(problem);
          found << QString(name + u" — "_s + problem);
        }
      }
    };
    screens::visitStart(window, visit);
    QVERIFY(window.openPath(QStringLiteral(MXSCOPE_SOURCE_DIR "/resources/demo/demo.mxscope")));
    QTRY_VERIFY(window.isIdle());
    screens::settle(100);
    visit(u"builder"_s, nullptr);
    screens::visitDialogs(window, visit);
    sample::fill(*window.workspace());
    screens::settle(150);
    screens::visitResults(window, visit);
    for (const QString& problem : found) {
      qWarning().noquote() << problem;
    }
    // The window keeps the size that it was given: its own minimum is no larger.
    QCOMPARE(window.size(), size);
    QVERIFY2(found.isEmpty(), "see the warnings above");
  }

  // A window that was switched looks like one that was started in that theme.
  void switchedThemeLeavesNothingBehind() {
    const auto filled = [](MainWindow& window) {
      window.resize(1680, 1050);
      window.show();
      sample::fill(*window.workspace());
      screens::settle(500);
    };
    MainWindow switched(std::make_unique<ReplayEngineClient>());
    filled(switched);
    Theme::instance().setMode(Theme::Mode::kDark);
    screens::settle(400);
    const QImage after = switched.grab().toImage();
    useFreshProfile();
    MainWindow fresh(std::make_unique<ReplayEngineClient>());
    filled(fresh);
    const QImage expected = fresh.grab().toImage();
    Theme::instance().setMode(Theme::Mode::kLight);
    QCOMPARE(after.size(), expected.size());
    if (qEnvironmentVariableIsSet("MXSCOPE_LAYOUT_PICTURES")) {
      const QString folder = qEnvironmentVariable("MXSCOPE_LAYOUT_PICTURES");
      after.save(folder + u"/switched.png"_s);
      expected.save(folder + u"/started.png"_s);
    }
    qsizetype different = 0;
    for (int y = 0; y < after.height(); ++y) {
      for (int x = 0; x < after.width(); ++x) {
        different += after.pixel(x, y) != expected.pixel(x, y);
      }
    }
    // The clock of the memory history is not the same in both.
    QVERIFY2(double(different) < 0.002 * after.width() * after.height(),
             qPrintable(QString::number(different)));
  }

 private:
  static nlohmann::ordered_json model() {
    nlohmann::ordered_json linears = nlohmann::ordered_json::array();
    for (int block = 0; block < 16; ++block) {
      for (const char* name :
           {"self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj", "self_attn.o_proj",
            "mlp.gate_proj", "mlp.up_proj", "mlp.down_proj"}) {
        linears.push_back({{"name", "model.layers." + std::to_string(block) + "." + name},
                           {"block", block},
                           {"role", std::string(name).starts_with("mlp") ? "mlp" : "attention"},
                           {"in_features", 2048},
                           {"out_features", 2048}});
      }
    }
    return {{"architecture", {{"model_type", "llama"}, {"layers", 16}, {"max_positions", 131072}}},
            {"stored_type", "bfloat16"},
            {"bytes", 2471645608},
            {"parameters", 1235814400},
            {"linears", linears}};
  }
  static nlohmann::ordered_json estimate() {
    return {{"seconds", 540.0},
            {"jobs",
             {{{"total_bytes", 10307921510.0},
               {"available_bytes", 25769803776.0},
               {"device", "cuda:0"}}}}};
  }

  // For the windows made next: each starts without the queue and the results of the one before.
  void useFreshProfile() {
    m_profiles.push_back(std::make_unique<QTemporaryDir>());
    QVERIFY(m_profiles.back()->isValid());
    Settings::useProfile(m_profiles.back()->path());
  }

  QString m_usualFamily;
  std::vector<std::unique_ptr<QTemporaryDir>> m_profiles;
};

QTEST_MAIN(LayoutTest)
#include "layout_uitest.moc"
