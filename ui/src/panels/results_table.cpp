// SPDX-License-Identifier: GPL-3.0-or-later
#include "panels/results_table.h"

#include <QActionGroup>
#include <QApplication>
#include <QCheckBox>
#include <QClipboard>
#include <QFileDialog>
#include <QHeaderView>
#include <QInputDialog>
#include <QJsonArray>
#include <QKeyEvent>
#include <QLabel>
#include <QLineEdit>
#include <QMenu>
#include <QPushButton>
#include <QScrollBar>
#include <QSettings>
#include <QStackedWidget>
#include <QTableView>
#include <QToolButton>
#include <QVBoxLayout>

#include "panels/results_table_delegate.h"
#include "panels/results_table_export.h"
#include "plots/plot_export.h"
#include "plots/plot_types.h"
#include "theme/icons.h"
#include "theme/theme.h"

using namespace Qt::StringLiterals;

namespace mxscope::ui {
namespace {

constexpr int kRowHeight = 25;
constexpr int kWidestColumn = 260;

QList<int> defaultColumns() {
  using M = ResultsModel;
  return {M::kRun,  M::kVariant,  M::kState,   M::kModel, M::kFormat,       M::kBlock,
          M::kPpl,  M::kDeltaPpl, M::kPercent, M::kXent,  M::kDeltaEntropy, M::kKl,
          M::kTop1, M::kWeights,  M::kPeak,    M::kTime,  M::kTags};
}

QToolButton* menuButton(QWidget* parent, const QString& text, const QString& name) {
  auto* button = new QToolButton(parent);
  button->setText(QString(text + u" ▾"_s));
  button->setAccessibleName(text);
  button->setObjectName(name);
  button->setPopupMode(QToolButton::InstantPopup);
  button->setFocusPolicy(Qt::TabFocus);
  button->setMenu(new QMenu(button));
  return button;
}

}  // namespace

ResultsTable::ResultsTable(Workspace* workspace, QWidget* parent)
    : QWidget(parent),
      m_workspace(workspace),
      m_model(new ResultsModel(workspace, this)),
      m_chosen(defaultColumns()) {
  setObjectName(u"resultsTable"_s);
  auto* layout = new QVBoxLayout(this);
  layout->setContentsMargins(6, 6, 6, 6);
  layout->setSpacing(5);

  auto* bar = new QHBoxLayout;
  bar->setSpacing(6);
  m_filter = new QLineEdit(this);
  m_filter->setObjectName(u"resultsFilter"_s);
  m_filter->setPlaceholderText(tr("Filter: words, model:llama, dppl<0.5 …"));
  m_filter->setAccessibleName(tr("Filter of the results"));
  m_filter->setClearButtonEnabled(true);
  m_filter->setMinimumWidth(140);
  bar->addWidget(m_filter, 3);
  m_count = new QLabel(this);
  m_count->setObjectName(u"resultsCount"_s);
  bar->addWidget(m_count);
  m_clear = new QPushButton(tr("Clear"), this);
  m_clear->setProperty("role", u"flat"_s);
  m_clear->setToolTip(tr("Clear the filter"));
  m_clear->hide();
  bar->addWidget(m_clear);
  m_onlyDiffering = new QCheckBox(tr("Only columns that &differ"), this);
  bar->addWidget(m_onlyDiffering);
  bar->addStretch(1);
  m_group = menuButton(this, tr("Group"), u"resultsGroup"_s);
  m_columns = menuButton(this, tr("Columns"), u"resultsColumns"_s);
  m_export = menuButton(this, tr("Export"), u"resultsExport"_s);
  bar->addWidget(m_group);
  bar->addWidget(m_columns);
  bar->addWidget(m_export);
  layout->addLayout(bar);
  m_problem = new QLabel(this);
  m_problem->setProperty("role", u"warning"_s);
  m_problem->setWordWrap(true);
  m_problem->hide();
  layout->addWidget(m_problem);

  m_stack = new QStackedWidget(this);
  layout->addWidget(m_stack, 1);
  m_view = new QTableView(m_stack);
  m_view->setObjectName(u"resultsView"_s);
  m_view->setAccessibleName(tr("Results"));
  m_view->setModel(m_model);
  m_view->setItemDelegate(new ResultsTableDelegate(m_view));
  m_view->setShowGrid(false);
  m_view->setAlternatingRowColors(true);
  m_view->setSelectionBehavior(QAbstractItemView::SelectRows);
  m_view->setSelectionMode(QAbstractItemView::ExtendedSelection);
  m_view->setEditTriggers(QAbstractItemView::EditKeyPressed);
  m_view->setWordWrap(false);
  m_view->setTabKeyNavigation(false);
  m_view->setDragEnabled(true);
  m_view->setContextMenuPolicy(Qt::CustomContextMenu);
  m_view->setHorizontalScrollMode(QAbstractItemView::ScrollPerPixel);
  m_view->verticalHeader()->hide();
  m_view->verticalHeader()->setSectionResizeMode(QHeaderView::Fixed);
  m_view->verticalHeader()->setDefaultSectionSize(kRowHeight);
  QHeaderView* header = m_view->horizontalHeader();
  header->setSectionsMovable(true);
  header->setHighlightSections(false);
  header->setSortIndicatorShown(true);
  header->setSortIndicator(ResultsModel::kRun, Qt::AscendingOrder);
  header->setContextMenuPolicy(Qt::CustomContextMenu);
  header->setMinimumSectionSize(34);
  m_view->setSortingEnabled(true);
  m_view->installEventFilter(this);
  m_stack->addWidget(m_view);
  auto* empty =
      new QLabel(tr("<p><b>Results appear here</b></p><p>Each run becomes a row as it starts. "
                    "<a href=\"queue\">Show the queue</a></p>"),
                 m_stack);
  empty->setAlignment(Qt::AlignCenter);
  empty->setProperty("role", u"dim"_s);
  empty->setTextInteractionFlags(Qt::TextBrowserInteraction);
  connect(empty, &QLabel::linkActivated, this, &ResultsTable::queueWanted);
  m_stack->addWidget(empty);

  connect(m_filter, &QLineEdit::textChanged, this, &ResultsTable::filterChanged);
  connect(m_clear, &QPushButton::clicked, m_filter, &QLineEdit::clear);
  connect(m_onlyDiffering, &QCheckBox::toggled, this, &ResultsTable::applyColumns);
  connect(m_model, &ResultsModel::countChanged, this, &ResultsTable::updateCount);
  connect(m_model, &QAbstractItemModel::modelAboutToBeReset, this, [this] { m_syncing = true; });
  connect(m_model, &QAbstractItemModel::modelReset, this, [this] {
    const int scroll = m_view->verticalScrollBar()->value();
    m_syncing = false;
    selectionFromWorkspace();
    m_view->verticalScrollBar()->setValue(scroll);
    if (m_onlyDiffering->isChecked()) {
      applyColumns();
    }
  });
  connect(m_view->selectionModel(), &QItemSelectionModel::selectionChanged, this,
          &ResultsTable::selectionToWorkspace);
  connect(workspace, &Workspace::selectionChanged, this, [this] {
    if (!m_syncing) {
      selectionFromWorkspace();
      // A mark that was clicked in a plot scrolls its row into sight.
      for (const QString& id : m_workspace->selection()) {
        const int row = m_model->rowOf(id);
        if (row >= 0) {
          m_view->scrollTo(m_model->index(row, m_view->columnAt(4) < 0 ? 0 : m_view->columnAt(4)));
          break;
        }
      }
    }
    if (m_onlyDiffering->isChecked()) {
      applyColumns();
    }
  });
  connect(m_view, &QTableView::customContextMenuRequested, this, &ResultsTable::showRowMenu);
  connect(m_view, &QTableView::doubleClicked, this, [this](const QModelIndex& index) {
    if (index.column() == ResultsModel::kTags || index.column() == ResultsModel::kNotes) {
      m_view->edit(index);
    } else if (const QString id = m_model->runId(index.row()); !id.isEmpty()) {
      Q_EMIT runActivated(id);
    }
  });
  connect(header, &QHeaderView::customContextMenuRequested, this, [this](const QPoint& at) {
    fillColumnsMenu();
    m_columns->menu()->popup(m_view->horizontalHeader()->mapToGlobal(at));
  });
  connect(m_columns->menu(), &QMenu::aboutToShow, this, &ResultsTable::fillColumnsMenu);

  using G = ResultsModel::Grouping;
  auto* groups = new QActionGroup(this);
  const std::pair<G, QString> groupings[] = {{G::kJob, tr("By job, each with its baseline")},
                                             {G::kNone, tr("No groups")},
                                             {G::kModel, tr("By model")},
                                             {G::kFormat, tr("By format")},
                                             {G::kBlock, tr("By block size")},
                                             {G::kTag, tr("By tag")},
                                             {G::kExperiment, tr("By experiment")}};
  for (const auto& [grouping, text] : groupings) {
    QAction* action = m_group->menu()->addAction(text);
    action->setCheckable(true);
    action->setChecked(grouping == m_model->grouping());
    action->setData(int(grouping));
    groups->addAction(action);
  }
  connect(groups, &QActionGroup::triggered, this, [this](QAction* action) {
    m_model->setGrouping(ResultsModel::Grouping(action->data().toInt()));
  });
  const std::pair<QString, QString> kinds[] = {{u"json"_s, tr("&JSON (everything)…")},
                                               {u"csv"_s, tr("&CSV, one row per run…")},
                                               {u"long-csv"_s, tr("CSV, &long form…")},
                                               {u"windows-csv"_s, tr("CSV, per &window…")},
                                               {u"markdown"_s, tr("&Markdown table…")}};
  for (const auto& [kind, text] : kinds) {
    m_export->menu()->addAction(icon(u"export"_s), text, this,
                                [this, chosen = kind] { exportAs(chosen); });
  }
  m_export->menu()->addSeparator();
  m_export->menu()->addAction(icon(u"copy"_s), tr("Copy rows"), this, &ResultsTable::copyRows);

  connect(&Theme::instance(), &Theme::changed, this, [this] {
    m_view->verticalHeader()->setDefaultSectionSize(
        std::max(kRowHeight, QFontMetrics(Theme::instance().textFont()).height() + 8));
    applyColumns();
  });
  applyColumns();
  updateCount();
}

void ResultsTable::filterChanged() {
  m_model->setFilter(m_filter->text());
  const auto& problems = m_model->filter().problems();
  m_problem->setVisible(!problems.isEmpty());
  m_problem->setText(problems.isEmpty() ? QString() : problems.first().message);
  m_filter->setProperty("invalid", !problems.isEmpty());
  m_filter->setAccessibleDescription(m_problem->text());
  m_filter->style()->unpolish(m_filter);
  m_filter->style()->polish(m_filter);
  updateCount();
}

void ResultsTable::updateCount() {
  const int total = m_model->totalRuns();
  m_count->setText(tr("%1 of %2 runs").arg(m_model->shownRuns()).arg(total));
  m_clear->setVisible(!m_filter->text().isEmpty());
  m_stack->setCurrentIndex(total == 0 ? 1 : 0);
  m_export->setEnabled(total > 0);
  if (!m_view->property("sized").toBool() && total > 0) {
    m_view->setProperty("sized", true);
    applyColumns();
  }
  Q_EMIT countChanged(total);
}

void ResultsTable::setVisibleColumns(const QList<int>& columns) {
  m_chosen = columns;
  if (!m_chosen.contains(ResultsModel::kRun)) {
    m_chosen.prepend(ResultsModel::kRun);
  }
  applyColumns();
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

void ResultsTable::setOnlyDiffering(bool on) { m_onlyDiffering->setChecked(on); }

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
  for (const int column : columns) {
    m_view->resizeColumnToContents(column);
    const int width = m_view->columnWidth(column);
    m_view->setColumnWidth(column, std::min(width + 6, kWidestColumn));
  }
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

void ResultsTable::selectionFromWorkspace() {
  if (m_syncing) {
    return;
  }
  m_syncing = true;
  QItemSelection selection;
  int first = -1;
  for (const QString& id : m_workspace->selection()) {
    const int row = m_model->rowOf(id);
    if (row >= 0) {
      selection.select(m_model->index(row, 0), m_model->index(row, ResultsModel::kColumnCount - 1));
      first = first < 0 ? row : std::min(first, row);
    }
  }
  m_view->selectionModel()->select(selection, QItemSelectionModel::ClearAndSelect);
  if (first >= 0 && !m_view->selectionModel()->isRowSelected(m_view->currentIndex().row())) {
    m_view->selectionModel()->setCurrentIndex(m_model->index(first, 0),
                                              QItemSelectionModel::NoUpdate);
  }
  m_syncing = false;
}

void ResultsTable::selectionToWorkspace() {
  if (m_syncing) {
    return;
  }
  m_syncing = true;
  const QStringList runs = selectedRuns();
  // What is selected but filtered away stays selected only while nothing else is chosen.
  m_workspace->setSelection(QSet<QString>(runs.begin(), runs.end()));
  m_syncing = false;
}

QStringList ResultsTable::selectedRuns() const {
  QStringList runs;
  for (const QModelIndex& index : m_view->selectionModel()->selectedRows()) {
    if (const QString id = m_model->runId(index.row()); !id.isEmpty()) {
      runs << id;
    }
  }
  return runs;
}

QStringList ResultsTable::runsOf(Scope scope) const {
  switch (scope) {
    case Scope::kSelected:
      return selectedRuns();
    case Scope::kShown:
      return m_model->shownIds();
    case Scope::kAll:
      return m_workspace->runIds();
  }
  return {};
}

void ResultsTable::focusFilter() {
  m_filter->setFocus(Qt::ShortcutFocusReason);
  m_filter->selectAll();
}

void ResultsTable::setBaselineFromSelection() {
  const QString id = m_model->runId(m_view->currentIndex().row());
  if (!id.isEmpty()) {
    m_workspace->setBaseline(id);
  }
}

void ResultsTable::pinSelection() {
  for (const QString& id : selectedRuns()) {
    m_workspace->setPinned(id, !m_workspace->isPinned(id));
  }
}

void ResultsTable::editColumn(int column) {
  const QModelIndex current = m_view->currentIndex();
  if (!m_model->runId(current.row()).isEmpty()) {
    if (!m_chosen.contains(column)) {
      setVisibleColumns(m_chosen + QList<int>{column});
    }
    const QModelIndex index = m_model->index(current.row(), column);
    m_view->scrollTo(index);
    m_view->edit(index);
  }
}

void ResultsTable::copyRows() {
  QList<int> rows;
  for (const QModelIndex& index : m_view->selectionModel()->selectedRows()) {
    rows << index.row();
  }
  if (rows.isEmpty()) {
    for (int row = 0; row < m_model->rowCount(); ++row) {
      rows << row;
    }
  }
  std::sort(rows.begin(), rows.end());
  PlotTable table;
  const QList<int> columns = visibleColumns();
  for (const int column : columns) {
    table.headers << ResultsModel::title(column);
  }
  for (const int row : rows) {
    QVariantList cells;
    for (const int column : columns) {
      cells << m_model->index(row, column).data(ResultsModel::kExactRole);
    }
    table.rows << cells;
  }
  QApplication::clipboard()->setText(table.toTsv());
  Q_EMIT message(tr("Copied %1 rows").arg(rows.size()));
}

QString ResultsTable::exportTo(const QString& path, const QString& kind, Scope scope) const {
  return writeFile(path, exportBytes(collectResults(*m_workspace, runsOf(scope)), kind));
}

void ResultsTable::exportAs(const QString& kind) {
  // Scope: what is selected when it is more than one row, else what the filter shows.
  const bool several = selectedRuns().size() > 1;
  const Scope scope = several                      ? Scope::kSelected
                      : m_filter->text().isEmpty() ? Scope::kAll
                                                   : Scope::kShown;
  const ResultsExport collected = collectResults(*m_workspace, runsOf(scope));
  const int count = int(collected.results.runs.size());
  const QString what = scope == Scope::kSelected ? tr("%1 selected runs").arg(count)
                       : scope == Scope::kShown  ? tr("%1 shown runs").arg(count)
                                                 : tr("all %1 runs").arg(count);
  if (count == 0) {
    Q_EMIT failed(tr("Nothing to export"), tr("No run has a result yet."));
    return;
  }
  QSettings settings;
  const QString ending = endingOfKind(kind);
  const QString start = QString(settings.value(u"export/folder"_s, QDir::homePath()).toString() +
                                u"/results."_s + ending);
  const QString path =
      QFileDialog::getSaveFileName(this, tr("Export %1").arg(what), start,
                                   QString(ending.toUpper() + u" (*."_s + ending + u')'));
  if (path.isEmpty()) {
    return;
  }
  const QString error = writeFile(path, exportBytes(collected, kind));
  if (!error.isEmpty()) {
    Q_EMIT failed(tr("The export was not written"), error);
    return;
  }
  settings.setValue(u"export/folder"_s, QFileInfo(path).absolutePath());
  QString text = tr("Wrote %1 to %2").arg(what, path);
  if (!collected.leftOut.isEmpty()) {
    text += tr("; left out as unfinished: %1").arg(collected.leftOut.join(u", "_s));
  }
  Q_EMIT message(text);
}

void ResultsTable::showRowMenu(const QPoint& position) {
  const QString id = m_model->runId(m_view->indexAt(position).row());
  const Run* run = m_workspace->run(id);
  if (run == nullptr) {
    return;
  }
  auto* menu = new QMenu(this);
  menu->setAttribute(Qt::WA_DeleteOnClose);
  QAction* baseline = menu->addAction(icon(u"star"_s), tr("Set as &baseline\tB"), this,
                                      [this, id] { m_workspace->setBaseline(id); });
  baseline->setEnabled(m_workspace->baselineFor(run->jobId) != run);
  menu->addAction(icon(u"star"_s), tr("Reset the baseline"), this,
                  [this] { m_workspace->resetBaseline(); });
  menu->addAction(icon(u"pin"_s),
                  m_workspace->isPinned(id) ? tr("Un&pin\tP") : tr("&Pin to the top\tP"), this,
                  &ResultsTable::pinSelection);
  const bool hidden = m_workspace->isHidden(id);
  menu->addAction(icon(hidden ? u"eye"_s : u"eye-off"_s),
                  hidden ? tr("&Show in plots\tSpace") : tr("&Hide in plots\tSpace"), this,
                  [this, id, hidden] { m_workspace->setHidden(id, !hidden); });
  menu->addSeparator();
  menu->addAction(icon(u"tag"_s), tr("Edit &tags\tT"), this,
                  [this] { editColumn(ResultsModel::kTags); });
  menu->addAction(icon(u"note"_s), tr("Edit &notes"), this,
                  [this] { editColumn(ResultsModel::kNotes); });
  menu->addSeparator();
  menu->addAction(icon(u"copy"_s), tr("&Copy rows\tCtrl+C"), this, &ResultsTable::copyRows);
  menu->addAction(icon(u"terminal"_s), tr("Copy as co&mmand"), this,
                  [this, id] { Q_EMIT commandWanted(id); });
  menu->addAction(icon(u"edit"_s), tr("&Open configuration of this run"), this,
                  [this, id] { Q_EMIT configurationWanted(id); });
  menu->addSeparator();
  menu->addAction(icon(u"delete"_s), tr("&Remove from the results\tDel"), this,
                  [this] { m_workspace->removeRuns(selectedRuns()); });
  menu->popup(m_view->viewport()->mapToGlobal(position));
}

bool ResultsTable::eventFilter(QObject* watched, QEvent* event) {
  if (watched != m_view || event->type() != QEvent::KeyPress) {
    return QWidget::eventFilter(watched, event);
  }
  const auto* key = static_cast<QKeyEvent*>(event);
  if (key->matches(QKeySequence::Copy)) {
    copyRows();
    return true;
  }
  if (key->modifiers() != Qt::NoModifier) {
    return false;
  }
  switch (key->key()) {
    case Qt::Key_B:
      setBaselineFromSelection();
      return true;
    case Qt::Key_P:
      pinSelection();
      return true;
    case Qt::Key_T:
      editColumn(ResultsModel::kTags);
      return true;
    case Qt::Key_Space: {
      const QStringList runs = selectedRuns();
      const bool hide = !runs.isEmpty() && !m_workspace->isHidden(runs.first());
      for (const QString& id : runs) {
        m_workspace->setHidden(id, hide);
      }
      return true;
    }
    case Qt::Key_Delete:
      m_workspace->removeRuns(selectedRuns());
      return true;
    case Qt::Key_Return:
    case Qt::Key_Enter:
      if (const QString id = m_model->runId(m_view->currentIndex().row()); !id.isEmpty()) {
        Q_EMIT runActivated(id);
      }
      return true;
    default:
      return false;
  }
}

}  // namespace mxscope::ui
