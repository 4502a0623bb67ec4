// SPDX-License-Identifier: GPL-3.0-or-later
// What the results table keeps between two starts of the program.
#include <QAction>
#include <QCheckBox>
#include <QHeaderView>
#include <QJsonArray>
#include <QJsonObject>
#include <QMenu>
#include <QTableView>
#include <QToolButton>

#include "panels/results_table.h"
#include "plots/plot_types.h"

using namespace Qt::StringLiterals;

namespace mxscope::ui {

QJsonObject ResultsTable::saveState() const {
  QJsonArray columns;
  for (const int column : m_chosen) {
    columns.append(column);
  }
  const QHeaderView* header = m_view->horizontalHeader();
  return {{u"columns"_s, columns},
          {u"header"_s, QString::fromLatin1(header->saveState().toBase64())},
          {u"grouping"_s, int(m_model->grouping())},
          {u"onlyDiffering"_s, m_onlyDiffering->isChecked()}};
}

void ResultsTable::restoreState(const QJsonObject& state) {
  if (state.isEmpty()) {
    return;
  }
  m_view->horizontalHeader()->restoreState(
      QByteArray::fromBase64(state[u"header"_s].toString().toLatin1()));
  QList<int> columns;
  for (const QJsonValue& column : state[u"columns"_s].toArray()) {
    columns << column.toInt();
  }
  m_model->setGrouping(ResultsModel::Grouping(state[u"grouping"_s].toInt()));
  for (QAction* action : m_group->menu()->actions()) {
    action->setChecked(action->data().toInt() == int(m_model->grouping()));
  }
  m_onlyDiffering->setChecked(state[u"onlyDiffering"_s].toBool());
  if (!columns.isEmpty()) {
    setVisibleColumns(columns);
  }
}

}  // namespace mxscope::ui
