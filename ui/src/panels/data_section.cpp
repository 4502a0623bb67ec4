// SPDX-License-Identifier: GPL-3.0-or-later
#include <QComboBox>
#include <QDir>
#include <QFileDialog>
#include <QFileInfo>
#include <QFormLayout>
#include <QHBoxLayout>
#include <QLabel>
#include <QLineEdit>
#include <QMenu>
#include <QSpinBox>
#include <QStyle>
#include <QToolButton>
#include <algorithm>

#include "bridge/engine_client.h"
#include "panels/builder_sections.h"
#include "theme/icons.h"

namespace mxscope::ui {

namespace {

QString fromView(std::string_view text) {
  return QString::fromUtf8(text.data(), static_cast<qsizetype>(text.size()));
}

// 0 means "not set" and shows what is then used.
QSpinBox* optionalSpin(const QString& name, const QString& label, const QString& unset, int maximum,
                       QWidget* parent) {
  auto* spin = new QSpinBox(parent);
  spin->setObjectName(name);
  spin->setAccessibleName(label);
  spin->setRange(0, maximum);
  spin->setSpecialValueText(unset);
  spin->setKeyboardTracking(false);
  spin->setMinimumWidth(70);
  return spin;
}

QLabel* problemLabel(QWidget* parent) {
  auto* label = new QLabel(parent);
  label->setWordWrap(true);
  label->setProperty("role", QStringLiteral("worse"));
  label->hide();
  return label;
}

void showProblem(QLabel* label, QWidget* field, const QString& sentence) {
  label->setText(sentence);
  label->setVisible(!sentence.isEmpty());
  const bool invalid = !sentence.isEmpty();
  if (field->property("invalid").toBool() != invalid) {
    field->setProperty("invalid", invalid);
    field->style()->polish(field);
  }
}

}  // namespace

DataSection::DataSection(ExperimentDocument* document, EngineClient* engine, QWidget* parent)
    : Section(tr("Data and protocol"), parent), m_document(document), m_engine(engine) {
  setObjectName(QStringLiteral("dataSection"));
  auto* content = new QWidget(this);
  auto* form = new QFormLayout(content);
  form->setContentsMargins(0, 0, 0, 0);
  form->setVerticalSpacing(4);
  form->setHorizontalSpacing(8);
  form->setFieldGrowthPolicy(QFormLayout::AllNonFixedFieldsGrow);

  m_source = new QLineEdit(content);
  m_source->setObjectName(QStringLiteral("dataSource"));
  m_source->setPlaceholderText(tr("Text file, or wikitext2"));
  m_source->setAccessibleName(tr("Text to evaluate on"));
  auto* browse = new QToolButton(content);
  browse->setIcon(icon(QStringLiteral("folder")));
  browse->setAccessibleName(tr("Choose a text file…"));
  browse->setToolTip(tr("Choose a text file…"));
  auto* sourceLine = new QHBoxLayout;
  sourceLine->setSpacing(2);
  sourceLine->addWidget(m_source, 1);
  sourceLine->addWidget(browse);
  auto* textLabel = new QLabel(tr("Te&xt"), content);
  textLabel->setBuddy(m_source);
  form->addRow(textLabel, sourceLine);
  m_sourceProblem = problemLabel(content);
  form->addRow(m_sourceProblem);

  m_rows = new QComboBox(content);
  m_rows->setObjectName(QStringLiteral("dataRows"));
  m_rows->setAccessibleName(tr("What one sample is"));
  m_rows->setToolTip(tr("What one sample is; auto: the whole file for text, records otherwise"));
  for (const std::string_view name : mxscope::sample_rows_names()) {
    m_rows->addItem(fromView(name));
  }
  m_samples = optionalSpin(QStringLiteral("maxSamples"), tr("Most samples read"), tr("all"),
                           100000000, content);
  auto* rowsLine = new QHBoxLayout;
  rowsLine->setSpacing(4);
  rowsLine->addWidget(m_rows, 1);
  rowsLine->addWidget(m_samples, 1);
  form->addRow(tr("Samples"), rowsLine);

  m_protocol = new QComboBox(content);
  m_protocol->setObjectName(QStringLiteral("protocolChooser"));
  m_protocol->setAccessibleName(tr("Protocol"));
  for (const std::string_view name : mxscope::protocol_kind_names()) {
    m_protocol->addItem(fromView(name));
  }
  m_windows = optionalSpin(QStringLiteral("maxWindows"), tr("Most windows"), tr("all windows"),
                           100000000, content);
  m_windows->setToolTip(tr("Most windows that are evaluated"));
  auto* protocolLine = new QHBoxLayout;
  protocolLine->setSpacing(4);
  protocolLine->addWidget(m_protocol, 1);
  protocolLine->addWidget(m_windows, 1);
  form->addRow(tr("Protocol"), protocolLine);
  m_context = optionalSpin(QStringLiteral("context"), tr("Context in tokens"), tr("auto"), 10000000,
                           content);
  m_context->setToolTip(tr("Tokens of a window; auto: by protocol and model"));
  m_stride = optionalSpin(QStringLiteral("stride"), tr("Stride in tokens"), tr("stride: same"),
                          10000000, content);
  m_stride->setToolTip(tr("Tokens from one window's begin to the next one's"));
  auto* contextLine = new QHBoxLayout;
  contextLine->setSpacing(4);
  contextLine->addWidget(m_context, 1);
  contextLine->addWidget(m_stride, 1);
  form->addRow(tr("Context"), contextLine);
  m_contextProblem = problemLabel(content);
  form->addRow(m_contextProblem);

  m_devices = new QToolButton(content);
  m_devices->setObjectName(QStringLiteral("deviceChooser"));
  m_devices->setAccessibleName(tr("Devices"));
  m_devices->setPopupMode(QToolButton::InstantPopup);
  m_devices->setToolButtonStyle(Qt::ToolButtonTextBesideIcon);
  m_devices->setIcon(icon(QStringLiteral("cpu")));
  m_devices->setSizePolicy(QSizePolicy::Expanding, QSizePolicy::Fixed);
  m_deviceMenu = new QMenu(m_devices);
  m_devices->setMenu(m_deviceMenu);
  m_batch = optionalSpin(QStringLiteral("batch"), tr("Windows per micro-batch"), tr("batch: auto"),
                         4096, content);
  m_batch->setToolTip(tr("Windows per micro-batch; it is part of the contract"));
  auto* deviceLine = new QHBoxLayout;
  deviceLine->setSpacing(4);
  deviceLine->addWidget(m_devices, 1);
  deviceLine->addWidget(m_batch, 1);
  form->addRow(tr("Devices"), deviceLine);
  // Fields share the width of the dock, whatever their longest choice is.
  for (QWidget* field : {static_cast<QWidget*>(m_rows), static_cast<QWidget*>(m_protocol),
                         static_cast<QWidget*>(m_devices), static_cast<QWidget*>(m_samples),
                         static_cast<QWidget*>(m_windows), static_cast<QWidget*>(m_context),
                         static_cast<QWidget*>(m_stride), static_cast<QWidget*>(m_batch)}) {
    field->setMinimumWidth(60);
    field->setSizePolicy(QSizePolicy::Ignored, QSizePolicy::Fixed);
  }
  m_source->setMinimumWidth(80);
  setContent(content);

  connect(m_source, &QLineEdit::editingFinished, this, [this] {
    const QString typed = m_source->text().trimmed();
    const std::vector<std::string>& now = m_document->experiment().data.sources;
    if (now.size() > 1 && typed == m_source->property("shown").toString()) {
      return;  // a list is shown joined and not edited here
    }
    m_document->edit(tr("change text to %1").arg(QFileInfo(typed).fileName()),
                     [&typed](mxscope::Experiment& experiment) {
                       experiment.data.sources.clear();
                       if (!typed.isEmpty()) {
                         experiment.data.sources = {typed.toStdString()};
                       }
                     });
  });
  connect(browse, &QToolButton::clicked, this, [this] {
    const QString file = QFileDialog::getOpenFileName(
        this, tr("Text"), m_document->baseDir(),
        tr("Text (*.txt *.raw *.json *.jsonl *.parquet);;All files (*)"));
    if (!file.isEmpty()) {
      m_source->setText(file);
      Q_EMIT m_source->editingFinished();
    }
  });
  connect(m_rows, &QComboBox::activated, this, [this](int index) {
    m_document->edit(tr("change samples"), [index](mxscope::Experiment& experiment) {
      experiment.data.rows = static_cast<mxscope::SampleRows>(index);
    });
  });
  connect(m_protocol, &QComboBox::activated, this, [this](int index) {
    m_document->edit(tr("change protocol to %1").arg(m_protocol->itemText(index)),
                     [index](mxscope::Experiment& experiment) {
                       experiment.protocol.name = static_cast<mxscope::ProtocolKind>(index);
                     });
  });
  const auto bind = [this](QSpinBox* spin, const QString& what,
                           std::optional<std::int64_t>& (*field)(mxscope::Experiment&)) {
    connect(spin, &QSpinBox::valueChanged, this, [this, what, field](int value) {
      m_document->edit(
          tr("change %1 to %2").arg(what).arg(value),
          [value, field](mxscope::Experiment& experiment) {
            field(experiment) = value > 0 ? std::optional<std::int64_t>(value) : std::nullopt;
          },
          what);
    });
  };
  using Field = std::optional<std::int64_t>;
  bind(m_samples, tr("samples"),
       [](mxscope::Experiment& e) -> Field& { return e.data.max_samples; });
  bind(m_windows, tr("windows"),
       [](mxscope::Experiment& e) -> Field& { return e.protocol.max_windows; });
  bind(m_context, tr("context"),
       [](mxscope::Experiment& e) -> Field& { return e.protocol.context; });
  bind(m_stride, tr("stride"), [](mxscope::Experiment& e) -> Field& { return e.protocol.stride; });
  bind(m_batch, tr("batch"), [](mxscope::Experiment& e) -> Field& { return e.compute.batch; });
  connect(m_deviceMenu, &QMenu::aboutToShow, this, &DataSection::rebuildDevices);
  connect(document, &ExperimentDocument::changed, this, &DataSection::refresh);
  connect(document, &ExperimentDocument::modelInfoChanged, this, &DataSection::refresh);
  refresh();
}

void DataSection::focusSource() { m_source->setFocus(Qt::ShortcutFocusReason); }

void DataSection::rebuildDevices() {
  m_deviceMenu->clear();
  const mxscope::DeviceEntry now = m_document->experiment().devices;
  const auto choose = [this](const QString& text, const mxscope::DeviceEntry& entry) {
    m_document->edit(tr("change devices to %1").arg(text),
                     [&entry](mxscope::Experiment& experiment) { experiment.devices = entry; });
  };
  const auto add = [&](const QString& text, const mxscope::DeviceEntry& entry, bool checked) {
    QAction* action = m_deviceMenu->addAction(text);
    action->setCheckable(true);
    action->setChecked(checked);
    connect(action, &QAction::triggered, this, [choose, text, entry] { choose(text, entry); });
  };
  add(tr("Automatic: free GPUs, else the CPU"), {mxscope::DeviceMode::kAuto, {}},
      now.mode == mxscope::DeviceMode::kAuto);
  add(tr("All"), {mxscope::DeviceMode::kAll, {}}, now.mode == mxscope::DeviceMode::kAll);
  m_deviceMenu->addSeparator();
  QStringList ids = {QStringLiteral("cpu")};
  QStringList names = {tr("CPU")};
  if (m_engine->hello()) {
    for (const mxscope::DeviceDescription& device : m_engine->hello()->devices) {
      const QString id = QString::fromStdString(device.id);
      if (id != QLatin1String("cpu")) {
        ids << id;
        names << QStringLiteral("%1 — %2").arg(id, QString::fromStdString(device.name));
      }
    }
  }
  for (const std::string& listed : now.list) {
    const QString id = QString::fromStdString(listed);
    if (!ids.contains(id)) {
      ids << id;
      names << tr("%1 — not found").arg(id);
    }
  }
  for (qsizetype i = 0; i < ids.size(); ++i) {
    const std::string id = ids[i].toStdString();
    const bool checked = now.mode == mxscope::DeviceMode::kList &&
                         std::find(now.list.begin(), now.list.end(), id) != now.list.end();
    mxscope::DeviceEntry toggled{mxscope::DeviceMode::kList, {}};
    if (now.mode == mxscope::DeviceMode::kList) {
      toggled.list = now.list;
    }
    if (checked) {
      std::erase(toggled.list, id);
    } else if (id == "cpu") {
      toggled.list = {id};  // CPU and GPUs are not mixed in one job
    } else {
      std::erase(toggled.list, std::string("cpu"));
      toggled.list.push_back(id);
    }
    if (toggled.list.empty()) {
      toggled.mode = mxscope::DeviceMode::kAuto;
    }
    add(names[i], toggled, checked);
  }
}

void DataSection::refresh() {
  const mxscope::Experiment& experiment = m_document->experiment();
  QStringList sources;
  for (const std::string& source : experiment.data.sources) {
    sources << QString::fromStdString(source);
  }
  const QString shown = sources.join(QStringLiteral(", "));
  if (m_source->property("shown").toString() != shown || !m_source->hasFocus()) {
    m_source->setText(shown);
    m_source->setProperty("shown", shown);
    m_source->setCursorPosition(0);
  }
  m_source->setToolTip(shown);
  m_rows->setCurrentIndex(static_cast<int>(experiment.data.rows));
  m_protocol->setCurrentIndex(static_cast<int>(experiment.protocol.name));
  const auto set = [](QSpinBox* spin, const std::optional<std::int64_t>& value) {
    const QSignalBlocker blocker(spin);
    spin->setValue(static_cast<int>(value.value_or(0)));
  };
  set(m_samples, experiment.data.max_samples);
  set(m_windows, experiment.protocol.max_windows);
  set(m_context, experiment.protocol.context);
  set(m_stride, experiment.protocol.stride);
  set(m_batch, experiment.compute.batch);
  QStringList devices;
  for (const std::string& device : experiment.devices.list) {
    devices << QString::fromStdString(device);
  }
  m_devices->setText(experiment.devices.mode == mxscope::DeviceMode::kAuto ? tr("Automatic")
                     : experiment.devices.mode == mxscope::DeviceMode::kAll
                         ? tr("All")
                         : devices.join(QStringLiteral(", ")));
  // What was not chosen yet is no mistake; the line above the button asks for it.
  showProblem(m_sourceProblem, m_source,
              sources.isEmpty() ? QString() : m_document->issueAt(QStringLiteral("data")));
  QString problem = m_document->issueAt(QStringLiteral("protocol"));
  const int most = m_document->currentModelInfo().maxContext;
  if (problem.isEmpty() && most > 0 && experiment.protocol.context.value_or(0) > most) {
    problem = tr("The model takes at most %1 tokens.").arg(most);
  }
  showProblem(m_contextProblem, m_context, problem);
  setProblem(m_document->issueAt(QStringLiteral("devices")));
}

}  // namespace mxscope::ui
