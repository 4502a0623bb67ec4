// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QAbstractTableModel>

#include "models/experiment_document.h"

namespace mxscope::ui {

// Models of the experiment: name, and "2.3 GiB · 16 layers · bfloat16" or why it cannot be used.
class ModelListModel : public QAbstractTableModel {
  Q_OBJECT

 public:
  enum Column { kName, kDetails, kColumnCount };
  explicit ModelListModel(ExperimentDocument* document, QObject* parent = nullptr);
  [[nodiscard]] int rowCount(const QModelIndex& parent = {}) const override;
  [[nodiscard]] int columnCount(const QModelIndex& parent = {}) const override;
  [[nodiscard]] QVariant data(const QModelIndex& index, int role) const override;
  [[nodiscard]] QVariant headerData(int section, Qt::Orientation orientation,
                                    int role) const override;

 private:
  ExperimentDocument* m_document;
  int m_rows = 0;
};

// Variants of the experiment; formats, block and scale rule are edited in place.
class VariantTableModel : public QAbstractTableModel {
  Q_OBJECT

 public:
  enum Column { kWeights, kActivations, kBlock, kScale, kLayers, kName, kColumnCount };
  explicit VariantTableModel(ExperimentDocument* document, QObject* parent = nullptr);
  [[nodiscard]] int rowCount(const QModelIndex& parent = {}) const override;
  [[nodiscard]] int columnCount(const QModelIndex& parent = {}) const override;
  [[nodiscard]] QVariant data(const QModelIndex& index, int role) const override;
  bool setData(const QModelIndex& index, const QVariant& value, int role) override;
  [[nodiscard]] QVariant headerData(int section, Qt::Orientation orientation,
                                    int role) const override;
  [[nodiscard]] Qt::ItemFlags flags(const QModelIndex& index) const override;

 private:
  ExperimentDocument* m_document;
  int m_rows = 0;
};

// Rules of the current variant, the first that matches decides: pattern, what it does, matches.
// Edits go to all variants that choose layers alike.
class RuleTableModel : public QAbstractTableModel {
  Q_OBJECT

 public:
  enum Column { kPattern, kGets, kMatches, kColumnCount };
  enum Role { kProblemRole = Qt::UserRole };  // sentence about the pattern; empty: fine
  explicit RuleTableModel(ExperimentDocument* document, QObject* parent = nullptr);
  // Rules as shown: the variant's own, or those of its tier.
  [[nodiscard]] std::vector<mxscope::RuleEntry> rules() const;
  [[nodiscard]] int rowCount(const QModelIndex& parent = {}) const override;
  [[nodiscard]] int columnCount(const QModelIndex& parent = {}) const override;
  [[nodiscard]] QVariant data(const QModelIndex& index, int role) const override;
  bool setData(const QModelIndex& index, const QVariant& value, int role) override;
  [[nodiscard]] QVariant headerData(int section, Qt::Orientation orientation,
                                    int role) const override;
  [[nodiscard]] Qt::ItemFlags flags(const QModelIndex& index) const override;

  void addRule(const QString& pattern);
  void removeRule(int row);
  void moveRule(int row, int offset);

 private:
  void refresh();
  void edit(const QString& text, const std::function<void(mxscope::VariantEntry&)>& change);

  ExperimentDocument* m_document;
  std::vector<mxscope::RuleEntry> m_rules;
  std::optional<mxscope::MatchReport> m_report;
};

}  // namespace mxscope::ui
