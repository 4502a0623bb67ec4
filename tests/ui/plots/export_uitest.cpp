// SPDX-License-Identifier: GPL-3.0-or-later
#include <QClipboard>
#include <QMimeData>
#include <QProcess>
#include <QSvgRenderer>
#include <QTemporaryDir>
#include <QXmlStreamReader>
#include <QtTest>
#include <memory>

#include "panels/export_dialog.h"
#include "plots/cards/gpu_card.h"
#include "plots/cards/live_card.h"
#include "plots/cards/metric_card.h"
#include "plots/cards/sensitivity_card.h"
#include "plots/cards/tradeoff_card.h"
#include "plots/live_plot.h"
#include "plots/plot_export.h"
#include "plots/plot_parts.h"
#include "plots/plot_view.h"
#include "plots/plot_zoom.h"
#include "theme/theme.h"
#include "ui/plots/sample_workspace.h"

using namespace Qt::StringLiterals;
using namespace mxscope::ui;

namespace {

bool near(const QColor& a, const QColor& b) {
  return std::abs(a.red() - b.red()) < 12 && std::abs(a.green() - b.green()) < 12 &&
         std::abs(a.blue() - b.blue()) < 12;
}

int countOf(const QImage& image, const QColor& colour) {
  int count = 0;
  for (int y = 0; y < image.height(); ++y) {
    for (int x = 0; x < image.width(); ++x) {
      count += near(image.pixelColor(x, y), colour) ? 1 : 0;
    }
  }
  return count;
}

// All texts that an SVG draws, one after the other without spaces: Qt splits a text where it takes
// another font.
QString textsOf(const QByteArray& svg) {
  QXmlStreamReader reader(svg);
  QString texts;
  while (!reader.atEnd()) {
    if (reader.readNext() == QXmlStreamReader::StartElement && reader.name() == "text"_L1) {
      texts += reader.readElementText().remove(u' ').trimmed();
    }
  }
  return texts;
}

QByteArray outputOf(const QString& program, const QStringList& arguments) {
  QProcess process;
  process.start(program, arguments);
  return process.waitForFinished(20000) ? process.readAllStandardOutput() : QByteArray();
}

}  // namespace

class ExportTest : public QObject {
  Q_OBJECT

 private:
  Workspace m_workspace;
  std::vector<std::unique_ptr<PlotCard>> m_cards;
  QTemporaryDir m_folder;

 private Q_SLOTS:
  void initTestCase() {
    Theme::instance().setMode(Theme::Mode::kDark);
    Theme::instance().install(*qApp);
    sample::fill(m_workspace);
    m_cards.push_back(std::make_unique<MetricCard>(&m_workspace));
    m_cards.push_back(std::make_unique<SensitivityCard>(&m_workspace));
    m_cards.push_back(std::make_unique<LiveCard>(&m_workspace));
    m_cards.push_back(std::make_unique<TradeoffCard>(&m_workspace));
    m_cards.push_back(std::make_unique<GpuCard>(&m_workspace));
    for (const auto& card : m_cards) {
      card->resize(640, 400);
      card->show();
      QVERIFY(QTest::qWaitForWindowExposed(card.get()));
      QVERIFY2(card->view()->hasData(), qPrintable(card->id()));
    }
  }
  void cleanupTestCase() { m_cards.clear(); }

