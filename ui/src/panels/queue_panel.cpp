// SPDX-License-Identifier: GPL-3.0-or-later
#include "panels/queue_panel.h"

#include <QAction>
#include <QEvent>
#include <QHBoxLayout>
#include <QHeaderView>
#include <QLabel>
#include <QPainter>
#include <QPushButton>
#include <QStackedLayout>
#include <QStyledItemDelegate>
#include <QTableView>
#include <QToolBar>
#include <QVBoxLayout>

#include "bridge/queue_controller.h"
#include "models/queue_model.h"
#include "models/workspace.h"
#include "panels/section.h"
#include "theme/icons.h"
#include "theme/theme.h"

namespace mxscope::ui {

namespace {

constexpr int kBarHeight = 8;
constexpr int kBarWidth = 110;
constexpr int kTextAfterBar = kBarWidth + 16;  // px from the left edge of a cell
constexpr int kAfterText = 4;
// Letters of a job's name that are shown at least, and where there is room.
constexpr int kFewLetters = 12, kManyLetters = 28;

// A bar of 8 px with its text beside it; text over a bar is hard to read.
class ProgressDelegate : public QStyledItemDelegate {
 public:
  using QStyledItemDelegate::QStyledItemDelegate;

  void paint(QPainter* painter, const QStyleOptionViewItem& option,
             const QModelIndex& index) const override {
    QStyleOptionViewItem item = option;
    initStyleOption(&item, index);
    const double fraction = index.data(QueueModel::kFractionRole).toDouble();
    const auto state = static_cast<JobState>(index.data(QueueModel::kStateRole).toInt());
    const Tokens& tokens = Theme::instance().tokens();
    if (state == JobState::kFailed) {
      item.palette.setColor(QPalette::Text, tokens.worse);
    }
    if (fraction < 0) {
      QStyledItemDelegate::paint(painter, item, index);
      return;
    }
    const QString text = std::exchange(item.text, QString());
    item.widget->style()->drawControl(QStyle::CE_ItemViewItem, &item, painter, item.widget);
    painter->save();
    painter->setRenderHint(QPainter::Antialiasing);
    painter->setPen(Qt::NoPen);
    const QRectF track(item.rect.left() + 6, item.rect.center().y() - kBarHeight / 2.0 + 0.5,
                       kBarWidth, kBarHeight);
    painter->setBrush(item.palette.color(QPalette::Mid));
    painter->setOpacity(0.45);
    painter->drawRoundedRect(track, kBarHeight / 2.0, kBarHeight / 2.0);
    painter->setOpacity(1);
    if (fraction > 0) {
      QRectF done = track;
      done.setWidth(std::max<double>(kBarHeight, track.width() * std::min(1.0, fraction)));
      painter->setBrush(tokens.accent);
      painter->drawRoundedRect(done, kBarHeight / 2.0, kBarHeight / 2.0);
    }
    painter->setPen(item.palette.color(
        item.state & QStyle::State_Selected ? QPalette::HighlightedText : QPalette::Text));
    painter->drawText(item.rect.adjusted(kTextAfterBar, 0, -kAfterText, 0),
                      Qt::AlignLeft | Qt::AlignVCenter,
                      item.fontMetrics.elidedText(text, Qt::ElideRight,
                                                  item.rect.width() - kTextAfterBar - kAfterText));
    painter->restore();
  }
};

}  // namespace

QueuePanel::QueuePanel(Workspace* workspace, QueueController* queue, QWidget* parent)
    : QWidget(parent), m_workspace(workspace), m_queue(queue) {
  setObjectName(QStringLiteral("queuePanel"));
  auto* layout = new QVBoxLayout(this);
  layout->setContentsMargins(0, 6, 0, 0);
  layout->setSpacing(4);

  m_up =
      addAction(QStringLiteral("queueUp"), tr("Move &up"), QStringLiteral("up"),
                QKeySequence(Qt::ALT | Qt::Key_Up), [this] { m_queue->move(selectedJobs(), -1); });
  m_down =
      addAction(QStringLiteral("queueDown"), tr("Move &down"), QStringLiteral("down"),
                QKeySequence(Qt::ALT | Qt::Key_Down), [this] { m_queue->move(selectedJobs(), 1); });
  m_top =
      addAction(QStringLiteral("queueTop"), tr("Move to &top"), QStringLiteral("top"), {}, [this] {
        const QStringList ahead = m_queue->waiting();
        if (!ahead.isEmpty()) {
          m_queue->moveTo(selectedJobs(),
                          static_cast<int>(m_workspace->jobIds().indexOf(ahead.first())));
        }
      });
  m_cancel = addAction(QStringLiteral("queueCancelSelected"), tr("&Cancel"), QStringLiteral("stop"),
                       {}, [this] {
                         for (const QString& id : selectedJobs()) {
                           m_queue->cancel(id);
                         }
                       });
  m_remove = addAction(QStringLiteral("queueRemove"), tr("&Remove from the queue"),
                       QStringLiteral("delete"), QKeySequence::Delete,
                       [this] { m_queue->remove(selectedJobs()); });
  m_retry = addAction(QStringLiteral("queueRetry"), tr("Re&try"), QStringLiteral("retry"),
                      QKeySequence(Qt::Key_R), [this] {
                        for (const QString& id : selectedJobs()) {
                          m_queue->retry(id);
                        }
                      });
  m_retryAll = addAction(QStringLiteral("queueRetryAll"), tr("Retry all &failed"),
                         QStringLiteral("retry"), {}, [this] { m_queue->retryAllFailed(); });
  m_details = addAction(QStringLiteral("queueDetails"), tr("&Details of the job…"),
                        QStringLiteral("info"), {}, [this] {
                          const QStringList jobs = selectedJobs();
                          if (!jobs.isEmpty()) {
                            Q_EMIT detailsRequested(jobs.first());
                          }
                        });

  m_banner = new QWidget(this);
  m_banner->setObjectName(QStringLiteral("queueBanner"));
  auto* bannerLayout = new QHBoxLayout(m_banner);
  bannerLayout->setContentsMargins(6, 0, 6, 0);
  m_bannerText = new QLabel(m_banner);
  bannerLayout->addWidget(m_bannerText, 1);
  auto* resume = new QPushButton(tr("Resume"), m_banner);
  resume->setObjectName(QStringLiteral("queueResume"));
  resume->setIcon(icon(QStringLiteral("resume")));
  bannerLayout->addWidget(resume);
  connect(resume, &QPushButton::clicked, m_queue, &QueueController::start);
  layout->addWidget(m_banner);

  auto* tools = new QToolBar(this);
  tools->setObjectName(QStringLiteral("queueTools"));
  tools->setIconSize(QSize(16, 16));
  tools->addActions({m_up, m_down, m_top});
  tools->addSeparator();
  tools->addActions({m_cancel, m_retry, m_retryAll, m_remove});
  layout->addWidget(tools);

  m_model = new QueueModel(workspace, queue, this);
  m_view = new QTableView(this);
  m_view->setObjectName(QStringLiteral("queueTable"));
  m_view->setAccessibleName(tr("Queue of jobs"));
  m_view->setModel(m_model);
  m_view->setItemDelegateForColumn(QueueModel::kProgress, new ProgressDelegate(this));
  m_view->setSelectionBehavior(QAbstractItemView::SelectRows);
  m_view->setSelectionMode(QAbstractItemView::ExtendedSelection);
  m_view->setDragDropMode(QAbstractItemView::InternalMove);
  m_view->setDragDropOverwriteMode(false);
  m_view->setDefaultDropAction(Qt::MoveAction);
  m_view->setAlternatingRowColors(true);
  m_view->setShowGrid(false);
  m_view->setWordWrap(false);
  m_view->setTabKeyNavigation(false);
  m_view->verticalHeader()->hide();
  m_view->horizontalHeader()->setHighlightSections(false);
  m_view->horizontalHeader()->setDefaultAlignment(Qt::AlignLeft | Qt::AlignVCenter);
  m_view->horizontalHeader()->setMinimumSectionSize(1);  // else as wide as the widest letter
  m_view->horizontalHeader()->setSectionResizeMode(QHeaderView::Fixed);
  m_view->horizontalHeader()->setSectionResizeMode(QueueModel::kJob, QHeaderView::Interactive);
  connect(m_view->horizontalHeader(), &QHeaderView::sectionResized, this,
          [this](int column, int, int width) {
            if (!m_fitting && column == QueueModel::kJob) {
              m_jobWidth = width;  // dragged: kept from now on
              fitColumns();
            }
          });
  m_view->setHorizontalScrollMode(QAbstractItemView::ScrollPerPixel);
  const auto fitRows = [this] {
    m_view->verticalHeader()->setDefaultSectionSize(Theme::instance().rowHeight());
    fitColumns();
  };
  connect(&Theme::instance(), &Theme::changed, m_view, fitRows);
  fitRows();
  m_view->viewport()->installEventFilter(this);
  m_view->setContextMenuPolicy(Qt::ActionsContextMenu);
  m_view->addActions(rowActions());
  layout->addWidget(m_view, 1);

  m_empty = addEmptyText(m_view->viewport(),
                         tr("Nothing waiting. Ctrl+Enter adds the current experiment."));
  m_empty->setObjectName(QStringLiteral("queueEmpty"));

  connect(m_view->selectionModel(), &QItemSelectionModel::selectionChanged, this,
          &QueuePanel::refresh);
  connect(queue, &QueueController::changed, this, &QueuePanel::refresh);
  connect(workspace, &Workspace::jobsChanged, this, &QueuePanel::refresh);
  connect(m_view, &QTableView::doubleClicked, this, [this](const QModelIndex& index) {
    Q_EMIT detailsRequested(m_model->jobAt(index.row()));
  });
  refresh();
}

// Each column gets what its title and its texts need in the font of the day, progress also what is
// left over. Where a bar with its per cent finds no place, the name of the job gives way, which a
// tool tip tells; where that does not do either, the table scrolls.
void QueuePanel::fitColumns() {
  using M = QueueModel;
  const QHeaderView* header = m_view->horizontalHeader();
  const QFontMetrics metrics(m_view->font());
  const int margins =
      2 * (m_view->style()->pixelMetric(QStyle::PM_FocusFrameHMargin, nullptr, m_view) + 1);
  const auto needs = [&](int column, std::initializer_list<QString> samples, int beside) {
    int wide = header->sectionSizeHint(column);
    for (const QString& sample : samples) {
      wide = std::max(wide, metrics.horizontalAdvance(sample) + beside);
    }
    return wide;
  };
  const int number = needs(M::kNumber, {QStringLiteral("000")}, margins);
  const int state =
      needs(M::kState, {displayName(JobState::kCancelling), displayName(JobState::kInterrupted)},
            margins);
  const int added = needs(M::kAdded, {QStringLiteral("00:00")}, margins);
  const int progress = needs(M::kProgress, {tr("%1 %").arg(100)}, kTextAfterBar + kAfterText);
  const int shortest = needs(M::kJob, {QString(kFewLetters, u'n')}, margins);
  const int usual = needs(M::kJob, {QString(kManyLetters, u'n')}, margins);
  const int room = m_view->viewport()->width() - number - state - added;
  const int job = m_jobWidth > 0 ? std::max(m_jobWidth, shortest)
                                 : std::clamp(room - progress, shortest, usual);
  m_fitting = true;
  m_view->setColumnWidth(M::kNumber, number);
  m_view->setColumnWidth(M::kJob, job);
  m_view->setColumnWidth(M::kState, state);
  m_view->setColumnWidth(M::kProgress, std::max(progress, room - job));
  m_view->setColumnWidth(M::kAdded, added);
  m_fitting = false;
}

bool QueuePanel::eventFilter(QObject* watched, QEvent* event) {
  if (event->type() == QEvent::Resize && watched == m_view->viewport()) {
    fitColumns();
  }
  return QWidget::eventFilter(watched, event);
}

QAction* QueuePanel::addAction(const QString& name, const QString& text, const QString& iconName,
                               const QKeySequence& shortcut, const std::function<void()>& run) {
  auto* action = new QAction(icon(iconName), text, this);
  action->setObjectName(name);
  action->setShortcut(shortcut);
  // Letters and arrows act only here, never while a text field has the focus.
  action->setShortcutContext(Qt::WidgetWithChildrenShortcut);
  connect(action, &QAction::triggered, this, run);
  QWidget::addAction(action);
  return action;
}

QStringList QueuePanel::selectedJobs() const {
  QStringList ids;
  for (const QModelIndex& index : m_view->selectionModel()->selectedRows()) {
    ids << m_model->jobAt(index.row());
  }
  return ids;
}

QList<QAction*> QueuePanel::rowActions() const {
  return {m_up, m_down, m_top, m_cancel, m_retry, m_retryAll, m_remove, m_details};
}

void QueuePanel::refresh() {
  bool waiting = false, ended = false, active = false, anyFailed = false;
  for (const QString& id : selectedJobs()) {
    const Job* job = m_workspace->job(id);
    if (!job) {
      continue;
    }
    waiting = waiting || job->state == JobState::kWaiting;
    active = active || isActive(job->state) || job->state == JobState::kPaused;
    ended = ended || job->state == JobState::kFailed || job->state == JobState::kCancelled ||
            job->state == JobState::kDone || job->state == JobState::kInterrupted;
  }
  for (const QString& id : m_workspace->jobIds()) {
    const Job* job = m_workspace->job(id);
    anyFailed = anyFailed || (job->listed && job->state == JobState::kFailed);
  }
  m_up->setEnabled(waiting);
  m_down->setEnabled(waiting);
  m_top->setEnabled(waiting);
  m_cancel->setEnabled(waiting || active);
  m_remove->setEnabled(waiting || ended);
  m_retry->setEnabled(ended);
  m_retryAll->setEnabled(anyFailed);
  m_details->setEnabled(waiting || ended || active);
  m_empty->setVisible(m_model->rowCount() == 0);

  const Job* current = m_workspace->job(m_queue->currentJob());
  const bool interrupted = current && current->state == JobState::kInterrupted;
  const bool paused = interrupted || (current && current->state == JobState::kPaused) ||
                      (!m_queue->isStarted() && !current && !m_queue->waiting().isEmpty());
  m_banner->setVisible(paused);
  if (paused) {
    m_banner->findChild<QPushButton*>(QStringLiteral("queueResume"))
        ->setText(current ? tr("Resume") : tr("Start"));
    m_bannerText->setText(interrupted ? tr("Interrupted. What was finished is kept; Resume goes "
                                           "on from there, Retry begins anew.")
                          : current
                              ? tr("Paused. What is finished is kept; Resume goes on from there.")
                              : tr("The queue is not started. %n job(s) waiting.", nullptr,
                                   static_cast<int>(m_queue->waiting().size())));
  }
}

}  // namespace mxscope::ui
