// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QAbstractTableModel>
#include <QWidget>

#include "models/workspace.h"

class QCheckBox;
class QLabel;
class QPlainTextEdit;
class QTableView;

namespace mxscope::ui {

// Fields of the selected runs side by side: one row per field, one column per run, the baseline
// first. What differs is bold.
class CompareModel : public QAbstractTableModel {
  Q_OBJECT

 public:
  explicit CompareModel(Workspace* workspace, QObject* parent = nullptr);
  void setRuns(const QStringList& runIds);
  void setOnlyDiffering(bool on);
  int rowCount(const QModelIndex& parent = {}) const override;
  int columnCount(const QModelIndex& parent = {}) const override;
  QVariant data(const QModelIndex& index, int role) const override;
  QVariant headerData(int section, Qt::Orientation orientation, int role) const override;
  QString toTsv() const;

 private:
  struct Field {
    QString name;
    QStringList values;
    bool differs = false;
  };
  void rebuild();
  Workspace* const m_workspace;
  QStringList m_runs;
  QStringList m_titles;
  QList<Field> m_all, m_fields;
  bool m_onlyDiffering = true;
};

// Details of the selected run, or the difference table of two or more.
class ComparePanel : public QWidget {
  Q_OBJECT

 public:
  explicit ComparePanel(Workspace* workspace, QWidget* parent = nullptr);
  CompareModel* model() const { return m_model; }
  QSize minimumSizeHint() const override;  // its texts are whole at the width that it has

 Q_SIGNALS:
  void message(const QString& text);

 protected:
  void resizeEvent(QResizeEvent* event) override;

 private:
  void update();
  Workspace* const m_workspace;
  CompareModel* m_model;
  QLabel *m_headline, *m_summary;
  QCheckBox* m_onlyDiffering;
  QTableView* m_view;
  QLabel* m_notesLabel;
  QPlainTextEdit* m_notes;
  QString m_noteRun;
};

}  // namespace mxscope::ui
