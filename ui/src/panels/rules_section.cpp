// SPDX-License-Identifier: GPL-3.0-or-later
#include <QHeaderView>
#include <QLabel>
#include <QTableView>
#include <QToolButton>

#include "models/builder_models.h"
#include "panels/builder_sections.h"
#include "panels/choice_delegate.h"

namespace mxscope::ui {

RulesSection::RulesSection(ExperimentDocument* document, QWidget* parent)
    : Section(tr("Layer rules"), parent), m_document(document) {
  setObjectName(QStringLiteral("rulesSection"));
  m_model = new RuleTableModel(document, this);
  m_view = new QTableView(this);
  m_view->setObjectName(QStringLiteral("ruleTable"));
  m_view->setAccessibleName(tr("Layer rules, the first that matches decides"));
  m_view->setModel(m_model);
  m_view->setShowGrid(false);
  m_view->setWordWrap(false);
  m_view->setTabKeyNavigation(false);
  m_view->setSelectionBehavior(QAbstractItemView::SelectRows);
  m_view->setSelectionMode(QAbstractItemView::SingleSelection);
  m_view->setEditTriggers(QAbstractItemView::DoubleClicked | QAbstractItemView::EditKeyPressed |
                          QAbstractItemView::SelectedClicked);
  m_view->verticalHeader()->hide();
  m_view->horizontalHeader()->setHighlightSections(false);
  m_view->horizontalHeader()->setDefaultAlignment(Qt::AlignLeft | Qt::AlignVCenter);
  m_view->horizontalHeader()->setSectionResizeMode(RuleTableModel::kPattern, QHeaderView::Stretch);
  m_view->horizontalHeader()->setSectionResizeMode(RuleTableModel::kGets,
                                                   QHeaderView::ResizeToContents);
  m_view->horizontalHeader()->setSectionResizeMode(RuleTableModel::kMatches,
                                                   QHeaderView::ResizeToContents);
  m_view->setItemDelegateForColumn(
      RuleTableModel::kGets,
      new ChoiceDelegate({{tr("variant"), 0}, {tr("keep as it is"), 1}}, false, this));
  fitRows(m_view, 2, 4);
  m_empty = addEmptyText(m_view->viewport(), tr("No rule: every layer stays as it is"));
  setContent(m_view);
  setToolTip(tr("Rules are read from the top; the first that matches a layer decides."));

  QToolButton* up = addButton(QStringLiteral("up"), tr("Move the rule up"));
  QToolButton* down = addButton(QStringLiteral("down"), tr("Move the rule down"));
  QToolButton* add = addButton(QStringLiteral("add"), tr("Add a rule"));
  add->setObjectName(QStringLiteral("addRule"));
  QToolButton* remove = addButton(QStringLiteral("remove"), tr("Remove the rule"));
  remove->setObjectName(QStringLiteral("removeRule"));
  const auto move = [this](int offset) {
    const int row = m_view->currentIndex().row();
    const int target = row + offset;
    if (row >= 0 && target >= 0 && target < m_model->rowCount()) {
      m_model->moveRule(row, offset);
      m_view->selectRow(target);
    }
  };
  connect(up, &QToolButton::clicked, this, [move] { move(-1); });
  connect(down, &QToolButton::clicked, this, [move] { move(1); });
  connect(add, &QToolButton::clicked, this, &RulesSection::addRule);
  connect(remove, &QToolButton::clicked, this,
          [this] { m_model->removeRule(m_view->currentIndex().row()); });
  connect(m_model, &QAbstractItemModel::dataChanged, this, &RulesSection::refresh);
  connect(m_model, &QAbstractItemModel::rowsInserted, this, &RulesSection::refresh);
  connect(m_model, &QAbstractItemModel::rowsRemoved, this, &RulesSection::refresh);
  refresh();
}

void RulesSection::addRule() {
  m_model->addRule(QStringLiteral("*.mlp.*"));
  const QModelIndex last = m_model->index(m_model->rowCount() - 1, RuleTableModel::kPattern);
  m_view->setCurrentIndex(last);
  m_view->setFocus();
  m_view->edit(last);
}

void RulesSection::refresh() {
  m_empty->setVisible(m_model->rowCount() == 0);
  QString problem;
  for (int row = 0; row < m_model->rowCount() && problem.isEmpty(); ++row) {
    problem = m_model->index(row, 0).data(RuleTableModel::kProblemRole).toString();
  }
  if (!problem.isEmpty()) {
    setProblem(problem);
    return;
  }
  for (int row = 0; row < m_model->rowCount(); ++row) {
    const QVariant matches = m_model->index(row, RuleTableModel::kMatches).data();
    if (matches.typeId() == QMetaType::LongLong && matches.toLongLong() == 0) {
      setProblem(tr("Rule %1 matches no layer of this model.").arg(row + 1), true);
      return;
    }
  }
  setProblem({});
}

}  // namespace mxscope::ui
