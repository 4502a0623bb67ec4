// SPDX-License-Identifier: GPL-3.0-or-later
#include "plots/plot_export.h"

#include <QBuffer>
#include <QCoreApplication>
#include <QDateTime>
#include <QFile>
#include <QFileInfo>
#include <QPageSize>
#include <QPdfWriter>
#include <QSaveFile>
#include <QSvgGenerator>

#include "plots/plot_parts.h"
#include "plots/plot_view.h"
#include "theme/theme.h"

using namespace Qt::StringLiterals;

namespace mxscope::ui {
namespace {

QString creator() {
  const QString version = QCoreApplication::applicationVersion();
  return version.isEmpty() ? u"MXScope"_s : QString(u"MXScope "_s + version);
}

QByteArray xmp(const PlotInfo& info) {
  // Custom fields stand in a namespace of our own, one attribute each, readable by `pdfinfo -meta`.
  QString fields;
  for (const auto& [name, value] : info.fields) {
    QString tag;
    for (const QChar c : name) {
      tag += c.isLetterOrNumber() && c.unicode() < 128 ? c : QChar(u'_');
    }
    fields +=
        u"   <mxscope:"_s + tag + u">"_s + value.toHtmlEscaped() + u"</mxscope:"_s + tag + u">\n"_s;
  }
  const QString packet =
      u"<?xpacket begin='\uFEFF' id='W5M0MpCehiHzreSzNTczkc9d'?>\n"
      "<x:xmpmeta xmlns:x='adobe:ns:meta/'>\n"
      " <rdf:RDF xmlns:rdf='http://www.w3.org/1999/02/22-rdf-syntax-ns#'>\n"
      "  <rdf:Description rdf:about='' xmlns:dc='http://purl.org/dc/elements/1.1/' "
      "xmlns:xmp='http://ns.adobe.com/xap/1.0/' xmlns:mxscope='urn:mxscope:export:1'>\n"
      "   <dc:title><rdf:Alt><rdf:li xml:lang='x-default'>%1</rdf:li></rdf:Alt></dc:title>\n"
      "   <dc:description><rdf:Alt><rdf:li xml:lang='x-default'>%2</rdf:li></rdf:Alt>"
      "</dc:description>\n"
      "   <xmp:CreatorTool>%3</xmp:CreatorTool>\n"
      "   <xmp:CreateDate>%4</xmp:CreateDate>\n%5"
      "  </rdf:Description>\n </rdf:RDF>\n</x:xmpmeta>\n<?xpacket end='w'?>\n"_s;
  return packet
      .arg(info.title.toHtmlEscaped(), info.caption().toHtmlEscaped(), creator().toHtmlEscaped(),
           QDateTime::currentDateTimeUtc().toString(Qt::ISODate), fields)
      .toUtf8();
}

}  // namespace

DrawnPlot drawPlot(const PlotView& view, const PlotInfo& info, const PictureOptions& options) {
  std::unique_ptr<PlotView> copy = view.copy();
  copy->setTokens(options.asOnScreen ? view.tokens() : loadTokens(u"light"_s));
  copy->setHeading(info.title, info.subtitle, options.caption ? info.caption() : QString());
  if (options.format == PictureFormat::kSvg) {
    copy->setMaskOutside(true);
  }
  copy->prepare(options.size);
  DrawnPlot drawn{QPicture(), info, options};
  QCPPainter painter;
  painter.begin(&drawn.commands);
  if (options.format == PictureFormat::kPng && options.scale > 1) {
    painter.setMode(QCPPainter::pmNonCosmetic);  // lines that grow with the scale
  }
  copy->plot()->toPainter(&painter, options.size.width(), options.size.height());
  painter.end();
  return drawn;
}

QImage toImage(DrawnPlot drawn) {
  const PictureOptions& options = drawn.options;
  QImage image((QSizeF(options.size) * options.scale).toSize(), QImage::Format_RGB32);
  image.fill(Qt::white);
  QPainter painter(&image);
  painter.scale(options.scale, options.scale);
  drawn.commands.play(&painter);
  painter.end();
  image.setDotsPerMeterX(int(96.0 * options.scale / 0.0254));
  image.setDotsPerMeterY(int(96.0 * options.scale / 0.0254));
  image.setText(u"Title"_s, drawn.info.title);
  image.setText(u"Software"_s, creator());
  image.setText(u"Description"_s, drawn.info.caption());
  for (const auto& [name, value] : drawn.info.fields) {
    image.setText(name, value);
  }
  return image;
}

QByteArray toBytes(DrawnPlot drawn) {
  const PictureOptions& options = drawn.options;
  const PlotInfo& info = drawn.info;
  QBuffer buffer;
  buffer.open(QIODevice::WriteOnly);
  switch (options.format) {
    case PictureFormat::kPng:
      toImage(drawn).save(&buffer, "PNG");
      break;
    case PictureFormat::kSvg: {
      QSvgGenerator generator;
      generator.setOutputDevice(&buffer);
      generator.setResolution(96);
      generator.setSize(options.size);
      generator.setViewBox(QRect(QPoint(), options.size));
      generator.setTitle(info.title);
      generator.setDescription(QString(info.caption() + u" · "_s + creator()));
      QPainter painter(&generator);
      drawn.commands.play(&painter);
      painter.end();
      break;
    }
    case PictureFormat::kPdf: {
      QPdfWriter writer(&buffer);
      writer.setResolution(96);
      writer.setPageSize(QPageSize(QSizeF(options.size) * 72.0 / 96.0, QPageSize::Point, QString(),
                                   QPageSize::ExactMatch));
      writer.setPageMargins(QMarginsF(0, 0, 0, 0));
      writer.setTitle(info.title);
      writer.setCreator(creator());
      writer.setDocumentXmpMetadata(xmp(info));
      QPainter painter(&writer);
      painter.setRenderHint(QPainter::LosslessImageRendering);
      drawn.commands.play(&painter);
      painter.end();
      break;
    }
  }
  return buffer.data();
}

QImage renderPicture(const PlotView& view, const PlotInfo& info, const PictureOptions& options) {
  return toImage(drawPlot(view, info, options));
}

QByteArray pictureBytes(const PlotView& view, const PlotInfo& info, const PictureOptions& options) {
  return toBytes(drawPlot(view, info, options));
}

QString writeFile(const QString& path, const QByteArray& bytes) {
  const QFileInfo target(path);
  QString reason;
  if (target.exists() && !target.isFile()) {
    // A device or pipe is written to as it is: renaming onto it would replace it by a file.
    QFile file(path);
    const bool written = file.open(QIODevice::WriteOnly | QIODevice::Unbuffered) &&
                         file.write(bytes) == bytes.size();
    reason = written ? QString() : file.errorString();
  } else {
    QSaveFile file(path);
    const bool written = file.open(QIODevice::WriteOnly) && file.write(bytes) == bytes.size() &&
                         file.flush() && file.commit();
    reason = written ? QString() : file.errorString();
  }
  if (reason.isEmpty()) {
    return {};
  }
  return QCoreApplication::translate(
             "PlotExport", "Could not write %1: %2. Nothing was changed; choose another place.")
      .arg(target.absoluteFilePath(), reason);
}

PictureFormat pictureFormatOf(const QString& path) {
  const QString ending = QFileInfo(path).suffix().toLower();
  return ending == "svg"_L1   ? PictureFormat::kSvg
         : ending == "pdf"_L1 ? PictureFormat::kPdf
                              : PictureFormat::kPng;
}

QString endingOf(PictureFormat format) {
  return format == PictureFormat::kSvg   ? u"svg"_s
         : format == PictureFormat::kPdf ? u"pdf"_s
                                         : u"png"_s;
}

}  // namespace mxscope::ui
