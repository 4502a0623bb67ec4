// SPDX-License-Identifier: GPL-3.0-or-later
#include "window/card_area.h"

#include <QSplitter>
#include <QTabWidget>
#include <QVBoxLayout>

#include "plots/plot_card.h"

namespace mxscope::ui {

CardArea::CardArea(QWidget* parent) : QWidget(parent) {
  setObjectName(QStringLiteral("cardArea"));
  auto* layout = new QVBoxLayout(this);
  layout->setContentsMargins(0, 0, 0, 0);
}

void CardArea::setCards(const QList<PlotCard*>& cards, const QList<int>& rows) {
  m_cards = cards;
  m_rows = rows;
  for (PlotCard* card : cards) {
    card->setParent(this);
    connect(card, &PlotCard::maximiseRequested, this, [this, card](bool on) {
      m_maximised = on ? card : nullptr;
      arrange();
    });
  }
  arrange();
}

void CardArea::setNarrow(bool narrow) {
  if (narrow != m_narrow) {
    m_narrow = narrow;
    arrange();
  }
}

void CardArea::arrange() {
  if (m_cards.isEmpty()) {
    return;
  }
  const int shown = m_tabs ? m_tabs->currentIndex() : 0;
  for (PlotCard* card : std::as_const(m_cards)) {
    card->setParent(this);
    card->setMaximised(card == m_maximised);
  }
  delete std::exchange(m_rowsSplitter, nullptr);
  delete std::exchange(m_tabs, nullptr);
  if (m_maximised) {
    for (PlotCard* card : std::as_const(m_cards)) {
      card->setVisible(card == m_maximised);
    }
    layout()->addWidget(m_maximised);
    return;
  }
  if (m_narrow) {
    m_tabs = new QTabWidget(this);
    m_tabs->setObjectName(QStringLiteral("cardTabs"));
    m_tabs->setDocumentMode(true);
    for (PlotCard* card : std::as_const(m_cards)) {
      m_tabs->addTab(card, card->title());  // shows the current one, and no other
    }
    m_tabs->setCurrentIndex(shown);
    m_cards[std::max(0, m_tabs->currentIndex())]->show();
    layout()->addWidget(m_tabs);
    return;
  }
  m_rowsSplitter = new QSplitter(Qt::Vertical, this);
  m_rowsSplitter->setChildrenCollapsible(false);
  m_rowsSplitter->setHandleWidth(5);
  QList<QSplitter*> rows;
  for (qsizetype i = 0; i < m_cards.size(); ++i) {
    const int row = m_rows.value(i);
    while (rows.size() <= row) {
      auto* splitter = new QSplitter(Qt::Horizontal, m_rowsSplitter);
      splitter->setChildrenCollapsible(false);
      splitter->setHandleWidth(5);
      rows << splitter;
    }
    rows[row]->addWidget(m_cards[i]);
    rows[row]->setStretchFactor(rows[row]->count() - 1, 1);
    m_cards[i]->setVisible(true);
  }
  for (int i = 0; i < rows.size(); ++i) {
    m_rowsSplitter->setStretchFactor(i, i == 0 ? 5 : 3);
  }
  m_rowsSplitter->setSizes({500, 300});
  layout()->addWidget(m_rowsSplitter);
}

PlotCard* CardArea::activeCard() const {
  for (PlotCard* card : m_cards) {
    if (card->isAncestorOf(focusWidget()) && card->isVisible()) {
      return card;
    }
  }
  for (PlotCard* card : m_cards) {
    if (card->isVisible()) {
      return card;
    }
  }
  return m_cards.value(0);
}

void CardArea::toggleMaximised() {
  m_maximised = m_maximised ? nullptr : activeCard();
  arrange();
}

}  // namespace mxscope::ui
