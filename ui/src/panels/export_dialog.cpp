// SPDX-License-Identifier: GPL-3.0-or-later
#include "panels/export_dialog.h"

#include <QCheckBox>
#include <QComboBox>
#include <QDialogButtonBox>
#include <QDir>
#include <QFileDialog>
#include <QFormLayout>
#include <QLabel>
#include <QLineEdit>
#include <QPushButton>
#include <QSettings>
#include <QSpinBox>
#include <QStandardPaths>
#include <QStyle>
#include <QVBoxLayout>

#include "bridge/background.h"
#include "plots/plot_view.h"

using namespace Qt::StringLiterals;

namespace mxscope::ui {

PictureExportDialog::PictureExportDialog(const PlotView& view, const PlotInfo& info,
                                         const QString& fileStem, QWidget* parent)
    : QDialog(parent), m_view(view), m_info(info) {
  setWindowTitle(tr("Export %1").arg(info.title));
  QSettings settings;
  settings.beginGroup(u"picture-export"_s);
  auto* layout = new QVBoxLayout(this);
  layout->setSpacing(10);
  m_preview = new QLabel(this);
  m_preview->setAlignment(Qt::AlignCenter);
  m_preview->setFixedSize(520, 300);
  m_preview->setAccessibleName(tr("Preview"));
  layout->addWidget(m_preview, 0, Qt::AlignHCenter);

  auto* form = new QFormLayout;
  m_format = new QComboBox(this);
  m_format->addItem(tr("PNG picture"), int(PictureFormat::kPng));
  m_format->addItem(tr("SVG drawing"), int(PictureFormat::kSvg));
  m_format->addItem(tr("PDF page"), int(PictureFormat::kPdf));
  m_format->setCurrentIndex(settings.value("format", 0).toInt());
  form->addRow(tr("&Format"), m_format);
  auto* sizeRow = new QHBoxLayout;
  m_width = new QSpinBox(this);
  m_height = new QSpinBox(this);
  m_width->setRange(240, 4000);
  m_height->setRange(160, 4000);
  m_width->setValue(settings.value("width", 900).toInt());
  m_height->setValue(settings.value("height", 520).toInt());
  m_width->setAccessibleName(tr("Width in pixels"));
  m_height->setAccessibleName(tr("Height in pixels"));
  sizeRow->addWidget(m_width);
  sizeRow->addWidget(new QLabel(u"×"_s, this));
  sizeRow->addWidget(m_height);
  m_scale = new QComboBox(this);
  for (const int scale : {1, 2, 3}) {
    m_scale->addItem(tr("at %1× (%2 dpi)").arg(scale).arg(96 * scale), scale);
  }
  m_scale->setCurrentIndex(settings.value("scale", 1).toInt());
  m_scale->setAccessibleName(tr("Resolution"));
  sizeRow->addWidget(m_scale);
  sizeRow->addStretch();
  auto* sizeLabel = new QLabel(tr("&Size"), this);
  sizeLabel->setBuddy(m_width);
  form->addRow(sizeLabel, sizeRow);
  m_asOnScreen = new QCheckBox(tr("&As on screen (otherwise light)"), this);
  m_caption = new QCheckBox(tr("&Caption with protocol, baseline and hashes"), this);
  m_caption->setChecked(settings.value("caption", false).toBool());
  form->addRow(QString(), m_asOnScreen);
  form->addRow(QString(), m_caption);
  auto* fileRow = new QHBoxLayout;
  const QString folder =
      settings.value("folder", QStandardPaths::writableLocation(QStandardPaths::DocumentsLocation))
          .toString();
  m_file = new QLineEdit(QDir(QFileInfo::exists(folder) ? folder : QDir::homePath())
                             .filePath(QString(fileStem + u'.' + endingOf(options().format))),
                         this);
  auto* browse = new QPushButton(tr("&Browse…"), this);
  fileRow->addWidget(m_file, 1);
  fileRow->addWidget(browse);
  auto* fileLabel = new QLabel(tr("F&ile"), this);
  fileLabel->setBuddy(m_file);
  form->addRow(fileLabel, fileRow);
  layout->addLayout(form);
  m_error = new QLabel(this);
  m_error->setObjectName(u"error"_s);
  m_error->setProperty("role", u"worse"_s);
  m_error->setWordWrap(true);
  m_error->hide();
  layout->addWidget(m_error);
  auto* buttons = new QDialogButtonBox(QDialogButtonBox::Cancel, this);
  m_save = buttons->addButton(tr("Export"), QDialogButtonBox::AcceptRole);
  m_save->setProperty("role", u"primary"_s);
  m_save->style()->unpolish(m_save);
  m_save->style()->polish(m_save);
  m_save->setDefault(true);
  layout->addWidget(buttons);

  connect(buttons, &QDialogButtonBox::accepted, this, &PictureExportDialog::accept);
  connect(buttons, &QDialogButtonBox::rejected, this, &QDialog::reject);
  connect(m_format, &QComboBox::currentIndexChanged, this, [this] {
    QFileInfo file(m_file->text());
    m_file->setText(
        QDir(file.path())
            .filePath(QString(file.completeBaseName() + u'.' + endingOf(options().format))));
    m_scale->setEnabled(options().format == PictureFormat::kPng);
  });
  m_scale->setEnabled(options().format == PictureFormat::kPng);
  for (QSpinBox* box : {m_width, m_height}) {
    connect(box, &QSpinBox::valueChanged, this, &PictureExportDialog::showPreview);
  }
  connect(m_asOnScreen, &QCheckBox::toggled, this, &PictureExportDialog::showPreview);
  connect(m_caption, &QCheckBox::toggled, this, &PictureExportDialog::showPreview);
  connect(browse, &QPushButton::clicked, this, [this] {
    const QString path = QFileDialog::getSaveFileName(
        this, windowTitle(), m_file->text(),
        tr("PNG picture (*.png);;SVG drawing (*.svg);;PDF page (*.pdf)"), nullptr,
        QFileDialog::DontConfirmOverwrite);
    if (!path.isEmpty()) {
      setFile(path);
    }
  });
  showPreview();
}

void PictureExportDialog::setFile(const QString& path) {
  m_file->setText(path);
  const QSignalBlocker blocker(m_format);
  m_format->setCurrentIndex(m_format->findData(int(pictureFormatOf(path))));
  m_scale->setEnabled(options().format == PictureFormat::kPng);
}

PictureOptions PictureExportDialog::options() const {
  PictureOptions options;
  options.format = PictureFormat(m_format->currentData().toInt());
  options.size = QSize(m_width->value(), m_height->value());
  options.scale = m_scale->currentData().toInt();
  options.asOnScreen = m_asOnScreen->isChecked();
  options.caption = m_caption->isChecked();
  return options;
}

void PictureExportDialog::showPreview() {
  m_previewWanted = true;
  if (m_previewing) {
    return;  // the newest choice is drawn when the one at work is done
  }
  m_previewing = true;
  m_previewWanted = false;
  PictureOptions options = this->options();
  options.format = PictureFormat::kPng;
  const double ratio = devicePixelRatioF();
  const QSize shown = options.size.scaled(m_preview->size(), Qt::KeepAspectRatio);
  options.scale = ratio * shown.width() / options.size.width();
  inBackground(
      this, [drawn = drawPlot(m_view, m_info, options)] { return toImage(drawn); },
      [this, ratio](QImage&& image) {
        QPixmap pixmap = QPixmap::fromImage(std::move(image));
        pixmap.setDevicePixelRatio(ratio);
        m_preview->setPixmap(pixmap);
        m_previewing = false;
        if (m_previewWanted) {
          showPreview();
        }
      });
}

void PictureExportDialog::accept() {
  if (m_file->text().trimmed().isEmpty()) {
    m_error->setText(tr("Name a file to write to."));
    m_error->show();
    return;
  }
  if (!m_save->isEnabled()) {
    return;  // is being written
  }
  m_save->setEnabled(false);
  m_save->setText(tr("Writing…"));
  m_error->hide();
  const QString path = m_file->text();
  inBackground(
      this,
      [path, drawn = drawPlot(m_view, m_info, options())] {
        return writeFile(path, toBytes(drawn));
      },
      [this, path](QString&& error) { finish(path, error); });
}

void PictureExportDialog::finish(const QString& path, const QString& error) {
  m_save->setEnabled(true);
  m_save->setText(tr("Export"));
  if (!error.isEmpty()) {
    m_error->setText(error);
    m_error->show();
    return;
  }
  m_written = path;
  QSettings settings;
  settings.beginGroup(u"picture-export"_s);
  settings.setValue("format", m_format->currentIndex());
  settings.setValue("width", m_width->value());
  settings.setValue("height", m_height->value());
  settings.setValue("scale", m_scale->currentIndex());
  settings.setValue("caption", m_caption->isChecked());
  settings.setValue("folder", QFileInfo(m_written).absolutePath());
  QDialog::accept();
}

}  // namespace mxscope::ui
