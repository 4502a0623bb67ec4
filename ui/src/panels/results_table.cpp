// SPDX-License-Identifier: GPL-3.0-or-later
#include "panels/results_table.h"

#include <QActionGroup>
#include <QApplication>
#include <QCheckBox>
#include <QClipboard>
#include <QHeaderView>
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
#include "plots/plot_export.h"
#include "plots/plot_types.h"
#include "theme/icons.h"
#include "theme/theme.h"

using namespace Qt::StringLiterals;

namespace mxscope::ui {
namespace {

constexpr int kPauseMs = 400;  // between two looks at whether figures outgrew their columns

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

  // One row of controls, or two where one is too wide; it never makes the window wider.
  m_bar = new QWidget(this);
  m_bar->setSizePolicy(QSizePolicy::Ignored, QSizePolicy::Fixed);
  m_bar->installEventFilter(this);
  m_bars = new QBoxLayout(QBoxLayout::LeftToRight, m_bar);
  m_bars->setContentsMargins(0, 0, 0, 0);
  m_bars->setSpacing(6);
  auto* bar = new QHBoxLayout;
  bar->setSpacing(6);
  m_filter = new QLineEdit(this);
  m_filter->setObjectName(u"resultsFilter"_s);
  m_filter->setPlaceholderText(tr("Filter: words, model:llama, dppl<0.5 …"));
  m_filter->setAccessibleName(tr("Filter of the results"));
  m_filter->setClearButtonEnabled(true);
  m_filter->setMinimumWidth(110);
  bar->addWidget(m_filter, 1);
  m_count = new QLabel(this);
  m_count->setObjectName(u"resultsCount"_s);
  bar->addWidget(m_count);
  m_clear = new QPushButton(tr("Clear"), this);
  m_clear->setProperty("role", u"flat"_s);
  m_clear->setToolTip(tr("Clear the filter"));
  m_clear->hide();
  bar->addWidget(m_clear);
  m_bars->addLayout(bar, 3);
  auto* tools = new QHBoxLayout;
  tools->setSpacing(6);
  m_onlyDiffering = new QCheckBox(tr("Only what &differs"), this);
  m_onlyDiffering->setToolTip(tr("Only the columns in which the selected runs differ"));
  tools->addWidget(m_onlyDiffering);
  tools->addStretch(1);
  m_group = menuButton(this, tr("Group"), u"resultsGroup"_s);
  m_columns = menuButton(this, tr("Columns"), u"resultsColumns"_s);
  m_export = menuButton(this, tr("Export"), u"resultsExport"_s);
  tools->addWidget(m_group);
  tools->addWidget(m_columns);
  tools->addWidget(m_export);
  m_bars->addLayout(tools, 2);
  layout->addWidget(m_bar);
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
  m_view->verticalHeader()->setDefaultSectionSize(Theme::instance().rowHeight());
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
  m_growTimer.setSingleShot(true);
  m_growTimer.setInterval(kPauseMs);
  connect(&m_growTimer, &QTimer::timeout, this, &ResultsTable::growColumns);
  const auto growSoon = [this] {
    if (!m_growTimer.isActive()) {
      m_growTimer.start();
    }
  };
  connect(m_model, &QAbstractItemModel::dataChanged, this, growSoon);
  connect(m_model, &QAbstractItemModel::modelReset, this, growSoon);
  connect(header, &QHeaderView::sortIndicatorChanged, this, growSoon);
  connect(header, &QHeaderView::sectionResized, this, [this](int column) {
    if (!m_fitting) {
      m_resized.insert(column);
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
    m_view->verticalHeader()->setDefaultSectionSize(Theme::instance().rowHeight());
    applyColumns();
  });
  applyColumns();
  updateCount();
}

void ResultsTable::fitBar() {
  const auto needs = [this](int item) { return m_bars->itemAt(item)->minimumSize().width(); };
  const bool two = needs(0) + needs(1) + 24 > m_bar->width();
  m_bars->setDirection(two ? QBoxLayout::TopToBottom : QBoxLayout::LeftToRight);
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

void ResultsTable::setOnlyDiffering(bool on) { m_onlyDiffering->setChecked(on); }

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
  // After a LayoutRequest the least widths are those of the texts and the font of now; right after
  // a change of a text they are still the old ones.
  if (watched == m_bar &&
      (event->type() == QEvent::Resize || event->type() == QEvent::LayoutRequest)) {
    fitBar();
  }
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
