// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QFrame>
#include <QList>

#include "bridge/queue_controller.h"

class QLabel;
class QPushButton;
class QToolButton;

namespace mxscope::ui {

// The inline bar above the centre: what happened, what it means for the rest, one or two actions.
// Further problems collapse to "3 problems".
class ProblemBar : public QFrame {
  Q_OBJECT

 public:
  explicit ProblemBar(QWidget* parent = nullptr);

  // The action may be empty; it closes the bar.
  void show(const Problem& problem, const QString& actionText = {},
            const std::function<void()>& action = nullptr);
  void dismiss();  // the one that is shown
  // Takes away what is settled by now, by its code and job.
  void forget(const QString& code, const QString& jobId);
  [[nodiscard]] int count() const { return static_cast<int>(m_problems.size()); }

 Q_SIGNALS:
  void detailsRequested(const Problem& problem);

 protected:
  bool eventFilter(QObject* watched, QEvent* event) override;

 private:
  struct Entry {
    Problem problem;
    QString actionText;
    std::function<void()> action;
  };
  void refresh();
  void fitText();

  QList<Entry> m_problems;
  QLabel* m_text;
  QPushButton* m_action;
  QPushButton* m_details;
  QToolButton* m_close;
};

}  // namespace mxscope::ui
