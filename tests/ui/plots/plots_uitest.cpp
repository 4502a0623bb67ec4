// SPDX-License-Identifier: GPL-3.0-or-later
#include <QtTest>
#include <random>

#include "plots/bar_plot.h"
#include "plots/heat_map.h"
#include "plots/live_plot.h"
#include "plots/memory_plot.h"
#include "plots/min_max_pyramid.h"
#include "plots/number_text.h"
#include "plots/plot_parts.h"
#include "plots/plot_zoom.h"
#include "plots/scatter_plot.h"
#include "theme/theme.h"

using namespace Qt::StringLiterals;
using namespace mxscope::ui;

namespace {

BarData bars() {
  BarData data;
  data.axisLabel = u"Δ %"_s;
  data.baselines = {{u"m"_s, 0.0}};
  data.items = {{u"a"_s, u"m"_s, u"A"_s, u"A"_s, {1, 0}, 4.0, 3.0, 5.0, {}, {}, false, {}},
                {u"b"_s, u"m"_s, u"B"_s, u"B"_s, {3, 0}, 20.0, 12.0, 28.0, {}, {}, false, {}},
                {u"c"_s, u"m"_s, u"C"_s, u"C"_s, {4, 0}, -6.0, -7.0, -5.0, {}, {}, false, {}}};
  return data;
}

LiveData curve(int points) {
  LiveData data;
  data.xLabel = u"tokens"_s;
  data.yLabel = u"loss"_s;
  LiveSeries series;
  series.key = u"k"_s;
  series.label = u"run"_s;
  series.colour = {1, 0};
  for (int i = 0; i < points; ++i) {
    series.x << i * 10.0;
    series.mean << 2.0 + std::sin(i * 0.01);
    series.low << series.mean.last() - 0.1;
    series.high << series.mean.last() + 0.1;
  }
  data.series << series;
  return data;
}

void show(QWidget& widget, const QSize& size = {600, 400}) {
  widget.resize(size);
  widget.show();
  QVERIFY(QTest::qWaitForWindowExposed(&widget));
  QTest::qWait(40);
}

}  // namespace

class PlotsTest : public QObject {
  Q_OBJECT

 private Q_SLOTS:
  void initTestCase() {
    Theme::instance().setMode(Theme::Mode::kLight);
    Theme::instance().install(*qApp);
  }

  void numbersAreRoundedBeforeTheyAreWritten() {
    QCOMPARE(fixedText(-0.001, 2), u"0.00"_s);
    QCOMPARE(fixedText(-0.006, 2), u"−0.01"_s);
    QCOMPARE(fixedText(0.004, 2, true), u"0.00"_s);
    QCOMPARE(intervalText(1.6591, 0.0701), u"+1.659 ± 0.070"_s);
    QCOMPARE(shortText(12345.6, 3), u"12,346"_s);
    QCOMPARE(fixedText(kNoNumber, 2), missingText());
    QCOMPARE(exactText(0.1), u"0.10000000000000001"_s);
  }

  void pyramidGivesTheExtentOfAnyRange() {
    std::mt19937 random(5);
    std::uniform_real_distribution<double> value(-5, 5);
    QList<double> values;
    MinMaxPyramid pyramid;
    for (int round = 0; round < 40; ++round) {
      const qsizetype before = values.size();
      for (unsigned i = 0; i < 1 + random() % 90; ++i) {
        values << (random() % 17 == 0 ? kNoNumber : value(random));
      }
      pyramid.append(values, before);
      QCOMPARE(pyramid.size(), values.size());
      for (int query = 0; query < 30; ++query) {
        const auto a = qsizetype(random() % unsigned(values.size()));
        const auto b = a + 1 + qsizetype(random() % unsigned(values.size() - a));
        double low = kNoNumber;
        double high = kNoNumber;
        for (qsizetype i = a; i < b; ++i) {
          low = std::fmin(low, values[i]);
          high = std::fmax(high, values[i]);
        }
        const auto extent = pyramid.extent(a, b);
        QVERIFY(extent.low == low || (std::isnan(extent.low) && std::isnan(low)));
        QVERIFY(extent.high == high || (std::isnan(extent.high) && std::isnan(high)));
      }
    }
    QVERIFY(std::isnan(pyramid.extent(3, 3).low));
  }

