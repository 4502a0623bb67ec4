// SPDX-License-Identifier: GPL-3.0-or-later
#include "models/workspace.h"

#include <QUndoStack>
#include <QUuid>
#include <algorithm>
#include <cmath>

#include "models/paired_delta.h"

namespace mxscope::ui {

namespace {

constexpr int kBatchMilliseconds = 50;   // at most 20 batches a second
constexpr double kHistorySeconds = 120;  // what the memory card shows
constexpr qsizetype kMaximumPins = 6;

// One edit of the workspace; both directions are closures over values.
class WorkspaceCommand : public QUndoCommand {
 public:
  WorkspaceCommand(const QString& text, std::function<void()> redo, std::function<void()> undo)
      : QUndoCommand(text), m_redo(std::move(redo)), m_undo(std::move(undo)) {}
  void redo() override { m_redo(); }
  void undo() override { m_undo(); }

 private:
  std::function<void()> m_redo, m_undo;
};

QString makeId() { return QUuid::createUuid().toString(QUuid::WithoutBraces); }

}  // namespace

Workspace::Workspace(QObject* parent) : QObject(parent) {
  m_timer.setInterval(kBatchMilliseconds);
  m_timer.setSingleShot(true);
  connect(&m_timer, &QTimer::timeout, this, &Workspace::flush);
}

Workspace::~Workspace() = default;

const Run* Workspace::run(const QString& id) const {
  const auto found = m_runs.constFind(id);
  return found == m_runs.constEnd() ? nullptr : &*found;
}

const Job* Workspace::job(const QString& id) const {
  const auto found = m_jobs.constFind(id);
  return found == m_jobs.constEnd() ? nullptr : &*found;
}

const Run* Workspace::findRun(const QString& jobId, const QString& variant) const {
  const auto found = m_runsOfJob.constFind(jobId);
  return found == m_runsOfJob.constEnd() ? nullptr : run(found->byVariant.value(variant));
}

QStringList Workspace::runsOfJob(const QString& jobId) const {
  return m_runsOfJob.value(jobId).ids;
}

const Run* Workspace::baselineFor(const QString& jobId) const {
  if (const Run* chosen = run(m_chosenBaseline.value(jobId))) {
    return chosen;
  }
  const auto found = m_runsOfJob.constFind(jobId);
  const Run* first =
      found == m_runsOfJob.constEnd() || found->ids.isEmpty() ? nullptr : run(found->ids.first());
  return first && first->baseline ? first : nullptr;
}

void Workspace::indexJob(const QString& jobId) {
  JobRuns index;
  QStringList others;
  // By number; the first of two with the same name counts, as it did when it was looked for.
  for (const QString& id : m_runsOfJob.value(jobId).ids) {
    if (m_runs.contains(id)) {
      others << id;
    }
  }
  std::sort(others.begin(), others.end(), [this](const QString& a, const QString& b) {
    return m_runs[a].number < m_runs[b].number;
  });
  for (const QString& id : std::as_const(others)) {
    const Run& known = m_runs[id];
    if (known.baseline) {
      index.ids << id;
    }
    if (!index.byVariant.contains(known.variant)) {
      index.byVariant.insert(known.variant, id);
    }
  }
  for (const QString& id : std::as_const(others)) {
    if (!m_runs[id].baseline) {
      index.ids << id;
    }
  }
  if (index.ids.isEmpty()) {
    m_runsOfJob.remove(jobId);
  } else {
    m_runsOfJob.insert(jobId, index);
  }
}

bool Workspace::isChosenBaseline(const QString& runId) const {
  return std::find(m_chosenBaseline.cbegin(), m_chosenBaseline.cend(), runId) !=
         m_chosenBaseline.cend();
}

QStringList Workspace::differences(const Run& a, const Run& b) const {
  QStringList reasons;
  const Job* left = job(a.jobId);
  const Job* right = job(b.jobId);
  if (!left || !right || left == right) {
    return reasons;
  }
  const auto compare = [&reasons](const QString& what, const QString& x, const QString& y) {
    if (x != y) {
      reasons << tr("%1 %2 against %3")
                     .arg(what, x.isEmpty() ? tr("unknown") : x, y.isEmpty() ? tr("unknown") : y);
    }
  };
  compare(tr("model"), left->model, right->model);
  compare(tr("protocol"), left->protocol, right->protocol);
  compare(tr("context"), QString::number(left->context), QString::number(right->context));
  compare(tr("stride"), QString::number(left->stride), QString::number(right->stride));
  compare(tr("dataset"), left->dataHash.left(12), right->dataHash.left(12));
  compare(tr("tokenizer"), left->tokenizerHash.left(12), right->tokenizerHash.left(12));
  if (!left->tokenIdsHash.isEmpty() && !right->tokenIdsHash.isEmpty()) {
    compare(tr("tokens"), left->tokenIdsHash.left(12), right->tokenIdsHash.left(12));
  }
  compare(tr("token count"), QString::number(left->tokensTotal),
          QString::number(right->tokensTotal));
  return reasons;
}

std::optional<Delta> Workspace::deltaOf(const QString& runId) const {
  const Run* subject = run(runId);
  if (!subject) {
    return std::nullopt;
  }
  const Run* base = baselineFor(subject->jobId);
  if (!base || base == subject || !differences(*subject, *base).isEmpty()) {
    return std::nullopt;
  }
  if (base->baseline && base->jobId == subject->jobId && subject->recordedDelta) {
    return subject->recordedDelta;
  }
  const auto cached = m_deltas.constFind(runId);
  if (cached != m_deltas.constEnd()) {
    return *cached;
  }
  const std::optional<Delta> delta = pairedDelta(*subject, *base);
  m_deltas.insert(runId, delta);
  return delta;
}

void Workspace::push(const QString& text, std::function<void()> redo, std::function<void()> undo) {
  if (m_undo) {
    m_undo->push(new WorkspaceCommand(text, std::move(redo), std::move(undo)));
  } else {
    redo();
  }
}

void Workspace::applyBaselines(const QHash<QString, QString>& baselines) {
  m_chosenBaseline = baselines;
  m_deltas.clear();
  Q_EMIT baselineChanged();
}

void Workspace::setBaseline(const QString& runId) {
  const Run* chosen = run(runId);
  if (!chosen) {
    return;
  }
  const QHash<QString, QString> before = m_chosenBaseline;
  QHash<QString, QString> after = before;
  for (const QString& jobId : m_jobOrder) {
    const Run* own = findRun(jobId, QStringLiteral("baseline"));
    if (jobId == chosen->jobId || (own && differences(*own, *chosen).isEmpty())) {
      if (jobId == chosen->jobId && chosen->baseline) {
        after.remove(jobId);
      } else {
        after.insert(jobId, runId);
      }
    }
  }
  if (after == before) {
    return;
  }
  push(
      tr("set baseline to run %1").arg(chosen->number, 3, 10, QLatin1Char('0')),
      [this, after] { applyBaselines(after); }, [this, before] { applyBaselines(before); });
}

void Workspace::resetBaseline() {
  const QHash<QString, QString> before = m_chosenBaseline;
  if (before.isEmpty()) {
    return;
  }
  push(
      tr("reset the baseline"), [this] { applyBaselines({}); },
      [this, before] { applyBaselines(before); });
}

void Workspace::restoreBaseline(const QString& jobId, const QString& runId) {
  QHash<QString, QString> chosen = m_chosenBaseline;
  chosen.insert(jobId, runId);
  applyBaselines(chosen);
}

void Workspace::setSelection(const QSet<QString>& runIds) {
  QSet<QString> known;
  for (const QString& id : runIds) {
    if (m_runs.contains(id)) {
      known.insert(id);
    }
  }
  if (known != m_selection) {
    m_selection = known;
    Q_EMIT selectionChanged();
  }
}

void Workspace::setHidden(const QString& runId, bool hidden) {
  if (!m_runs.contains(runId) || hidden == m_hidden.contains(runId)) {
    return;
  }
  if (hidden) {
    m_hidden.insert(runId);
  } else {
    m_hidden.remove(runId);
  }
  Q_EMIT visibilityChanged();
}

void Workspace::setPinned(const QString& runId, bool pinned) {
  if (!m_runs.contains(runId) || pinned == m_pinned.contains(runId) ||
      (pinned && m_pinned.size() >= kMaximumPins)) {
    return;
  }
  if (pinned) {
    m_pinned.insert(runId);
  } else {
    m_pinned.remove(runId);
  }
  Q_EMIT pinsChanged();
}

void Workspace::setNotes(const QString& runId, const QString& notes) {
  const Run* subject = run(runId);
  if (!subject || subject->notes == notes) {
    return;
  }
  const auto apply = [this, runId](const QString& text) {
    changeRun(runId, [&text](Run& r) { r.notes = text; });
    flush();
  };
  push(
      tr("edit notes"), [apply, notes] { apply(notes); },
      [apply, before = subject->notes] { apply(before); });
}

void Workspace::setTags(const QString& runId, const QStringList& tags) {
  const Run* subject = run(runId);
  if (!subject || subject->tags == tags) {
    return;
  }
  const auto apply = [this, runId](const QStringList& list) {
    changeRun(runId, [&list](Run& r) { r.tags = list; });
    flush();
  };
  push(
      tr("edit tags"), [apply, tags] { apply(tags); },
      [apply, before = subject->tags] { apply(before); });
}

void Workspace::removeRuns(const QStringList& runIds) {
  const auto taken = std::make_shared<std::vector<Run>>();
  push(
      tr("delete %n run(s)", nullptr, static_cast<int>(runIds.size())),
      [this, runIds, taken] { takeRuns(runIds, taken.get()); },
      [this, taken] { addRuns(std::exchange(*taken, {})); });
}

void Workspace::takeRuns(const QStringList& runIds, std::vector<Run>* taken) {
  QStringList removed;
  QSet<QString> jobs;
  bool selected = false;
  for (const QString& id : runIds) {
    const auto found = m_runs.find(id);
    if (found == m_runs.end()) {
      continue;
    }
    if (taken) {
      taken->push_back(*found);
    }
    jobs.insert(found->jobId);
    m_runs.erase(found);
    m_runOrder.removeOne(id);
    m_changedRuns.remove(id);
    selected = m_selection.remove(id) || selected;
    removed << id;
  }
  if (removed.isEmpty()) {
    return;
  }
  for (const QString& jobId : std::as_const(jobs)) {
    indexJob(jobId);
  }
  m_deltas.clear();
  Q_EMIT runsRemoved(removed);
  if (selected) {
    Q_EMIT selectionChanged();
  }
}

QString Workspace::addJob(Job job) {
  if (job.id.isEmpty()) {
    job.id = makeId();
  }
  const QString id = job.id;
  if (!m_jobs.contains(id)) {
    m_jobOrder.append(id);
  }
  m_jobs.insert(id, std::move(job));
  touchJob(id);
  flush();
  return id;
}

void Workspace::insertRun(Run run) {
  const auto position = std::upper_bound(
      m_runOrder.begin(), m_runOrder.end(), run.number,
      [this](int number, const QString& id) { return number < m_runs[id].number; });
  m_runOrder.insert(position, run.id);
  const QString id = run.id;
  m_runsOfJob[run.jobId].ids << id;
  m_runs.insert(id, std::move(run));
}

QString Workspace::addRun(Run run) {
  if (run.id.isEmpty()) {
    run.id = makeId();
  }
  const QString id = run.id;
  std::vector<Run> one;
  one.push_back(std::move(run));
  addRuns(std::move(one));
  return id;
}

void Workspace::addRuns(std::vector<Run> runs) {
  QStringList added;
  QSet<QString> jobs;
  for (Run& run : runs) {
    if (run.id.isEmpty()) {
      run.id = makeId();
    }
    if (m_runs.contains(run.id)) {
      continue;
    }
    if (run.number <= 0) {
      run.number = m_nextNumber;
    }
    m_nextNumber = std::max(m_nextNumber, run.number + 1);
    added << run.id;
    jobs.insert(run.jobId);
    insertRun(std::move(run));
  }
  for (const QString& jobId : std::as_const(jobs)) {
    indexJob(jobId);
  }
  if (!added.isEmpty()) {
    m_deltas.clear();
    Q_EMIT runsAdded(added);
  }
}

void Workspace::removeJob(const QString& jobId, bool withRuns) {
  if (withRuns) {
    takeRuns(runsOfJob(jobId), nullptr);
  }
  if (m_jobs.remove(jobId) > 0) {
    m_jobOrder.removeOne(jobId);
    m_chosenBaseline.remove(jobId);
    if (m_liveJob == jobId) {
      m_liveJob.clear();
    }
    m_changedJobs.remove(jobId);
    Q_EMIT jobsChanged({jobId});
  }
}

void Workspace::setJobOrder(const QStringList& jobIds) {
  QStringList order;
  for (const QString& id : jobIds) {
    if (m_jobs.contains(id) && !order.contains(id)) {
      order << id;
    }
  }
  for (const QString& id : std::as_const(m_jobOrder)) {
    if (!order.contains(id)) {
      order << id;
    }
  }
  if (order != m_jobOrder) {
    m_jobOrder = order;
    Q_EMIT jobsChanged(m_jobOrder);
  }
}

void Workspace::changeJob(const QString& jobId, const std::function<void(Job&)>& change) {
  const auto found = m_jobs.find(jobId);
  if (found == m_jobs.end()) {
    return;
  }
  const bool wasActive = isActive(found->state);
  change(*found);
  if (isActive(found->state) && (!wasActive || m_liveJob.isEmpty())) {
    m_liveJob = jobId;
    m_liveJobs.insert(jobId);
  }
  touchJob(jobId);
}

void Workspace::changeRun(const QString& runId, const std::function<void(Run&)>& change) {
  const auto found = m_runs.find(runId);
  if (found == m_runs.end()) {
    return;
  }
  const bool wasBaseline = found->baseline;
  const QString variant = found->variant;
  change(*found);
  if (found->baseline != wasBaseline || found->variant != variant) {
    indexJob(found->jobId);
  }
  m_deltas.clear();
  touchRun(runId);
}

void Workspace::addWindows(const QString& jobId, const QString& variant,
                           const WindowSeries& panel) {
  const Run* target = findRun(jobId, variant);
  if (!target) {
    return;
  }
  Run& run = m_runs[target->id];
  WindowSeries& known = run.windows;
  for (std::size_t i = 0; i < panel.size(); ++i) {
    const auto place =
        std::lower_bound(known.indices.begin(), known.indices.end(), panel.indices[i]);
    if (place != known.indices.end() && *place == panel.indices[i]) {
      continue;  // a repeated panel, e.g. after a resume
    }
    known.sums.insert(known.sums.begin() + (place - known.indices.begin()), panel.sums[i]);
    known.indices.insert(place, panel.indices[i]);
  }
  if (!run.record) {
    run.metrics = mxscope::compute_metrics(known.sums);
    run.tokens = mxscope::total_tokens(known.sums);
  }
  m_deltas.clear();
  m_liveJob = jobId;
  m_liveJobs.insert(jobId);
  touchRun(run.id);
}

void Workspace::addMemory(const QString& device, const QString& name, const MemorySample& sample) {
  DeviceHistory& history = m_devices[device];
  history.device = device;
  if (!name.isEmpty()) {
    history.name = name;
  }
  history.samples.push_back(sample);
  history.peakByJob = std::max(history.peakByJob, sample.usedByJob);
  while (sample.time - history.samples.front().time > kHistorySeconds) {
    history.samples.pop_front();
  }
  m_memoryChanged = true;
  if (!m_timer.isActive()) {
    m_timer.start();
  }
}

void Workspace::setDevices(const QMap<QString, DeviceHistory>& devices) {
  m_devices = devices;
  Q_EMIT memoryBatch();
}

void Workspace::clear() {
  m_runOrder.clear();
  m_jobOrder.clear();
  m_runs.clear();
  m_jobs.clear();
  m_runsOfJob.clear();
  m_chosenBaseline.clear();
  m_deltas.clear();
  m_selection.clear();
  m_hidden.clear();
  m_pinned.clear();
  m_liveJob.clear();
  m_changedRuns.clear();
  m_changedJobs.clear();
  m_liveJobs.clear();
  m_nextNumber = 1;
  Q_EMIT wasReset();
}

void Workspace::touchRun(const QString& id) {
  m_changedRuns.insert(id);
  if (!m_timer.isActive()) {
    m_timer.start();
  }
}

void Workspace::touchJob(const QString& id) {
  m_changedJobs.insert(id);
  if (!m_timer.isActive()) {
    m_timer.start();
  }
}

void Workspace::flush() {
  m_timer.stop();
  const QSet<QString> runs = std::exchange(m_changedRuns, {});
  const QSet<QString> jobs = std::exchange(m_changedJobs, {});
  const QSet<QString> live = std::exchange(m_liveJobs, {});
  const bool memory = std::exchange(m_memoryChanged, false);
  if (!jobs.isEmpty()) {
    Q_EMIT jobsChanged(jobs.values());
  }
  if (!runs.isEmpty()) {
    Q_EMIT runsChanged(runs.values());
  }
  if (!live.isEmpty()) {
    Q_EMIT liveBatch(live.values());
  }
  if (memory) {
    Q_EMIT memoryBatch();
  }
}

}  // namespace mxscope::ui
