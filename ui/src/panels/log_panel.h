// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QWidget>

class QCheckBox;
class QLineEdit;
class QPlainTextEdit;

namespace mxscope::ui {

// What the engine and the window said, newest last; at most 5,000 lines.
class LogPanel : public QWidget {
  Q_OBJECT

 public:
  explicit LogPanel(QWidget* parent = nullptr);
  // level: "debug", "info", "warning" or "error".
  void append(const QString& level, const QString& text);
  [[nodiscard]] QString text() const;
  void focusFilter();

 private:
  void refresh();
  [[nodiscard]] bool shows(const QString& level, const QString& line) const;

  struct Line {
    QString level, text;
  };
  QList<Line> m_lines;
  QPlainTextEdit* m_view;
  QLineEdit* m_filter;
  QCheckBox* m_problems;
};

}  // namespace mxscope::ui
