// SPDX-License-Identifier: GPL-3.0-or-later
#include "panels/sweep_dialog.h"

#include <QCheckBox>
#include <QComboBox>
#include <QDialogButtonBox>
#include <QFormLayout>
#include <QLabel>
#include <QLineEdit>
#include <QListWidget>
#include <QPushButton>
#include <QVBoxLayout>
#include <algorithm>

#include "panels/choice_delegate.h"

namespace mxscope::ui {

SweepDialog::SweepDialog(const mxscope::Experiment& experiment, QWidget* parent) : QDialog(parent) {
  setObjectName(QStringLiteral("sweepDialog"));
  setWindowTitle(tr("Layer sweep"));
  const mxscope::SweepEntry now = experiment.sweep.value_or(mxscope::SweepEntry());
  auto* layout = new QVBoxLayout(this);
  auto* text =
      new QLabel(tr("A sweep quantises one place at a time and fills the heat map of layer "
                    "sensitivity."),
                 this);
  text->setWordWrap(true);
  layout->addWidget(text);
  m_on = new QCheckBox(tr("&Sweep in this experiment"), this);
  m_on->setObjectName(QStringLiteral("sweepOn"));
  m_on->setChecked(true);
  layout->addWidget(m_on);
  auto* form = new QFormLayout;
  layout->addLayout(form);
  m_over = new QComboBox(this);
  m_over->setObjectName(QStringLiteral("sweepOver"));
  m_over->addItem(tr("each block"), static_cast<int>(mxscope::SweepOver::kBlock));
  m_over->addItem(tr("each linear"), static_cast<int>(mxscope::SweepOver::kLinear));
  m_over->addItem(tr("each role"), static_cast<int>(mxscope::SweepOver::kRole));
  m_over->setCurrentIndex(m_over->findData(static_cast<int>(now.over)));
  form->addRow(tr("&Over"), m_over);
  m_formats = new QListWidget(this);
  m_formats->setObjectName(QStringLiteral("sweepFormats"));
  m_formats->setAccessibleName(tr("Formats of the sweep"));
  QList<std::pair<QString, int>> formats = formatChoices({});
  formats.removeFirst();
  for (const auto& [label, value] : formats) {
    auto* item = new QListWidgetItem(label, m_formats);
    item->setData(Qt::UserRole, value);
    item->setFlags(Qt::ItemIsEnabled | Qt::ItemIsSelectable | Qt::ItemIsUserCheckable);
    const auto format = static_cast<mxscope::Format>(value);
    const bool on = experiment.sweep ? std::find(now.formats.begin(), now.formats.end(), format) !=
                                           now.formats.end()
                                     : format == mxscope::Format::kMxfp4E2m1;
    item->setCheckState(on ? Qt::Checked : Qt::Unchecked);
  }
  form->addRow(tr("&Formats"), m_formats);
  m_block = new QComboBox(this);
  for (const auto& [label, value] : blockChoices()) {
    m_block->addItem(label, value);
  }
  m_block->setCurrentIndex(m_block->findData(static_cast<int>(now.block.value_or(32))));
  form->addRow(tr("&Block"), m_block);
  QStringList match;
  for (const std::string& selector : now.match) {
    match << QString::fromStdString(selector);
  }
  m_match = new QLineEdit(match.join(QLatin1Char(' ')), this);
  m_match->setPlaceholderText(tr("all layers"));
  form->addRow(tr("Only &layers"), m_match);
  auto* buttons = new QDialogButtonBox(QDialogButtonBox::Ok | QDialogButtonBox::Cancel, this);
  m_ok = buttons->button(QDialogButtonBox::Ok);
  m_ok->setProperty("role", QStringLiteral("primary"));
  layout->addWidget(buttons);
  connect(buttons, &QDialogButtonBox::accepted, this, &SweepDialog::accept);
  connect(buttons, &QDialogButtonBox::rejected, this, &SweepDialog::reject);
  connect(m_on, &QCheckBox::toggled, this, &SweepDialog::refresh);
  connect(m_formats, &QListWidget::itemChanged, this, &SweepDialog::refresh);
  refresh();
}

std::optional<mxscope::SweepEntry> SweepDialog::sweep() const {
  if (!m_on->isChecked()) {
    return std::nullopt;
  }
  mxscope::SweepEntry entry;
  entry.over = static_cast<mxscope::SweepOver>(m_over->currentData().toInt());
  for (int i = 0; i < m_formats->count(); ++i) {
    if (m_formats->item(i)->checkState() == Qt::Checked) {
      entry.formats.push_back(
          static_cast<mxscope::Format>(m_formats->item(i)->data(Qt::UserRole).toInt()));
    }
  }
  if (m_block->currentData().toInt() != 32) {
    entry.block = m_block->currentData().toInt();
  }
  for (const QString& word : m_match->text().split(QLatin1Char(' '), Qt::SkipEmptyParts)) {
    entry.match.push_back(word.toStdString());
  }
  return entry;
}

void SweepDialog::refresh() {
  const bool on = m_on->isChecked();
  for (QWidget* field : {static_cast<QWidget*>(m_over), static_cast<QWidget*>(m_formats),
                         static_cast<QWidget*>(m_block), static_cast<QWidget*>(m_match)}) {
    field->setEnabled(on);
  }
  const std::optional<mxscope::SweepEntry> entry = sweep();
  m_ok->setEnabled(!entry || !entry->formats.empty());
}

}  // namespace mxscope::ui
