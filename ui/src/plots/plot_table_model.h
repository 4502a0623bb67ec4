// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QAbstractTableModel>

#include "plots/plot_types.h"

namespace mxscope::ui {

// The numbers of a plot for a table view: rounded for reading, exact under Qt::UserRole.
class PlotTableModel : public QAbstractTableModel {
  Q_OBJECT

 public:
  using QAbstractTableModel::QAbstractTableModel;
  void setTable(const PlotTable& table);
  int rowCount(const QModelIndex& parent = {}) const override;
  int columnCount(const QModelIndex& parent = {}) const override;
  QVariant data(const QModelIndex& index, int role) const override;
  QVariant headerData(int section, Qt::Orientation orientation, int role) const override;

 private:
  PlotTable m_table;
  QList<bool> m_numeric;  // by column
};

}  // namespace mxscope::ui
