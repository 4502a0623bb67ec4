// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QList>
#include <QWidget>

class QGridLayout;
class QSplitter;
class QTabWidget;

namespace mxscope::ui {

class PlotCard;

// Lays the cards out: two rows in splitters on a wide window, one card at a time as tabs on a
// narrow one, one alone while it is maximised.
class CardArea : public QWidget {
  Q_OBJECT

 public:
  explicit CardArea(QWidget* parent = nullptr);
  // Cards in order; `rows` says in which row each stands on a wide window.
  void setCards(const QList<PlotCard*>& cards, const QList<int>& rows);
  [[nodiscard]] const QList<PlotCard*>& cards() const { return m_cards; }
  void setNarrow(bool narrow);
  [[nodiscard]] bool isNarrow() const { return m_narrow; }
  // The card that has the focus, else the maximised or visible one, else the first.
  [[nodiscard]] PlotCard* activeCard() const;
  void toggleMaximised();

 private:
  void arrange();

  QList<PlotCard*> m_cards;
  QList<int> m_rows;
  PlotCard* m_maximised = nullptr;
  bool m_narrow = false;
  QSplitter* m_rowsSplitter = nullptr;
  QTabWidget* m_tabs = nullptr;
};

}  // namespace mxscope::ui
