// SPDX-License-Identifier: GPL-3.0-or-later
#include "panels/queue_panel.h"

#include <QAction>
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
#include "theme/icons.h"
#include "theme/theme.h"

namespace mxscope::ui {

namespace {

constexpr int kBarHeight = 8;
constexpr int kBarWidth = 110;

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
    painter->drawText(
        item.rect.adjusted(kBarWidth + 16, 0, -4, 0), Qt::AlignLeft | Qt::AlignVCenter,
        item.fontMetrics.elidedText(text, Qt::ElideRight, item.rect.width() - kBarWidth - 20));
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
  const auto fitRows = [this] {
    m_view->verticalHeader()->setDefaultSectionSize(Theme::instance().rowHeight());
    const QFontMetrics metrics(Theme::instance().titleFont());
    m_view->setColumnWidth(QueueModel::kNumber,
                           metrics.horizontalAdvance(QLatin1String("00")) + 24);
    m_view->setColumnWidth(QueueModel::kJob, 210);
    m_view->setColumnWidth(QueueModel::kState,
                           metrics.horizontalAdvance(displayName(JobState::kCancelling)) + 20);
    m_view->setColumnWidth(QueueModel::kAdded,
                           metrics.horizontalAdvance(QLatin1String("00:00")) + 28);
  };
  connect(&Theme::instance(), &Theme::changed, m_view, fitRows);
  fitRows();
  m_view->horizontalHeader()->setHighlightSections(false);
  m_view->horizontalHeader()->setDefaultAlignment(Qt::AlignLeft | Qt::AlignVCenter);
  m_view->horizontalHeader()->setSectionResizeMode(QueueModel::kProgress, QHeaderView::Stretch);
  m_view->setContextMenuPolicy(Qt::ActionsContextMenu);
  m_view->addActions(rowActions());
  layout->addWidget(m_view, 1);

  m_empty = new QLabel(tr("Nothing waiting. Ctrl+Enter adds the current experiment."), m_view);
  m_empty->setObjectName(QStringLiteral("queueEmpty"));
  m_empty->setProperty("role", QStringLiteral("dim"));
  m_empty->setAlignment(Qt::AlignCenter);
  auto* overlay = new QVBoxLayout(m_view->viewport());
  overlay->addWidget(m_empty);

  connect(m_view->selectionModel(), &QItemSelectionModel::selectionChanged, this,
          &QueuePanel::refresh);
  connect(queue, &QueueController::changed, this, &QueuePanel::refresh);
  connect(workspace, &Workspace::jobsChanged, this, &QueuePanel::refresh);
  connect(m_view, &QTableView::doubleClicked, this, [this](const QModelIndex& index) {
    Q_EMIT detailsRequested(m_model->jobAt(index.row()));
  });
  refresh();
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
