// SPDX-License-Identifier: GPL-3.0-or-later
#include "plots/plot_table_model.h"

#include <cmath>

#include "plots/number_text.h"

namespace mxscope::ui {

void PlotTableModel::setTable(const PlotTable& table) {
  beginResetModel();
  m_table = table;
  m_numeric.fill(false, table.headers.size());
  for (qsizetype row = 0; row < std::min<qsizetype>(table.rows.size(), 50); ++row) {
    for (qsizetype column = 0; column < table.rows[row].size(); ++column) {
      m_numeric[column] =
          m_numeric[column] || table.rows[row][column].userType() == QMetaType::Double;
    }
  }
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
      if (number && value.toDouble() == std::round(value.toDouble())) {
        return fixedText(value.toDouble(), 0);
      }
      return number ? QVariant(shortText(value.toDouble(), 6, false, 6)) : value;
    case Qt::UserRole:
      return value;
    case Qt::TextAlignmentRole:
      return int((m_numeric.value(index.column()) ? Qt::AlignRight : Qt::AlignLeft) |
                 Qt::AlignVCenter);
    default:
      return {};
  }
}

QVariant PlotTableModel::headerData(int section, Qt::Orientation orientation, int role) const {
  if (orientation == Qt::Horizontal && role == Qt::DisplayRole) {
    return m_table.headers.value(section);
  }
  if (orientation == Qt::Horizontal && role == Qt::TextAlignmentRole) {
    return int((m_numeric.value(section) ? Qt::AlignRight : Qt::AlignLeft) | Qt::AlignVCenter);
  }
  return {};
}

}  // namespace mxscope::ui
