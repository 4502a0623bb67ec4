// SPDX-License-Identifier: GPL-3.0-or-later
// Which columns the results table shows, and how wide they are.
#include <QCheckBox>
#include <QHeaderView>
#include <QInputDialog>
#include <QMenu>
#include <QSettings>
#include <QTableView>
#include <QToolButton>

#include "panels/results_table.h"
#include "theme/theme.h"

using namespace Qt::StringLiterals;

namespace mxscope::ui {
namespace {

constexpr int kWidestText = 190;  // names are elided beyond; their tool tip has all of it
constexpr int kWidestColumn = 260;

}  // namespace

QList<int> ResultsTable::defaultColumns() {
  using M = ResultsModel;
  return {M::kRun,  M::kVariant,  M::kState,   M::kModel, M::kFormat,       M::kBlock,
          M::kPpl,  M::kDeltaPpl, M::kPercent, M::kXent,  M::kDeltaEntropy, M::kKl,
          M::kTop1, M::kWeights,  M::kPeak,    M::kTime,  M::kTags};
}

QList<int> ResultsTable::visibleColumns() const {
  QList<int> columns;
  const QHeaderView* header = m_view->horizontalHeader();
  for (int visual = 0; visual < header->count(); ++visual) {
    const int column = header->logicalIndex(visual);
    if (!header->isSectionHidden(column)) {
      columns << column;
    }
  }
  return columns;
}

void ResultsTable::applyColumns() {
  QList<int> columns = m_chosen;
  if (m_onlyDiffering->isChecked()) {
    columns = m_model->differingColumns(m_workspace->selection());
    if (!columns.contains(ResultsModel::kRun)) {
      columns.prepend(ResultsModel::kRun);
    }
  }
  QHeaderView* header = m_view->horizontalHeader();
  for (int column = 0; column < ResultsModel::kColumnCount; ++column) {
    const bool shown = columns.contains(column);
    if (header->isSectionHidden(column) == shown) {
      header->setSectionHidden(column, !shown);
    }
  }
  // Widths from the first rows: measuring all of 10,000 takes long and changes nothing.
  header->setResizeContentsPrecision(40);
  m_fitting = true;
  for (const int column : columns) {
    m_view->setColumnWidth(column, wantedWidth(column));
  }
  m_fitting = false;
  m_resized.clear();
}

// What a column needs for its texts and its title.
int ResultsTable::wantedWidth(int column) const {
  const QHeaderView* header = m_view->horizontalHeader();
  const bool text = column == ResultsModel::kVariant || column == ResultsModel::kModel ||
                    column == ResultsModel::kExperiment || column == ResultsModel::kNotes;
  const int cells = static_cast<QAbstractItemView*>(m_view)->sizeHintForColumn(column);
  const QFontMetrics bold(Theme::instance().titleFont());
  const int title = bold.horizontalAdvance(ResultsModel::title(column)) + 16 +
                    (column == header->sortIndicatorSection() ? 14 : 0);
  return std::max(std::min(cells + 4, text ? kWidestText : kWidestColumn), title);
}

// Figures get longer while a job runs: columns grow with them, but never against the user.
void ResultsTable::growColumns() {
  m_fitting = true;
  for (const int column : visibleColumns()) {
    if (!m_resized.contains(column)) {
      m_view->setColumnWidth(column, std::max(m_view->columnWidth(column), wantedWidth(column)));
    }
  }
  m_fitting = false;
}

void ResultsTable::fillColumnsMenu() {
  QMenu* menu = m_columns->menu();
  menu->clear();
  for (int column = 0; column < ResultsModel::kColumnCount; ++column) {
    QAction* action = menu->addAction(ResultsModel::title(column));
    action->setCheckable(true);
    action->setChecked(m_chosen.contains(column));
    action->setEnabled(column != ResultsModel::kRun);
    action->setToolTip(ResultsModel::explanation(column));
    connect(action, &QAction::toggled, this, [this, column](bool on) {
      QList<int> columns = m_chosen;
      columns.removeAll(column);
      if (on) {
        columns << column;
      }
      setVisibleColumns(columns);
    });
  }
  menu->addSeparator();
  QSettings settings;
  settings.beginGroup(u"results-views"_s);
  for (const QString& name : settings.childKeys()) {
    menu->addAction(tr("View: %1").arg(name), this, [this, name] {
      QSettings saved;
      QList<int> columns;
      for (const QVariant& column : saved.value(u"results-views/"_s + name).toList()) {
        columns << column.toInt();
      }
      setVisibleColumns(columns);
    });
  }
  menu->addAction(tr("Save as view…"), this, [this] {
    bool ok = false;
    const QString name = QInputDialog::getText(this, tr("Save view"), tr("Name of these columns"),
                                               QLineEdit::Normal, QString(), &ok);
    if (ok && !name.trimmed().isEmpty()) {
      QVariantList columns;
      for (const int column : visibleColumns()) {
        columns << column;
      }
      QSettings().setValue(QString(u"results-views/"_s + name.trimmed().replace(u'/', u'-')),
                           columns);
    }
  });
  menu->addAction(tr("Default columns"), this, [this] {
    QHeaderView* header = m_view->horizontalHeader();
    for (int column = 0; column < ResultsModel::kColumnCount; ++column) {
      header->moveSection(header->visualIndex(column), column);
    }
    setVisibleColumns(defaultColumns());
  });
}

}  // namespace mxscope::ui
