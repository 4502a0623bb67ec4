// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QAbstractItemModel>

#include "models/experiment_document.h"

namespace mxscope::ui {

// The linears of the current model by decoder block, and what the current variant does to each.
// Check boxes are tri-state; a click adds a manual override, marked "(manual)".
class LayerTreeModel : public QAbstractItemModel {
  Q_OBJECT

 public:
  enum Column { kLayer, kGets, kColumnCount };
  enum Role { kManualRole = Qt::UserRole, kNameRole };  // bool; full name of a linear

  explicit LayerTreeModel(ExperimentDocument* document, QObject* parent = nullptr);

  [[nodiscard]] QModelIndex index(int row, int column, const QModelIndex& parent) const override;
  [[nodiscard]] QModelIndex parent(const QModelIndex& index) const override;
  [[nodiscard]] int rowCount(const QModelIndex& parent = {}) const override;
  [[nodiscard]] int columnCount(const QModelIndex& parent = {}) const override;
  [[nodiscard]] QVariant data(const QModelIndex& index, int role) const override;
  bool setData(const QModelIndex& index, const QVariant& value, int role) override;
  [[nodiscard]] QVariant headerData(int section, Qt::Orientation orientation,
                                    int role) const override;
  [[nodiscard]] Qt::ItemFlags flags(const QModelIndex& index) const override;

  [[nodiscard]] QModelIndex find(const QString& linear) const;
  [[nodiscard]] bool hasManual() const { return m_manualCount > 0; }
  // Linears that are quantised, of all.
  [[nodiscard]] std::pair<int, int> counts() const;
  void removeManual();

 private:
  struct Group {
    QString name;                      // "model.layers.3"; empty text: the linear stands alone
    std::vector<std::size_t> linears;  // indices
  };
  void rebuild();
  void refresh();
  [[nodiscard]] Qt::CheckState stateOf(const Group& group) const;

  ExperimentDocument* m_document;
  std::vector<mxscope::LinearInfo> m_linears;
  std::vector<Group> m_groups;
  std::vector<bool> m_quantised, m_manual;
  std::vector<QString> m_gets;
  int m_manualCount = 0;
};

}  // namespace mxscope::ui