  void symmetricLogGoesBackAndForth() {
    const SymmetricLog scale = SymmetricLog::forValues({0.02, -3.0, 400.0});
    for (const double v : {-3.0, -0.001, 0.0, 0.02, 5.0, 400.0}) {
      QVERIFY(std::abs(scale.inverse(scale(v)) - v) < 1e-9 * std::max(1.0, std::abs(v)));
    }
    QVERIFY(scale(0.02) > 0.2 * scale(0.2));
  }

  void barsAlwaysContainZero() {
    BarPlot plot;
    for (const double offset : {0.0, 100.0, -100.0}) {
      BarData data = bars();
      for (BarItem& item : data.items) {
        item.value += offset;
        item.low += offset;
        item.high += offset;
      }
      plot.setData(data);
      show(plot);
      for (const bool log : {false, true}) {
        plot.setLogarithmic(log);
        // Neither the wheel nor a drag may move the zero line away.
        const QPointF middle(plot.plot()->rect().center());
        QWheelEvent wheel(middle, plot.plot()->mapToGlobal(middle), {}, {0, 240}, Qt::NoButton,
                          Qt::NoModifier, Qt::NoScrollPhase, false);
        QApplication::sendEvent(plot.plot(), &wheel);
        const auto [low, high] = plot.valueRange();
        QVERIFY(low <= 0 && high >= 0);
        for (const BarItem& item : data.items) {
          QVERIFY(item.value >= low && item.value <= high);
        }
      }
    }
  }

  void selectedBarKeepsItsColour() {
    BarPlot plot;
    plot.setData(bars());
    show(plot);
    const QRectF rect = plot.barRect(u"b"_s);
    const QPoint inside(int(rect.center().x() + rect.width() * 0.3), int(rect.center().y()));
    const QColor expected = Theme::instance().tokens().seriesColour({3, 0});
    QCOMPARE(plot.plot()->grab().toImage().pixelColor(inside), expected);
    plot.setSelection({u"b"_s});
    QTest::qWait(40);
    const QImage image = plot.plot()->grab().toImage();
    QCOMPARE(image.pixelColor(inside), expected);
    // Others are dimmed, not recoloured.
    const QRectF other = plot.barRect(u"a"_s);
    const QPoint dimmed(int(other.center().x() + other.width() * 0.3), int(other.center().y()));
    QVERIFY(image.pixelColor(dimmed) != Theme::instance().tokens().seriesColour({1, 0}));
  }

  void clickOnABarPicksIt() {
    BarPlot plot;
    plot.setData(bars());
    show(plot);
    QSignalSpy spy(&plot, &PlotView::picked);
    QTest::mouseClick(plot.plot(), Qt::LeftButton, Qt::ControlModifier,
                      plot.barRect(u"b"_s).center().toPoint());
    QCOMPARE(spy.size(), 1);
    QCOMPARE(spy[0][0].toString(), u"b"_s);
    QCOMPARE(spy[0][1].toBool(), true);
  }

  void whiskersAreUnbroken() {
    BarPlot plot;
    plot.setData(bars());
    show(plot);
    const QRectF rect = plot.barRect(u"b"_s);
    const double pixels = rect.height() / 20.0;  // per unit
    const int x = int(std::round(rect.center().x()));
    const QImage image = plot.plot()->grab().toImage();
    const QColor ink = Theme::instance().tokens().text;
    // From 28 down to 12, all along, the stroke is there, also across the end of the bar.
    const int top = int(rect.bottom() - 28 * pixels) + 2;
    const int bottom = int(rect.bottom() - 12 * pixels) - 2;
    for (int y = top; y < bottom; ++y) {
      double darkest = 255;
      for (int dx = -1; dx <= 1; ++dx) {
        darkest = std::min(darkest, double(image.pixelColor(x + dx, y).lightness()));
      }
      QVERIFY2(darkest < ink.lightness() + 70,
               qPrintable(u"row %1 of %2..%3: %4"_s.arg(y).arg(top).arg(bottom).arg(darkest)));
    }
  }

