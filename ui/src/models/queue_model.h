// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QAbstractTableModel>

namespace mxscope::ui {

class QueueController;
class Workspace;
struct Job;

// The jobs of the queue, a row each: number, job, state, progress, added. Dropping rows moves them.
class QueueModel : public QAbstractTableModel {
  Q_OBJECT

 public:
  enum Column { kNumber, kJob, kState, kProgress, kAdded, kColumnCount };
  enum Role { kFractionRole = Qt::UserRole, kIdRole, kStateRole };  // double 0..1 or -1; id; int

  QueueModel(Workspace* workspace, QueueController* queue, QObject* parent = nullptr);

  [[nodiscard]] QString jobAt(int row) const;
  [[nodiscard]] int rowOf(const QString& jobId) const;

  [[nodiscard]] int rowCount(const QModelIndex& parent = {}) const override;
  [[nodiscard]] int columnCount(const QModelIndex& parent = {}) const override;
  [[nodiscard]] QVariant data(const QModelIndex& index, int role) const override;
  [[nodiscard]] QVariant headerData(int section, Qt::Orientation orientation,
                                    int role) const override;
  [[nodiscard]] Qt::ItemFlags flags(const QModelIndex& index) const override;
  [[nodiscard]] Qt::DropActions supportedDropActions() const override { return Qt::MoveAction; }
  [[nodiscard]] QStringList mimeTypes() const override;
  [[nodiscard]] QMimeData* mimeData(const QModelIndexList& indexes) const override;
  bool dropMimeData(const QMimeData* data, Qt::DropAction action, int row, int column,
                    const QModelIndex& parent) override;

  // "37 % · 1 min 12 s left · 1,840 tok/s", or why a job ended.
  [[nodiscard]] static QString progressText(const Job& job);
  // "window 37 of 100 · 18,500 of 50,000 tokens · 1,840 tok/s · 1 min 12 s left".
  [[nodiscard]] static QString detailText(const Job& job);

 private:
  [[nodiscard]] static QString nameOf(const Job& job);
  void refresh();

  Workspace* m_workspace;
  QueueController* m_queue;
  QStringList m_rows;
};

// "1 min 10 s", "12 min", "45 s": rounded as UX.md 2.8 says.
[[nodiscard]] QString timeLeftText(double seconds);

}  // namespace mxscope::ui