  // UX.md points 37, 38, 39.
  void everyCardIsWrittenInEveryFormat() {
    for (const auto& card : m_cards) {
      const PlotInfo info = card->info();
      QVERIFY(!info.title.isEmpty());
      QStringList names;
      for (const auto& [name, value] : info.fields) {
        names << name;
        QVERIFY2(!value.isEmpty(), qPrintable(name));
      }
      if (card->id() != "gpu"_L1) {
        for (const char* name : {"config hash", "baseline", "interval", "protocol", "data",
                                 "tokenizer", "engine", "application", "device", "date"}) {
          QVERIFY2(names.contains(QLatin1String(name)), name);
        }
      }
      PictureOptions options;
      options.caption = true;
      const QImage png = QImage::fromData(pictureBytes(*card->view(), info, options), "PNG");
      QCOMPARE(png.size(), options.size * 2);
      QCOMPARE(png.text(u"Title"_s), info.title);
      for (const auto& [name, value] : info.fields) {
        QCOMPARE(png.text(name).simplified(), value.simplified());
      }
      // Light, although the window is dark.
      const Tokens light = loadTokens(u"light"_s);
      QVERIFY(near(png.pixelColor(2, 2), light.card));
      QVERIFY(countOf(png, light.card) > png.width() * png.height() / 5);
      QVERIFY2(countOf(png, light.text) > 100, "title");
      options.asOnScreen = true;
      const QImage dark = renderPicture(*card->view(), info, options);
      QVERIFY(near(dark.pixelColor(2, 2), loadTokens(u"dark"_s).card));
      options.asOnScreen = false;

      options.format = PictureFormat::kSvg;
      const QByteArray svg = pictureBytes(*card->view(), info, options);
      QSvgRenderer renderer(svg);
      QVERIFY(renderer.isValid());
      QVERIFY(svg.contains(info.title.toHtmlEscaped().toUtf8()));
      QVERIFY(svg.contains("application: MXScope"));
      // Title, axes and legend as texts of the drawing.
      const QString texts = textsOf(svg);
      const auto drawn = card->view()->copy();
      drawn->setHeading(info.title, info.subtitle, {});
      drawn->prepare(options.size);
      int axes = 0;
      for (const QCPAxis* axis : drawn->plot()->axisRect()->axes()) {
        if (axis->visible() && !axis->label().isEmpty()) {
          ++axes;
          QVERIFY2(texts.contains(QString(axis->label()).remove(u' ')),
                   qPrintable(QString(card->id() + u": "_s + axis->label())));
        }
      }
      QVERIFY2(axes >= 1, qPrintable(card->id()));
      int legends = 0;
      for (QCPLayoutElement* element : drawn->plot()->plotLayout()->elements(true)) {
        if (const auto* legend = dynamic_cast<LegendRow*>(element)) {
          ++legends;
          QVERIFY(!legend->entries().isEmpty());
          for (const LegendRow::Entry& entry : legend->entries()) {
            QVERIFY2(texts.contains(QString(entry.text).remove(u' ')), qPrintable(entry.text));
          }
        }
      }
      QVERIFY2(legends == 1 || (card->id() != "bars"_L1 && card->id() != "live"_L1),
               qPrintable(card->id()));

      options.format = PictureFormat::kPdf;
      const QByteArray pdf = pictureBytes(*card->view(), info, options);
      QVERIFY(pdf.startsWith("%PDF"));
      QVERIFY(pdf.size() > 4000);
      QVERIFY(pdf.contains("urn:mxscope:export:1"));
      QVERIFY(!pdf.contains("DCTDecode"));  // no JPEG in it
    }
  }

  void pdfOfTheHeatMapIsLossless() {
    if (QStandardPaths::findExecutable(u"pdfimages"_s).isEmpty()) {
      QSKIP("pdfimages (poppler-utils) is not installed");
    }
    PictureOptions options;
    options.format = PictureFormat::kPdf;
    const QString path = m_folder.filePath(u"heat.pdf"_s);
    QCOMPARE(writeFile(path, pictureBytes(*m_cards[1]->view(), m_cards[1]->info(), options)),
             QString());
    const QByteArray list = outputOf(u"pdfimages"_s, {u"-list"_s, path});
    QVERIFY(list.contains("page"));
    QVERIFY(!list.contains("jpeg"));
    const QByteArray text = outputOf(u"pdftotext"_s, {path, u"-"_s});
    QVERIFY(text.contains("Layer sensitivity"));
    QVERIFY(text.contains("FP4 E2M1"));
  }