  void heatMapIsSymmetricAndTellsMissingFromZero() {
    HeatMap map;
    HeatData data;
    data.rows = {u"0"_s, u"1"_s};
    data.columns = {u"x"_s, u"y"_s};
    data.scaleLabel = u"Δ"_s;
    data.cells = {{u"a"_s, CellState::kValue, 0.62, kNoNumber, kNoNumber, {}},
                  {u"b"_s, CellState::kValue, -0.0004, kNoNumber, kNoNumber, {}},
                  {u"c"_s, CellState::kNotRun, kNoNumber, kNoNumber, kNoNumber, {}},
                  {u"d"_s, CellState::kFailed, kNoNumber, kNoNumber, kNoNumber, u"why"_s}};
    map.setData(data);
    show(map);
    QVERIFY(map.limit() >= 0.62 && map.limit() <= 0.8);
    QVERIFY(map.showsNumbers());
    QCOMPARE(map.cellText(0, 0), u"0.62"_s);
    QCOMPARE(map.cellText(0, 1), u"0"_s);
    QCOMPARE(map.cellText(1, 0), u"·"_s);
    const QImage image = map.plot()->grab().toImage();
    const auto corner = [&](int row, int column) {
      return image.pixelColor(map.cellRect(row, column).topLeft().toPoint() + QPoint(4, 4));
    };
    const Tokens& t = Theme::instance().tokens();
    QCOMPARE(corner(1, 0), t.notRun);
    QVERIFY(corner(0, 1) != t.notRun);
    QVERIFY(contrastRatio(corner(0, 1), t.divergingColour(0)) < 1.05);
    for (int i = 0; i < 400; ++i) {
      HeatData sweep = data;
      sweep.cells[0].value = 0.013 * i;
      sweep.cells[1].value = -0.0001 * i;
      map.setData(sweep);
      for (int column = 0; column < 2; ++column) {
        const QString text = map.cellText(0, column);
        QVERIFY2(text != "-0"_L1 && !text.contains("-0.00"_L1) && text != u"−0.00"_s,
                 qPrintable(text));
      }
    }
    QSignalSpy spy(&map, &PlotView::picked);
    QTest::mouseClick(map.plot(), Qt::LeftButton, {}, map.cellRect(1, 1).center().toPoint());
    QCOMPARE(spy[0][0].toString(), u"d"_s);
  }

  void smallCellsDropTheirNumbers() {
    HeatMap map;
    HeatData data;
    data.columns = {u"x"_s};
    for (int i = 0; i < 40; ++i) {
      data.rows << QString::number(i);
      data.cells << HeatCell{QString::number(i), CellState::kValue, 0.1, kNoNumber, kNoNumber, {}};
    }
    map.setData(data);
    show(map, {300, 300});
    QVERIFY(!map.showsNumbers());
    show(map, {300, 900});
    QTRY_VERIFY(map.showsNumbers());
  }

  void zoomOfTheUserIsKeptThroughUpdates() {
    LivePlot plot;
    plot.setData(curve(500));
    show(plot);
    QVERIFY(plot.following());
    QSignalSpy spy(&plot, &LivePlot::followingChanged);
    const QPointF middle(plot.plot()->axisRect()->center());
    QWheelEvent wheel(middle, plot.plot()->mapToGlobal(middle), {}, {0, 360}, Qt::NoButton,
                      Qt::NoModifier, Qt::NoScrollPhase, false);
    QApplication::sendEvent(plot.plot(), &wheel);
    QTRY_COMPARE(spy.size(), 1);
    QVERIFY(!plot.following());
    const QRectF ranges = plot.zoom()->ranges();
    for (int i = 0; i < 100; ++i) {
      plot.setData(curve(500 + 40 * i));
      QCoreApplication::processEvents();
    }
    QCOMPARE(plot.zoom()->ranges(), ranges);
    QTest::keyClick(plot.plot(), Qt::Key_F);
    QVERIFY(plot.following());
    QCOMPARE(plot.plot()->xAxis->range().upper, (500 + 40 * 99 - 1) * 10.0);
    plot.setData(curve(6000));
    QCOMPARE(plot.plot()->xAxis->range().upper, 59990.0);
  }

  void zoomHistoryGoesBack() {
    LivePlot plot;
    plot.setData(curve(500));
    show(plot);
    const QRectF start = plot.zoom()->ranges();
    QTest::keyClick(plot.plot(), Qt::Key_Plus);
    const QRectF closer = plot.zoom()->ranges();
    QVERIFY(closer.width() < start.width());
    QTest::keyClick(plot.plot(), Qt::Key_Plus);
    QTest::keyClick(plot.plot(), Qt::Key_Left, Qt::AltModifier);
    QCOMPARE(plot.zoom()->ranges(), closer);
    QTest::keyClick(plot.plot(), Qt::Key_0);
    QCOMPARE(plot.zoom()->ranges(), start);
    QVERIFY(plot.following());
  }

