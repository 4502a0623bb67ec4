// SPDX-License-Identifier: GPL-3.0-or-later
#include "panels/choice_delegate.h"

#include <QComboBox>
#include <QIntValidator>
#include <QLineEdit>

#include "models/experiment_document.h"

namespace mxscope::ui {

ChoiceDelegate::ChoiceDelegate(QList<std::pair<QString, int>> choices, bool free, QObject* parent)
    : QStyledItemDelegate(parent), m_choices(std::move(choices)), m_free(free) {}

QWidget* ChoiceDelegate::createEditor(QWidget* parent, const QStyleOptionViewItem& option,
                                      const QModelIndex& index) const {
  Q_UNUSED(option)
  auto* box = new QComboBox(parent);
  box->setObjectName(QStringLiteral("cellEditor"));
  box->setAccessibleName(index.model()->headerData(index.column(), Qt::Horizontal).toString());
  for (const auto& [label, value] : m_choices) {
    box->addItem(label, value);
  }
  box->setEditable(m_free);
  if (m_free) {
    box->lineEdit()->setValidator(new QIntValidator(0, 1 << 20, box));
    box->setInsertPolicy(QComboBox::NoInsert);
  }
  // A choice is taken at once; it would otherwise wait until the focus leaves the cell.
  connect(box, &QComboBox::activated, this, [this, box] {
    auto* self = const_cast<ChoiceDelegate*>(this);
    Q_EMIT self->commitData(box);
    Q_EMIT self->closeEditor(box);
  });
  return box;
}

void ChoiceDelegate::setEditorData(QWidget* editor, const QModelIndex& index) const {
  auto* box = qobject_cast<QComboBox*>(editor);
  const int value = index.data(Qt::EditRole).toInt();
  const int at = box->findData(value);
  box->setCurrentIndex(at);
  if (at < 0 && m_free) {
    box->setEditText(index.data(Qt::DisplayRole).toString());
  }
  box->setMinimumWidth(std::max(box->sizeHint().width(), 90));
}

void ChoiceDelegate::setModelData(QWidget* editor, QAbstractItemModel* model,
                                  const QModelIndex& index) const {
  auto* box = qobject_cast<QComboBox*>(editor);
  const int at = m_free ? box->findText(box->currentText()) : box->currentIndex();
  bool typed = false;
  const int number = box->currentText().toInt(&typed);
  if (at >= 0) {
    model->setData(index, box->itemData(at), Qt::EditRole);
  } else if (m_free && typed) {
    model->setData(index, number, Qt::EditRole);
  }
}

QList<std::pair<QString, int>> formatChoices(const QString& none) {
  QList<std::pair<QString, int>> choices;
  for (const mxscope::FormatInfo& info : mxscope::all_formats()) {
    choices << std::pair(info.format == mxscope::Format::kNone ? none : formatLabel(info.format),
                         static_cast<int>(info.format));
  }
  return choices;
}

QList<std::pair<QString, int>> blockChoices() {
  return {{QStringLiteral("8"), 8},   {QStringLiteral("16"), 16},   {QStringLiteral("32"), 32},
          {QStringLiteral("64"), 64}, {QStringLiteral("128"), 128}, {ChoiceDelegate::tr("row"), 0}};
}

QList<std::pair<QString, int>> scaleChoices() {
  QList<std::pair<QString, int>> choices;
  int value = 0;
  for (const std::string_view name : mxscope::scale_rule_names()) {
    choices << std::pair(QString::fromUtf8(name.data(), static_cast<qsizetype>(name.size())),
                         value++);
  }
  return choices;
}

}  // namespace mxscope::ui