  void zoomedSvgShowsNothingOutsideOfTheAxes() {
    auto* card = static_cast<LiveCard*>(m_cards[2].get());
    LivePlot* plot = card->curves();
    const QRectF before = plot->zoom()->ranges();
    plot->setFollowing(false);
    // A thin slice in the middle of the values: curves leave it above and below.
    plot->zoom()->setRanges(QRectF(before.left() + before.width() * 0.1,
                                   before.top() + before.height() * 0.45, before.width() * 0.2,
                                   before.height() * 0.06));
    PictureOptions options;
    options.format = PictureFormat::kSvg;
    const QByteArray svg = pictureBytes(*plot, card->info(), options);
    QSvgRenderer renderer(svg);
    QImage image(options.size, QImage::Format_RGB32);
    image.fill(Qt::white);
    QPainter painter(&image);
    renderer.render(&painter);
    painter.end();
    // The axis rectangle of the same layout; legend entries lie above it.
    const auto copy = plot->copy();
    copy->setTokens(loadTokens(u"light"_s));
    copy->setHeading(card->info().title, card->info().subtitle, {});
    copy->prepare(options.size);
    const QRect inner = copy->plot()->axisRect()->rect();
    const Tokens light = loadTokens(u"light"_s);
    for (int y = inner.bottom() + 2; y < image.height(); ++y) {
      for (int x = 0; x < image.width(); ++x) {
        for (const int hue : {1, 3}) {
          QVERIFY2(!near(image.pixelColor(x, y), light.series[size_t(hue)]),
                   qPrintable(u"%1, %2"_s.arg(x).arg(y)));
        }
      }
    }
    for (int y = inner.top(); y < inner.bottom(); ++y) {
      for (const int x : {inner.left() - 3, inner.right() + 4}) {
        QVERIFY(!near(image.pixelColor(x, y), light.series[3]));
      }
    }
    QVERIFY(countOf(image.copy(inner), light.series[3]) +
                countOf(image.copy(inner), light.series[1]) >
            20);
    plot->setFollowing(true);
  }

  void exportKeepsTheScreenAsItIs() {
    PlotView* view = m_cards[0]->view();
    QTest::qWait(60);
    const QImage before = view->grab().toImage();
    PictureOptions options;
    options.format = PictureFormat::kPdf;
    pictureBytes(*view, m_cards[0]->info(), options);
    QTest::qWait(60);
    QCOMPARE(view->grab().toImage(), before);
  }

  void copyGivesAnImageAtTwiceTheSizeAndTheNumbers() {
    QSignalSpy messages(m_cards[0].get(), &PlotCard::message);
    m_cards[0]->copyPicture();
    QTRY_COMPARE(messages.size(), 1);
    const QMimeData* mime = QGuiApplication::clipboard()->mimeData();
    QVERIFY(mime->hasImage());
    const QImage image = qvariant_cast<QImage>(mime->imageData());
    QCOMPARE(image.size(), m_cards[0]->view()->size().expandedTo(QSize(480, 300)) * 2);
    const QStringList lines = mime->text().trimmed().split(u'\n');
    QCOMPARE(lines.size(), m_cards[0]->view()->table().rows.size() + 1);
  }

  void anUnwritableTargetIsToldAndNothingIsLost() {
    QVERIFY(writeFile(u"/proc/nothing/here.png"_s, "x").contains(u"Could not write"_s));
    QVERIFY(writeFile(u"/dev/full"_s, QByteArray(100000, 'x')).contains(u"Could not write"_s));
    const QString path = m_folder.filePath(u"kept.png"_s);
    QCOMPARE(writeFile(path, "old"), QString());
    // A folder in which no new file can be made keeps the old one whole.
    PictureExportDialog dialog(*m_cards[0]->view(), m_cards[0]->info(), u"bars"_s);
    dialog.setFile(u"/dev/full"_s);
    dialog.show();
    const auto* error = dialog.findChild<QLabel*>(u"error"_s);
    QVERIFY(error->isHidden());
    dialog.accept();
    QTRY_VERIFY(error->text().contains(u"Could not write"_s));
    QVERIFY(!error->isHidden());
    QVERIFY(dialog.isVisible());
    QVERIFY(dialog.writtenFile().isEmpty());
    dialog.setFile(m_folder.filePath(u"bars.svg"_s));
    QCOMPARE(dialog.options().format, PictureFormat::kSvg);
    dialog.accept();
    QTRY_VERIFY(!dialog.isVisible());
    QVERIFY(error->isHidden());
    QVERIFY(QFileInfo(m_folder.filePath(u"bars.svg"_s)).size() > 2000);
    QFile kept(path);
    QVERIFY(kept.open(QIODevice::ReadOnly));
    QCOMPARE(kept.readAll(), QByteArray("old"));
  }
};

QTEST_MAIN(ExportTest)
#include "export_uitest.moc"