  void hoverTellsTheValueOfTheDataAndHidesOnLeave() {
    LivePlot plot;
    LiveData data = curve(300);
    plot.setData(data);
    show(plot);
    const auto expected = [](const LiveData& d, double x) {
      const LiveSeries& s = d.series[0];
      const auto i = std::min<qsizetype>(qsizetype(x / 10.0), s.x.size() - 1);
      const double half = (s.high[i] - s.low[i]) / 2;
      return QString(u"run   "_s + fixedText(s.mean[i], decimalsFor(half) + 2) + u" ± "_s +
                     fixedText(half, decimalsFor(half)));
    };
    const QPoint at = plot.plot()->axisRect()->center();
    QTest::mouseMove(plot.plot(), at);
    QTRY_VERIFY(!std::isnan(plot.hover()));
    QVERIFY(plot.hoverText(plot.hover()).endsWith(expected(data, plot.hover())));
    // The same place after the data went on tells the value of the new data there.
    data = curve(900);
    for (double& v : data.series[0].mean) {
      v += 1;
    }
    for (qsizetype i = 0; i < data.series[0].mean.size(); ++i) {
      data.series[0].low[i] += 1;
      data.series[0].high[i] += 1;
    }
    plot.setData(data);
    QVERIFY(plot.hoverText(plot.hover()).endsWith(expected(data, plot.hover())));
    QEvent leave(QEvent::Leave);
    QApplication::sendEvent(plot.plot(), &leave);
    QVERIFY(std::isnan(plot.hover()));
    // By keyboard as well.
    plot.plot()->setFocus();
    QTest::keyClick(plot.plot(), Qt::Key_Right);
    QVERIFY(!std::isnan(plot.hover()));
    QTest::keyClick(plot.plot(), Qt::Key_Escape);
    QVERIFY(std::isnan(plot.hover()));
  }

  void manyPointsAreDrawnAsAboutOneAPixel() {
    LivePlot plot;
    plot.setData(curve(200000));
    show(plot, {800, 300});
    qsizetype drawn = 0;
    for (int i = 0; i < plot.plot()->graphCount(); ++i) {
      drawn += plot.plot()->graph(i)->dataCount();
    }
    QVERIFY2(drawn < 4000, qPrintable(QString::number(drawn)));
    // The extremes of the curve are among them.
    bool found = false;
    double highest = 0;
    const auto range = plot.plot()->yAxis->range();
    QVERIFY(range.lower < 1.0 && range.upper > 3.0);
    for (int i = 0; i < plot.plot()->graphCount(); ++i) {
      const QCPRange values = plot.plot()->graph(i)->getValueRange(found);
      highest = found ? std::max(highest, values.upper) : highest;
    }
    QVERIFY(highest > 3.099);
  }

  void paretoFrontLeavesOutWhatIsBeaten() {
    ScatterPlot plot;
    ScatterData data;
    const auto point = [&](const QString& key, double x, double y) {
      ScatterPoint p;
      p.key = p.label = key;
      p.x = x;
      p.y = y;
      data.points << p;
    };
    point(u"small"_s, 1, 20);
    point(u"beaten"_s, 2, 25);
    point(u"middle"_s, 3, 5);
    point(u"large"_s, 9, 0);
    point(u"none"_s, 4, kNoNumber);
    plot.setData(data);
    QCOMPARE(plot.paretoFront(), (QStringList{u"small"_s, u"middle"_s, u"large"_s}));
    show(plot);
  }

  void everyPlotHasATableAndAFact() {
    BarPlot plot;
    QVERIFY(!plot.hasData());
    plot.setData(bars());
    const PlotTable table = plot.table();
    QCOMPARE(table.rows.size(), 3);
    QVERIFY(plot.mainFact().contains(u"B"_s));
    QVERIFY(table.toTsv().contains(u"\t20\t"_s));
    LivePlot live;
    live.setData(curve(10));
    QCOMPARE(live.table().rows.size(), 10);
    MemoryPlot memory;
    MemoryHistory history;
    history.time = {-1, 0};
    history.job = {1, 2};
    history.others = {0.5, 0.5};
    history.total = 8;
    memory.setData(history);
    QCOMPARE(memory.table().rows.size(), 2);
    QVERIFY(memory.mainFact().contains(u"2.5 of 8.0"_s));
  }

  void keywordsOfQtStayFree() {
    // qcp.h was included above: a library may still call something so.
    struct {
      int signals = 1, slots = 2, emit = 3;
    } names;
    QCOMPARE(names.signals + names.slots + names.emit, 6);
  }
};

QTEST_MAIN(PlotsTest)
#include "plots_uitest.moc"
