// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QWidget>

class QGridLayout;
class QLabel;
class QPushButton;

namespace mxscope::ui {

// What the centre shows while there are no results: what to do first, and recent files.
class WelcomePage : public QWidget {
  Q_OBJECT

 public:
  explicit WelcomePage(QWidget* parent = nullptr);
  // Reads the recent files again; missing ones are greyed, with Remove.
  void refresh();
  // Empty: the demo can run. Otherwise the reason why it cannot.
  void setDemoUnavailable(const QString& reason);

 Q_SIGNALS:
  void demoRequested();
  void sampleRequested();
  void openRequested();
  void fileRequested(const QString& path);

 private:
  QPushButton* m_demo;
  QLabel* m_hint;
  QLabel* m_recentTitle;
  QWidget* m_recent;
  QGridLayout* m_recentLayout;
};

}  // namespace mxscope::ui
