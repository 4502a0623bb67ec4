// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QStyledItemDelegate>

namespace mxscope::ui {

// Edits a cell with a list of choices (label, value); the cell's EditRole is the value. With
// `free` the text may also be typed: whole numbers from 0.
class ChoiceDelegate : public QStyledItemDelegate {
  Q_OBJECT

 public:
  ChoiceDelegate(QList<std::pair<QString, int>> choices, bool free, QObject* parent = nullptr);
  QWidget* createEditor(QWidget* parent, const QStyleOptionViewItem& option,
                        const QModelIndex& index) const override;
  void setEditorData(QWidget* editor, const QModelIndex& index) const override;
  void setModelData(QWidget* editor, QAbstractItemModel* model,
                    const QModelIndex& index) const override;

 private:
  QList<std::pair<QString, int>> m_choices;
  bool m_free;
};

// All formats with their labels; `none` says what it means for this operand.
[[nodiscard]] QList<std::pair<QString, int>> formatChoices(const QString& none);
[[nodiscard]] QList<std::pair<QString, int>> blockChoices();
[[nodiscard]] QList<std::pair<QString, int>> scaleChoices();

}  // namespace mxscope::ui
