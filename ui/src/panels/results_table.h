// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QJsonObject>
#include <QSet>
#include <QTimer>
#include <QWidget>

#include "models/results_model.h"

class QBoxLayout;
class QCheckBox;
class QLabel;
class QLineEdit;
class QMenu;
class QPushButton;
class QStackedWidget;
class QTableView;
class QToolButton;

namespace mxscope::ui {

// The table of runs with its filter line, groups, columns and exports. Its selection is the
// workspace's, and so that of every plot. Keys: Space shows or hides, B sets the baseline, P pins,
// T edits tags, Ctrl+C copies rows, Delete removes, Enter opens the details.
class ResultsTable : public QWidget {
  Q_OBJECT

 public:
  enum class Scope { kSelected, kShown, kAll };

  explicit ResultsTable(Workspace* workspace, QWidget* parent = nullptr);

  ResultsModel* model() const { return m_model; }
  QTableView* view() const { return m_view; }
  QLineEdit* filterLine() const { return m_filter; }
  QStringList runsOf(Scope scope) const;

  void setVisibleColumns(const QList<int>& columns);
  QList<int> visibleColumns() const;  // as shown now, from left to right
  void setOnlyDiffering(bool on);

  void copyRows();
  // Asks for a file and writes JSON, CSV, long CSV, windows CSV or Markdown ("json", "csv", …).
  void exportAs(const QString& kind);
  // Writes without asking; returns a sentence about what went wrong, or an empty string.
  QString exportTo(const QString& path, const QString& kind, Scope scope) const;
  // The same on another thread; written() tells the end.
  void exportInBackground(const QString& path, const QString& kind, Scope scope);

  QJsonObject saveState() const;
  void restoreState(const QJsonObject& state);

 public Q_SLOTS:
  void focusFilter();
  void setBaselineFromSelection();
  void pinSelection();

 Q_SIGNALS:
  void runActivated(const QString& runId);         // Enter or double click
  void configurationWanted(const QString& runId);  // fill the builder from this run
  void commandWanted(const QString& runId);        // copy as command
  void queueWanted();                              // link of the empty state
  void message(const QString& text);               // for the status bar
  void failed(const QString& title, const QString& text);
  void countChanged(int runs);
  void written(const QString& path, const QString& error);  // error: a sentence, or empty

 protected:
  bool eventFilter(QObject* watched, QEvent* event) override;

 private:
  void selectionFromWorkspace();
  void selectionToWorkspace();
  void filterChanged();
  void updateCount();
  void fitBar();
  void applyColumns();
  static QList<int> defaultColumns();
  int wantedWidth(int column) const;
  void growColumns();
  void fillColumnsMenu();
  void showRowMenu(const QPoint& position);
  QStringList selectedRuns() const;
  void editColumn(int column);

  Workspace* const m_workspace;
  ResultsModel* m_model;
  QWidget* m_bar;
  QBoxLayout* m_bars;
  QStackedWidget* m_stack;
  QTableView* m_view;
  QLineEdit* m_filter;
  QLabel *m_problem, *m_count;
  QPushButton* m_clear;
  QCheckBox* m_onlyDiffering;
  QToolButton *m_group, *m_columns, *m_export;
  QList<int> m_chosen;
  QTimer m_growTimer;
  QSet<int> m_resized;  // columns whose width the user chose
  bool m_fitting = false;
  bool m_syncing = false;
};

}  // namespace mxscope::ui
