// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QWidget>

class QAction;
class QLabel;
class QPushButton;
class QTableView;

namespace mxscope::ui {

class QueueController;
class QueueModel;
class Workspace;

// The queue as a table, with what can be done to its jobs in a tool row and a context menu.
class QueuePanel : public QWidget {
  Q_OBJECT

 public:
  QueuePanel(Workspace* workspace, QueueController* queue, QWidget* parent = nullptr);

  [[nodiscard]] QStringList selectedJobs() const;
  // Actions that belong to the rows; the main window lists them in its Queue menu.
  [[nodiscard]] QList<QAction*> rowActions() const;
  [[nodiscard]] QTableView* view() const { return m_view; }

 Q_SIGNALS:
  void detailsRequested(const QString& jobId);

 protected:
  bool eventFilter(QObject* watched, QEvent* event) override;

 private:
  void refresh();
  void fitColumns();
  QAction* addAction(const QString& name, const QString& text, const QString& iconName,
                     const QKeySequence& shortcut, const std::function<void()>& run);

  Workspace* m_workspace;
  QueueController* m_queue;
  QueueModel* m_model;
  QTableView* m_view;
  int m_jobWidth = 0;      // px, as it was dragged; 0: fitted
  bool m_fitting = false;  // columns change because of fitColumns()
  QLabel* m_empty;
  QWidget* m_banner;
  QLabel* m_bannerText;
  QAction *m_up, *m_down, *m_top, *m_cancel, *m_remove, *m_retry, *m_retryAll, *m_details;
};

}  // namespace mxscope::ui
