// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QWidget>

class QHBoxLayout;
class QLabel;
class QTableView;
class QToolButton;
class QVBoxLayout;

namespace mxscope::ui {

// A part of the builder: a title that folds it, small buttons on its right, content and the
// sentence of the first problem below it.
class Section : public QWidget {
  Q_OBJECT

 public:
  explicit Section(const QString& title, QWidget* parent = nullptr);
  void setContent(QWidget* content);
  // A button of at least 24 x 24 px in the title line.
  QToolButton* addButton(const QString& iconName, const QString& text);
  void setNote(const QString& note);  // dim, beside the title
  void setProblem(const QString& sentence, bool warning = false);
  void setExpanded(bool expanded);

 private:
  QToolButton* m_title;
  QLabel* m_note;
  QLabel* m_problem;
  QHBoxLayout* m_header;
  QVBoxLayout* m_layout;
  QWidget* m_content = nullptr;
};

// A dim sentence over an empty view.
// Makes rows as high as the font needs and the table as tall as what it holds, from `fewest` to
// `most` rows; follows the model and the font.
void fitRows(QTableView* view, int fewest, int most);

QLabel* addEmptyText(QWidget* viewport, const QString& text);

}  // namespace mxscope::ui
