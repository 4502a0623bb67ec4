// SPDX-License-Identifier: GPL-3.0-or-later
#include <QCheckBox>
#include <QVBoxLayout>
#include <QtTest>

#include "plots/bar_plot.h"
#include "plots/cards/metric_card.h"
#include "plots/plot_view.h"
#include "theme/icons.h"
#include "theme/theme.h"
#include "ui/plots/sample_workspace.h"

using namespace Qt::StringLiterals;
using namespace mxscope::ui;

namespace {

const QStringList kThemes{u"light"_s, u"dark"_s, u"light-contrast"_s, u"dark-contrast"_s};

int countOf(const QImage& image, const QColor& colour) {
  int count = 0;
  for (int y = 0; y < image.height(); ++y) {
    for (int x = 0; x < image.width(); ++x) {
      count += image.pixelColor(x, y).rgb() == colour.rgb() ? 1 : 0;
    }
  }
  return count;
}

}  // namespace

class ThemeTest : public QObject {
  Q_OBJECT

 private Q_SLOTS:
  void initTestCase() { Theme::instance().install(*qApp); }
  void cleanup() {
    Theme::instance().setMode(Theme::Mode::kLight);
    Theme::instance().setHighContrast(false);
    Theme::instance().setFontPercent(100);
  }

  void contrastFollowsTheWcagFormula() {
    QCOMPARE(contrastRatio(Qt::black, Qt::white), 21.0);
    QCOMPARE(contrastRatio(QColor(u"#777777"_s), QColor(u"#777777"_s)), 1.0);
    QVERIFY(std::abs(contrastRatio(QColor(u"#57606a"_s), Qt::white) - 6.4) < 0.1);
  }

  void textAndMarksMeetTheirContrast_data() {
    QTest::addColumn<QString>("theme");
    for (const QString& theme : kThemes) {
      QTest::newRow(qPrintable(theme)) << theme;
    }
  }
  void textAndMarksMeetTheirContrast() {
    QFETCH(QString, theme);
    const Tokens t = loadTokens(theme);
    const auto text = [](const char* what, const QColor& ink, const QColor& ground) {
      const double ratio = contrastRatio(ink, ground);
      QVERIFY2(ratio >= 4.5, qPrintable(u"%1: %2"_s.arg(QLatin1String(what)).arg(ratio)));
    };
    const auto mark = [](const char* what, const QColor& ink, const QColor& ground) {
      const double ratio = contrastRatio(ink, ground);
      QVERIFY2(ratio >= 3.0, qPrintable(u"%1: %2"_s.arg(QLatin1String(what)).arg(ratio)));
    };
    for (const QColor& ground : {t.window, t.card, t.base, t.alternate, t.header, t.hover}) {
      text("text", t.text, ground);
      text("dim", t.dim, ground);
      text("link", t.link, ground);
    }
    for (const QColor& ground : {t.window, t.card, t.base, t.alternate}) {
      text("better", t.better, ground);
      text("worse", t.worse, ground);
      text("warning", t.warning, ground);
      mark("accent", t.accent, ground);
      mark("check box frame", t.frame, ground);
    }
    text("primary button", t.accentText, t.accent);
    text("segment", t.segmentText, t.segment);
    text("selection", t.selectionText, t.selection);
    text("tool tip", t.tooltipText, t.tooltip);
    text("text on error", t.text, t.errorBack);
    text("text on warning", t.text, t.warningBack);
    mark("error frame", t.errorBorder, t.errorBack);
    mark("neutral", t.neutral, t.card);
    for (int hue = 0; hue < 6; ++hue) {
      for (int shade = 0; shade < 3; ++shade) {
        mark("series", t.seriesColour({hue, shade}), t.card);
      }
    }
    for (int i = -50; i <= 50; ++i) {
      const QColor ground = t.divergingColour(i / 50.0);
      text("number in a cell", t.textOn(ground), ground);
    }
    text("number in a missing cell", t.textOn(t.notRun), t.notRun);
  }

  void formatsKeepTheirColour() {
    QCOMPARE(seriesColourOfFormat(u"mxfp4_e2m1"_s), seriesColourOfFormat(u"MXFP4 E2M1/32"_s));
    QVERIFY(!(seriesColourOfFormat(u"mxfp8_e4m3"_s) == seriesColourOfFormat(u"mxfp8_e5m2"_s)));
    QVERIFY(!(seriesColourOfFormat(u"nvfp4"_s) == seriesColourOfFormat(u"mxfp4_e2m1"_s)));
    QCOMPARE(seriesColourOfFormat(u"none"_s), (SeriesColour{0, 0}));
  }

  void divergingMapIsSymmetricAndNanIsDistinct() {
    const Tokens t = loadTokens(u"light"_s);
    QCOMPARE(t.divergingColour(0), t.diverging[2]);
    QCOMPARE(t.divergingColour(-3), t.diverging[0]);
    QCOMPARE(t.divergingColour(3), t.diverging[4]);
    QCOMPARE(t.divergingColour(kNoNumber), t.notRun);
    QVERIFY(t.notRun != t.divergingColour(0));
  }

  void switchLeavesNoStaleColour() {
    Workspace workspace;
    sample::addFormats(workspace, {});
    QWidget window;
    auto* layout = new QVBoxLayout(&window);
    auto* card = new MetricCard(&workspace, &window);
    auto* box = new QCheckBox(u"box"_s, &window);
    box->setChecked(true);
    layout->addWidget(card);
    layout->addWidget(box);
    window.resize(600, 420);
    window.show();
    QVERIFY(QTest::qWaitForWindowExposed(&window));
    const Tokens light = loadTokens(u"light"_s);
    const Tokens dark = loadTokens(u"dark"_s);
    QTest::qWait(60);
    const QImage before = window.grab().toImage();
    QVERIFY(countOf(before, light.card) > 20000);
    QVERIFY(countOf(before, light.series[3]) > 300);
    Theme::instance().setMode(Theme::Mode::kDark);
    QTest::qWait(60);
    const QImage after = window.grab().toImage();
    // White is also the text of a chosen segment, so the ground is looked for in the plot alone.
    QCOMPARE(countOf(card->view()->grab().toImage(), light.card), 0);
    QVERIFY(countOf(after, light.card) < 400);
    QCOMPARE(countOf(after, light.window), 0);
    QCOMPARE(countOf(after, light.series[3]), 0);
    QCOMPARE(countOf(after, light.accent), 0);
    QVERIFY(countOf(after, dark.card) > 20000);
    QVERIFY(countOf(after, dark.series[3]) > 300);
    QVERIFY(countOf(after, dark.accent) > 20);
    Theme::instance().setMode(Theme::Mode::kLight);
    QTest::qWait(60);
    QCOMPARE(countOf(window.grab().toImage(), dark.card), 0);
  }

  void fontSizeIsLimited() {
    Theme::instance().setFontPercent(500);
    QCOMPARE(Theme::instance().fontPercent(), 200);
    Theme::instance().setFontPercent(10);
    QCOMPARE(Theme::instance().fontPercent(), 80);
  }

  void everyIconIsDrawnInTheTextColour() {
    const QStringList files = QDir(u":/mxscope/icons"_s).entryList();
    QVERIFY(files.size() > 50);
    for (const QString& file : files) {
      if (file == "mxscope.svg"_L1) {
        continue;
      }
      const QImage image = icon(QFileInfo(file).baseName()).pixmap(QSize(40, 40)).toImage();
      QVERIFY2(countOf(image, Theme::instance().tokens().text) > 20, qPrintable(file));
    }
  }
};

QTEST_MAIN(ThemeTest)
#include "theme_uitest.moc"
