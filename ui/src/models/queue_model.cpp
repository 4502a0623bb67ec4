// SPDX-License-Identifier: GPL-3.0-or-later
#include "models/queue_model.h"

#include <QLocale>
#include <QMimeData>
#include <cmath>

#include "bridge/queue_controller.h"
#include "models/workspace.h"
#include "plots/number_text.h"

namespace mxscope::ui {

namespace {

const QString kMimeType = QStringLiteral("application/x-mxscope-jobs");

QString count(double value) { return QLocale().toString(static_cast<qlonglong>(value)); }

}  // namespace

QString timeLeftText(double seconds) {
  const auto text = [](const char* unit, qint64 value) {
    return QStringLiteral("%1 %2").arg(value).arg(QLatin1String(unit));
  };
  if (seconds < 60) {
    return text("s", std::max<qint64>(1, std::llround(seconds)));
  }
  if (seconds < 600) {
    const qint64 rounded = std::llround(seconds / 5) * 5;
    const QString minutes = text("min", rounded / 60);
    return rounded % 60 ? minutes + QLatin1Char(' ') + text("s", rounded % 60) : minutes;
  }
  const qint64 minutes = std::llround(seconds / 60);
  if (minutes < 60) {
    return text("min", minutes);
  }
  return text("h", minutes / 60) + QLatin1Char(' ') + text("min", minutes % 60);
}

QueueModel::QueueModel(Workspace* workspace, QueueController* queue, QObject* parent)
    : QAbstractTableModel(parent), m_workspace(workspace), m_queue(queue) {
  connect(workspace, &Workspace::jobsChanged, this, &QueueModel::refresh);
  connect(workspace, &Workspace::wasReset, this, &QueueModel::refresh);
  refresh();
}

void QueueModel::refresh() {
  QStringList rows;
  for (const QString& id : m_workspace->jobIds()) {
    if (m_workspace->job(id)->listed) {
      rows << id;
    }
  }
  if (rows == m_rows) {
    if (!rows.isEmpty()) {
      Q_EMIT dataChanged(index(0, 0), index(static_cast<int>(rows.size()) - 1, kColumnCount - 1));
    }
    return;
  }
  const bool appended = rows.size() > m_rows.size() && rows.mid(0, m_rows.size()) == m_rows;
  if (appended) {
    beginInsertRows({}, static_cast<int>(m_rows.size()), static_cast<int>(rows.size()) - 1);
    m_rows = rows;
    endInsertRows();
    return;
  }
  QStringList sortedOld = m_rows, sortedNew = rows;
  sortedOld.sort();
  sortedNew.sort();
  if (sortedOld == sortedNew) {
    Q_EMIT layoutAboutToBeChanged();
    const QModelIndexList before = persistentIndexList();
    QModelIndexList after;
    for (const QModelIndex& old : before) {
      after << index(static_cast<int>(rows.indexOf(m_rows.value(old.row()))), old.column());
    }
    m_rows = rows;
    changePersistentIndexList(before, after);
    Q_EMIT layoutChanged();
    return;
  }
  beginResetModel();
  m_rows = rows;
  endResetModel();
}

QString QueueModel::jobAt(int row) const { return m_rows.value(row); }

int QueueModel::rowOf(const QString& jobId) const {
  return static_cast<int>(m_rows.indexOf(jobId));
}

int QueueModel::rowCount(const QModelIndex& parent) const {
  return parent.isValid() ? 0 : static_cast<int>(m_rows.size());
}

int QueueModel::columnCount(const QModelIndex& parent) const {
  return parent.isValid() ? 0 : kColumnCount;
}

QString QueueModel::progressText(const Job& job) {
  switch (job.state) {
    case JobState::kLoading:
      return job.loadTotalBytes > 0
                 ? tr("reading %1 of %2")
                       .arg(bytesText(job.loadedBytes), bytesText(job.loadTotalBytes))
                 : tr("starting…");
    case JobState::kRunning:
    case JobState::kPausing:
    case JobState::kCancelling:
    case JobState::kPaused: {
      QStringList parts = {tr("%1 %").arg(std::floor(job.fraction() * 100), 0, 'f', 0)};
      if (job.state == JobState::kRunning) {
        parts << (job.secondsLeft ? tr("%1 left").arg(timeLeftText(*job.secondsLeft))
                                  : tr("estimating…"));
        if (job.tokensPerSecond) {
          parts << tr("%1 tok/s").arg(count(*job.tokensPerSecond));
        }
      }
      return parts.join(QStringLiteral(" · "));
    }
    case JobState::kDone:
      return job.totalSeconds
                 ? tr("%n run(s) in %1", nullptr, static_cast<int>(job.variants.size()))
                       .arg(timeLeftText(*job.totalSeconds))
                 : tr("%n run(s)", nullptr, static_cast<int>(job.variants.size()));
    case JobState::kFailed:
      return job.message;
    case JobState::kCancelled:
      return job.windowsDone > 0
                 ? tr("%1 of %2 windows kept").arg(job.windowsDone).arg(job.windowsTotal)
                 : tr("nothing was computed");
    case JobState::kInterrupted:
      return tr("was running at the end; can be resumed");
    case JobState::kWaiting:
      return tr("%n run(s)", nullptr, static_cast<int>(job.variants.size()));
  }
  return {};
}

QString QueueModel::detailText(const Job& job) {
  if (job.state == JobState::kLoading) {
    return progressText(job);
  }
  QStringList parts;
  if (job.windowsTotal > 0) {
    parts << tr("window %1 of %2").arg(count(job.windowsDone), count(job.windowsTotal));
  }
  if (job.tokensTotal > 0) {
    parts << tr("%1 of %2 tokens")
                 .arg(count(static_cast<double>(job.tokensDone)),
                      count(static_cast<double>(job.tokensTotal)));
  }
  if (job.tokensPerSecond) {
    parts << tr("%1 tok/s").arg(count(*job.tokensPerSecond));
  }
  if (job.state == JobState::kRunning) {
    parts << (job.secondsLeft ? tr("%1 left").arg(timeLeftText(*job.secondsLeft))
                              : tr("estimating…"));
  }
  return parts.join(QStringLiteral(" · "));
}

// "Llama-3.2-1B · weights only · attempt 2"
QString QueueModel::nameOf(const Job& job) {
  QString text = job.model;
  if (!job.name.isEmpty()) {
    text += QStringLiteral(" · ") + job.name;
  }
  if (job.attempt > 1) {
    text += tr(" · attempt %1").arg(job.attempt);
  }
  return text;
}

QVariant QueueModel::data(const QModelIndex& index, int role) const {
  const Job* job = index.isValid() ? m_workspace->job(jobAt(index.row())) : nullptr;
  if (!job) {
    return {};
  }
  switch (role) {
    case kIdRole:
      return job->id;
    case kStateRole:
      return static_cast<int>(job->state);
    case kFractionRole:
      return job->state == JobState::kLoading && job->loadTotalBytes > 0
                 ? job->loadedBytes / job->loadTotalBytes
             : isActive(job->state) || job->state == JobState::kPaused ? job->fraction()
                                                                       : -1.0;
    case Qt::ToolTipRole:
      if (index.column() == kProgress) {
        return job->message.isEmpty() ? detailText(*job) : job->message;
      }
      if (index.column() == kJob) {
        return QString(nameOf(*job) + u'\n' + job->variants.join(QStringLiteral(", ")));
      }
      return {};
    case Qt::TextAlignmentRole:
      return static_cast<int>(index.column() == kNumber ? Qt::AlignRight | Qt::AlignVCenter
                                                        : Qt::AlignLeft | Qt::AlignVCenter);
    case Qt::DisplayRole:
    case Qt::AccessibleTextRole:
      break;
    default:
      return {};
  }
  switch (index.column()) {
    case kNumber:
      return index.row() + 1;
    case kJob:
      return nameOf(*job);
    case kState:
      return displayName(job->state);
    case kProgress:
      return progressText(*job);
    case kAdded:
      return QLocale().toString(job->addedAt.time(), QStringLiteral("HH:mm"));
    default:
      return {};
  }
}

QVariant QueueModel::headerData(int section, Qt::Orientation orientation, int role) const {
  if (orientation != Qt::Horizontal || role != Qt::DisplayRole) {
    return {};
  }
  switch (section) {
    case kNumber:
      return QStringLiteral("#");
    case kJob:
      return tr("Job");
    case kState:
      return tr("State");
    case kProgress:
      return tr("Progress");
    case kAdded:
      return tr("Added");
    default:
      return {};
  }
}

Qt::ItemFlags QueueModel::flags(const QModelIndex& index) const {
  Qt::ItemFlags flags = QAbstractTableModel::flags(index);
  if (!index.isValid()) {
    return flags | Qt::ItemIsDropEnabled;
  }
  const Job* job = m_workspace->job(jobAt(index.row()));
  if (job && job->state == JobState::kWaiting) {
    flags |= Qt::ItemIsDragEnabled;
  }
  return flags;
}

QStringList QueueModel::mimeTypes() const { return {kMimeType}; }

QMimeData* QueueModel::mimeData(const QModelIndexList& indexes) const {
  QStringList ids;
  for (const QModelIndex& index : indexes) {
    const QString id = jobAt(index.row());
    if (!ids.contains(id)) {
      ids << id;
    }
  }
  auto* data = new QMimeData;
  data->setData(kMimeType, ids.join(QLatin1Char('\n')).toUtf8());
  return data;
}

bool QueueModel::dropMimeData(const QMimeData* data, Qt::DropAction action, int row, int column,
                              const QModelIndex& parent) {
  Q_UNUSED(column)
  if (action != Qt::MoveAction || !data->hasFormat(kMimeType)) {
    return false;
  }
  const QStringList ids = QString::fromUtf8(data->data(kMimeType)).split(QLatin1Char('\n'));
  int target = row >= 0 ? row : parent.isValid() ? parent.row() : rowCount();
  const QStringList all = m_workspace->jobIds();
  target = target < m_rows.size() ? static_cast<int>(all.indexOf(m_rows[target]))
                                  : static_cast<int>(all.size());
  m_queue->moveTo(ids, target);
  return false;  // the queue has moved the rows; the view must not remove them
}

}  // namespace mxscope::ui
