// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QAbstractTableModel>

#include "models/results_model_filter.h"
#include "models/workspace.h"

namespace mxscope::ui {

// The table of runs: filtered, sorted and grouped by itself, so that 10,000 runs answer a key press
// at once. Baselines stand first in their group (or on top of all) whatever the sort and filter,
// pinned runs next. Group rows tell means over all members, also those that are filtered or hidden.
class ResultsModel : public QAbstractTableModel {
  Q_OBJECT

 public:
  enum Column {
    kRun,
    kVariant,
    kState,
    kModel,
    kFormat,
    kBlock,
    kLayers,
    kPpl,
    kDeltaPpl,
    kPercent,
    kXent,
    kDeltaXent,
    kEntropy,
    kDeltaEntropy,
    kKl,
    kTop1,
    kWeights,
    kPeak,
    kTime,
    kExperiment,
    kTags,
    kNotes,
    kColumnCount
  };
  enum Role {
    kRunIdRole = Qt::UserRole + 1,
    kExactRole,     // double or text, for the clipboard
    kBarRole,       // {value, low, high, scale, negative ones?} of a difference cell; invalid: none
    kColourRole,    // SeriesColour as QPoint(hue, shade)
    kHiddenRole,    // bool: eye closed
    kBaselineRole,  // bool
    kGroupRole,     // bool: a group row
    kPinnedRole
  };
  enum class Grouping { kJob, kNone, kModel, kFormat, kBlock, kTag, kExperiment };

  explicit ResultsModel(Workspace* workspace, QObject* parent = nullptr);

  int rowCount(const QModelIndex& parent = {}) const override;
  int columnCount(const QModelIndex& parent = {}) const override;
  QVariant data(const QModelIndex& index, int role = Qt::DisplayRole) const override;
  QVariant headerData(int section, Qt::Orientation orientation, int role) const override;
  Qt::ItemFlags flags(const QModelIndex& index) const override;
  bool setData(const QModelIndex& index, const QVariant& value, int role) override;
  void sort(int column, Qt::SortOrder order = Qt::AscendingOrder) override;

  void setFilter(const QString& line);
  const ResultsFilter& filter() const { return m_filter; }
  void setGrouping(Grouping grouping);
  Grouping grouping() const { return m_grouping; }
  int totalRuns() const { return int(m_rows.size()); }
  int shownRuns() const;  // without group rows
  QString runId(int row) const;
  int rowOf(const QString& runId) const;  // -1: filtered away
  QStringList shownIds() const;
  // Columns in which the given runs (all shown ones when fewer than two) are not all alike.
  QList<int> differingColumns(const QSet<QString>& runIds) const;
  static QString title(int column);
  static QString explanation(int column);

 Q_SIGNALS:
  void countChanged();

 private:
  struct Cell {
    QString text;
    double number = std::numeric_limits<double>::quiet_NaN();
    double low = std::numeric_limits<double>::quiet_NaN();
    double high = std::numeric_limits<double>::quiet_NaN();
  };
  struct Row {
    QString id, jobId, baseId;
    int number = 0, jobOrder = 0;
    bool baseline = false, running = false;
    std::array<Cell, kColumnCount> cells;
    ResultsFilter::Row filter;
    QStringList groups;
  };
  struct Shown {
    int row = -1;    // of m_rows
    int group = -1;  // of m_groups, when row < 0
  };
  struct Group {
    QString name;
    std::array<Cell, kColumnCount> cells;
  };

  Row makeRow(const Run& run, const Run* base) const;
  void rebuildAll();
  void refresh(const QStringList& runIds);
  void rebuildGroups();
  QList<Shown> arranged() const;
  void take(QList<Shown> shown);
  QVariant runData(const Row& row, int column, int role) const;
  QVariant groupData(const Group& group, int column, int role) const;
  void rescale();

  Workspace* const m_workspace;
  QList<Row> m_rows;
  QHash<QString, int> m_rowOfRun;
  QList<Group> m_groups;
  QList<Shown> m_shown;
  QHash<QString, int> m_shownOfRun;
  ResultsFilter m_filter;
  Grouping m_grouping = Grouping::kJob;
  int m_sortColumn = kRun;
  Qt::SortOrder m_sortOrder = Qt::AscendingOrder;
  std::array<double, kColumnCount> m_barScale{};
  std::array<bool, kColumnCount> m_barNegative{};
};

}  // namespace mxscope::ui
