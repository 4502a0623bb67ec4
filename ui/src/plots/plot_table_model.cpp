// SPDX-License-Identifier: GPL-3.0-or-later
#include "plots/plot_table_model.h"

#include "plots/number_text.h"

namespace mxscope::ui {

void PlotTableModel::setTable(const PlotTable& table) {
  beginResetModel();
  m_table = table;
  endResetModel();
}

int PlotTableModel::rowCount(const QModelIndex& parent) const {
  return parent.isValid() ? 0 : int(m_table.rows.size());
}

int PlotTableModel::columnCount(const QModelIndex& parent) const {
  return parent.isValid() ? 0 : int(m_table.headers.size());
}

QVariant PlotTableModel::data(const QModelIndex& index, int role) const {
  if (!index.isValid()) {
    return {};
  }
  const QVariantList& row = m_table.rows[index.row()];
  const QVariant value = index.column() < row.size() ? row[index.column()] : QVariant();
  const bool number = value.userType() == QMetaType::Double;
  switch (role) {
    case Qt::DisplayRole:
      if (!value.isValid()) {
        return missingText();
      }
      return number ? QVariant(shortText(value.toDouble(), 6, false, 6)) : value;
    case Qt::UserRole:
      return value;
    case Qt::TextAlignmentRole:
      return int((number ? Qt::AlignRight : Qt::AlignLeft) | Qt::AlignVCenter);
    default:
      return {};
  }
}

QVariant PlotTableModel::headerData(int section, Qt::Orientation orientation, int role) const {
  if (orientation == Qt::Horizontal && role == Qt::DisplayRole) {
    return m_table.headers.value(section);
  }
  return {};
}

}  // namespace mxscope::ui
