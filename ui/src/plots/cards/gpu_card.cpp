// SPDX-License-Identifier: GPL-3.0-or-later
#include "plots/cards/gpu_card.h"

#include <QComboBox>
#include <QCoreApplication>
#include <QGridLayout>
#include <QLabel>
#include <QToolButton>
#include <QVBoxLayout>

#include "plots/memory_plot.h"
#include "plots/number_text.h"
#include "theme/theme.h"

using namespace Qt::StringLiterals;

namespace mxscope::ui {
namespace {

constexpr double kGiB = 1024.0 * 1024.0 * 1024.0;

bool isGpu(const QString& device) { return device != "cpu"_L1 && device != "host"_L1; }

QString deviceTitle(const DeviceHistory& device) {
  const QString id = device.device;
  const QString index = id.section(u':', 1, 1);
  if (!isGpu(id)) {
    return QCoreApplication::translate("GpuCard", "Memory of this machine");
  }
  QString name = device.name;
  name.remove("NVIDIA "_L1).remove("GeForce "_L1);
  const QString title = QString(u"GPU "_s + (index.isEmpty() ? id : index));
  return name.isEmpty() ? title : QString(title + u" · "_s + name);
}

}  // namespace

GpuCard::GpuCard(Workspace* workspace, QWidget* parent)
    : PlotCard(u"gpu"_s, tr("GPU"), new MemoryPlot, parent),
      m_workspace(workspace),
      m_history(static_cast<MemoryPlot*>(view())) {
  m_device = new QComboBox(this);
  m_device->setAccessibleName(tr("Device shown"));
  m_device->hide();
  addHeaderWidget(m_device);
  connect(m_device, &QComboBox::activated, this, &GpuCard::updateNow);
  setEmptyState(u"cpu"_s, tr("No GPU found. Runs use the CPU."),
                tr("Memory is shown here while a job runs."));

  auto* box = m_box = new QWidget(this);
  auto* boxLayout = new QVBoxLayout(box);
  boxLayout->setContentsMargins(12, 0, 12, 10);
  boxLayout->setSpacing(4);
  m_legend = new QLabel(box);
  m_legend->setTextFormat(Qt::RichText);
  m_legend->setWordWrap(true);
  boxLayout->addWidget(m_legend);
  m_note = new QLabel(tr("No GPU found. Runs use the CPU."), box);
  m_note->setProperty("role", u"dim"_s);
  m_note->setWordWrap(true);
  m_note->hide();
  boxLayout->addWidget(m_note);
  m_figures = new QGridLayout;
  m_figures->setHorizontalSpacing(12);
  m_figures->setVerticalSpacing(3);
  m_figures->setColumnStretch(1, 1);
  boxLayout->addLayout(m_figures);
  layout()->addWidget(box);

  connect(workspace, &Workspace::memoryBatch, this, [this] {
    if (isVisible()) {
      updateNow();
    }
  });
  connect(workspace, &Workspace::wasReset, this, &GpuCard::updateNow);
  connect(&Theme::instance(), &Theme::changed, this, &GpuCard::updateNow);
  setInfoProvider([this] {
    PlotInfo info;
    info.fields = {{u"device"_s, title()},
                   {u"date"_s, QDateTime::currentDateTimeUtc().toString(Qt::ISODate)},
                   {u"application"_s, QString(u"MXScope "_s + QLatin1String(MXSCOPE_VERSION))}};
    return info;
  });
  updateNow();
}

void GpuCard::showEvent(QShowEvent* event) {
  PlotCard::showEvent(event);
  updateNow();
}

void GpuCard::addFigure(const QString& name, const QString& text) {
  if (m_used == m_rows.size()) {
    auto* label = new QLabel(this);
    auto* value = new QLabel(this);
    label->setProperty("role", u"dim"_s);
    value->setAlignment(Qt::AlignRight | Qt::AlignVCenter);
    value->setTextFormat(Qt::RichText);
    value->setTextInteractionFlags(Qt::TextSelectableByMouse);
    m_figures->addWidget(label, m_used, 0);
    m_figures->addWidget(value, m_used, 1);
    m_rows.append(qMakePair(label, value));
  }
  auto [label, value] = m_rows[m_used++];
  label->setText(name);
  value->setText(text);
  value->setAccessibleName(name);
  label->show();
  value->show();
}

QString GpuCard::figure(const QString& name) const {
  for (int i = 0; i < m_used; ++i) {
    if (m_rows[i].first->text() == name) {
      QString text = m_rows[i].second->text();
      return text.remove("<b>"_L1).remove("</b>"_L1);
    }
  }
  return {};
}

void GpuCard::updateNow() {
  QStringList gpus;
  QString host;
  for (const DeviceHistory& device : m_workspace->devices()) {
    if (isGpu(device.device)) {
      gpus << device.device;
    } else {
      host = device.device;
    }
  }
  QStringList listed;
  for (int i = 0; i < m_device->count(); ++i) {
    listed << m_device->itemData(i).toString();
  }
  if (listed != gpus) {
    const QString chosen = m_device->currentData().toString();
    m_device->clear();
    for (const QString& gpu : gpus) {
      m_device->addItem(QString(u"GPU "_s + gpu.section(u':', 1, 1)), gpu);
    }
    m_device->setCurrentIndex(std::max(0, m_device->findData(chosen)));
    m_device->setVisible(gpus.size() > 1);
  }
  const QString shown = gpus.isEmpty() ? host : m_device->currentData().toString();
  const DeviceHistory device = m_workspace->devices().value(shown);
  setTitle(shown.isEmpty() ? tr("GPU") : deviceTitle(device));
  MemoryHistory memory;
  m_used = 0;
  if (!device.samples.empty()) {
    const double now = device.samples.back().time;
    for (const MemorySample& sample : device.samples) {
      memory.time << sample.time - now;
      memory.job << sample.usedByJob / kGiB;
      memory.others << sample.usedByOthers / kGiB;
      memory.utilisation << sample.utilisation.value_or(kNoNumber);
    }
    const MemorySample& last = device.samples.back();
    memory.total = last.total / kGiB;
    memory.limit = device.limit ? *device.limit / kGiB : kNoNumber;
    memory.peak = device.peakByJob / kGiB;
    const double used = last.usedByJob + last.usedByOthers;
    addFigure(tr("In use"), QString(u"<b>"_s + bytesText(used) + u"</b>"_s +
                                    tr(" of %1").arg(bytesText(last.total))));
    addFigure(tr("This job"), bytesText(last.usedByJob));
    addFigure(tr("Peak of this job"), bytesText(device.peakByJob));
    addFigure(tr("Other processes"), bytesText(last.usedByOthers));
    if (last.utilisation) {
      addFigure(tr("Utilisation"), QString(fixedText(*last.utilisation, 0) + u" %"_s));
    }
    if (last.power || last.temperature) {
      QStringList parts;
      if (last.power) {
        parts << QString(fixedText(*last.power, 0) + u" W"_s);
      }
      if (last.temperature) {
        parts << QString(fixedText(*last.temperature, 0) + u" °C"_s);
      }
      addFigure(tr("Power · temperature"), parts.join(u" · "_s));
    }
  }
  for (qsizetype i = m_used; i < m_rows.size(); ++i) {
    m_rows[i].first->hide();
    m_rows[i].second->hide();
  }
  const bool any = !memory.time.isEmpty();
  m_note->setVisible(gpus.isEmpty() && any);
  const Tokens& t = Theme::instance().tokens();
  const bool load = std::any_of(memory.utilisation.begin(), memory.utilisation.end(),
                                [](double v) { return std::isfinite(v); });
  const auto square = [](const QColor& colour, const QString& sign, const QString& text) {
    return QString(u"<span style='color:"_s + colour.name() + u"'>"_s + sign + u"</span>&nbsp;"_s +
                   text.toHtmlEscaped().replace(u' ', u"&nbsp;"_s));
  };
  QStringList legend{square(t.series[3], u"■"_s, tr("this job")),
                     square(t.neutral, u"■"_s, tr("others")), square(t.worse, u"┅"_s, tr("total"))};
  if (load) {
    legend << square(t.series[1], u"┅"_s, tr("utilisation"));
  }
  m_legend->setText(legend.join(u"&ensp; "_s));
  m_legend->setVisible(any);
  m_history->setData(memory);
  updateGeometry();
}

QSize GpuCard::minimumSizeHint() const {
  constexpr int kPlot = 96;
  const int usual = PlotCard::minimumSizeHint().height();
  const int wide =
      std::max(kLeastWidth, m_box->layout()->totalMinimumSize().width() + frameSize().width());
  return {wide, std::max(usual, leastHeight(wide, kPlot))};
}

}  // namespace mxscope::ui
