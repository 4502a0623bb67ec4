// SPDX-License-Identifier: GPL-3.0-or-later
#include "models/results_model.h"

#include <QFont>
#include <QLocale>
#include <QPoint>
#include <algorithm>
#include <cmath>

#include "models/results_columns.h"
#include "mxscope/core/stats/student.h"
#include "plots/cards/run_marks.h"
#include "plots/number_text.h"

using namespace Qt::StringLiterals;

namespace mxscope::ui {
namespace {

constexpr double kGiB = 1024.0 * 1024.0 * 1024.0;

QString formatText(const Run& run) {
  const auto given = [](const QString& f) { return !f.isEmpty() && f != "none"_L1; };
  const bool w = given(run.weightFormat);
  const bool a = given(run.activationFormat);
  if (w && a) {
    return run.weightFormat == run.activationFormat
               ? formatName(run.weightFormat)
               : QString(formatName(run.weightFormat) + u" × "_s +
                         formatName(run.activationFormat));
  }
  if (w) {
    return QString(formatName(run.weightFormat) + ResultsModel::tr(", weights"));
  }
  if (a) {
    return QString(formatName(run.activationFormat) + ResultsModel::tr(", activations"));
  }
  return missingText();
}

// The smallest word that tells two JSON-free cells apart.
const char* fieldOf(int column) {
  switch (column) {
    case ResultsModel::kRun:
      return "run";
    case ResultsModel::kVariant:
      return "variant";
    case ResultsModel::kState:
      return "state";
    case ResultsModel::kModel:
      return "model";
    case ResultsModel::kFormat:
      return "format";
    case ResultsModel::kBlock:
      return "block";
    case ResultsModel::kLayers:
      return "layers";
    case ResultsModel::kPpl:
      return "ppl";
    case ResultsModel::kDeltaPpl:
      return "dppl";
    case ResultsModel::kPercent:
      return "dpercent";
    case ResultsModel::kXent:
      return "xent";
    case ResultsModel::kDeltaXent:
      return "dxent";
    case ResultsModel::kEntropy:
      return "entropy";
    case ResultsModel::kDeltaEntropy:
      return "dentropy";
    case ResultsModel::kKl:
      return "kl";
    case ResultsModel::kTop1:
      return "top1";
    case ResultsModel::kWeights:
      return "weights";
    case ResultsModel::kPeak:
      return "peak";
    case ResultsModel::kTime:
      return "time";
    case ResultsModel::kExperiment:
      return "experiment";
    case ResultsModel::kTags:
      return "tag";
    case ResultsModel::kNotes:
      return "note";
    default:
      return "";
  }
}

}  // namespace

ResultsModel::ResultsModel(Workspace* workspace, QObject* parent)
    : QAbstractTableModel(parent), m_workspace(workspace) {
  const auto all = [this] { rebuildAll(); };
  connect(workspace, &Workspace::runsAdded, this, all);
  connect(workspace, &Workspace::runsRemoved, this, all);
  connect(workspace, &Workspace::wasReset, this, all);
  connect(workspace, &Workspace::baselineChanged, this, all);
  connect(workspace, &Workspace::runsChanged, this, &ResultsModel::refresh);
  connect(workspace, &Workspace::pinsChanged, this, [this] { take(arranged()); });
  connect(workspace, &Workspace::visibilityChanged, this, [this] {
    if (!m_shown.isEmpty()) {
      Q_EMIT dataChanged(index(0, kRun), index(int(m_shown.size()) - 1, kRun));
    }
  });
  rebuildAll();
}

ResultsModel::Row ResultsModel::makeRow(const Run& run, const Run* base) const {
  Row row;
  row.id = run.id;
  row.jobId = run.jobId;
  row.baseId = base != nullptr ? base->id : QString();
  row.number = run.number;
  row.baseline = base == &run;
  row.running = run.state == RunState::kRunning;
  const Job* job = m_workspace->job(run.jobId);
  auto& c = row.cells;
  c[kRun] = {runNumber(run), double(run.number)};
  c[kVariant].text = runLabel(run);
  c[kState].text = run.state == RunState::kRunning
                       ? QString(fixedText(run.fraction * 100, 0) + u" %"_s)
                   : run.state == RunState::kCancelled && run.tokens > 0
                       ? tr("partial, %1 tokens").arg(fixedText(double(run.tokens), 0))
                       : displayName(run.state);
  c[kModel].text = run.model;
  c[kFormat].text = run.baseline ? missingText() : formatText(run);
  if (run.block && !run.baseline) {
    c[kBlock] = {*run.block == 0 ? tr("row") : QString::number(*run.block), double(*run.block)};
  } else {
    c[kBlock].text = missingText();
  }
  c[kLayers].text = run.baseline               ? missingText()
                    : run.layersText.isEmpty() ? tr("%1 linears").arg(run.layers)
                                               : run.layersText;
  const auto number = [](const std::optional<double>& v) { return v.value_or(kNoNumber); };
  const auto value = [&](int column, const std::optional<double>& v, const QString& text) {
    c[size_t(column)] = {v ? text : missingText(), number(v)};
  };
  const Metrics& m = run.metrics;
  value(kPpl, m.ppl, shortText(number(m.ppl), 5));
  value(kXent, m.nll, fixedText(number(m.nll), 4));
  value(kEntropy, m.entropy, fixedText(number(m.entropy), 4));
  value(kKl, m.kl, shortText(number(m.kl), 3, false, 6));
  value(kTop1, m.top1, fixedText(number(m.top1) * 100, 2));
  if (m.top1) {
    c[kTop1].number *= 100;
  }
  // Against another baseline than the job's own these would need the logits again.
  if (base != nullptr && !(base->baseline && base->jobId == run.jobId)) {
    c[kKl] = {missingText()};
    c[kTop1] = {missingText()};
  }
  value(kWeights, run.weightBytes, bytesText(number(run.weightBytes)));
  if (job != nullptr && !job->peakBytes.isEmpty()) {
    const double peak = *std::max_element(job->peakBytes.begin(), job->peakBytes.end());
    c[kPeak] = {bytesText(peak), peak / kGiB};
  } else {
    c[kPeak].text = missingText();
  }
  c[kWeights].number /= kGiB;
  value(kTime, run.seconds, durationText(number(run.seconds)));
  c[kExperiment].text = job != nullptr ? job->name : QString();
  c[kTags].text = run.tags.join(u", "_s);
  c[kNotes].text = run.notes.simplified();

  const QString guard = guardText(*m_workspace, run, base);
  const bool recorded = base != nullptr && base->baseline && base->jobId == run.jobId &&
                        run.recordedDelta.has_value();
  const auto delta = row.baseline ? std::nullopt
                     : recorded   ? run.recordedDelta
                                  : m_workspace->deltaOf(run.id);
  const auto difference = [&](int column, const std::optional<double>& v,
                              const std::optional<mxscope::Interval>& interval,
                              const QString& unit) {
    Cell& cell = c[size_t(column)];
    if (row.baseline) {
      cell.text = column == kDeltaPpl ? tr("baseline") : missingText();
      return;
    }
    if (!guard.isEmpty() || !v) {
      cell.text = guard.isEmpty() ? missingText() : guard;
      return;
    }
    cell.number = *v;
    std::optional<double> half;
    if (interval) {
      cell.low = (*interval)[0];
      cell.high = (*interval)[1];
      half = (cell.high - cell.low) / 2;
    }
    cell.text = QString(intervalText(*v, half) + unit);
  };
  using I = std::optional<mxscope::Interval>;
  difference(kDeltaPpl, delta ? delta->ppl : std::nullopt, delta ? delta->ppl_ci95 : I(), {});
  difference(kPercent, delta ? delta->ppl_percent : std::nullopt,
             delta ? delta->ppl_percent_ci95 : I(), u" %"_s);
  difference(kDeltaXent, delta ? delta->nll : std::nullopt, delta ? delta->nll_ci95 : I(), {});
  difference(kDeltaEntropy, delta ? delta->entropy : std::nullopt,
             delta ? delta->entropy_ci95 : I(), {});

  QStringList texts;
  for (int column = 0; column < kColumnCount; ++column) {
    const Cell& cell = c[size_t(column)];
    const QString field = QString::fromLatin1(fieldOf(column));
    const QString lower = cell.text.toLower();
    row.filter.texts.insert(field, lower);
    if (std::isfinite(cell.number)) {
      row.filter.numbers.insert(field, cell.number);
    }
    texts << lower;
  }
  // Ids and names of formats and states both answer.
  const QString ids =
      QString(run.weightFormat + u' ' + run.activationFormat + u' ' + stateName(run.state))
          .toLower();
  row.filter.texts[u"format"_s] += u' ' + ids;
  row.filter.texts[u"state"_s] += u' ' + stateName(run.state);
  if (run.baseline) {
    row.filter.texts[u"state"_s] += u" baseline"_s;
  }
  row.filter.text = QString(texts.join(u' ') + u' ' + ids);
  if (run.seconds) {
    row.filter.numbers.insert(u"time"_s, *run.seconds);
  }
  return row;
}

void ResultsModel::rebuildAll() {
  QHash<QString, int> jobOrder;
  QHash<QString, const Run*> bases;  // looking a baseline up walks over all runs
  m_rows.clear();
  m_rowOfRun.clear();
  m_rows.reserve(m_workspace->runIds().size());
  for (const QString& id : m_workspace->runIds()) {
    const Run* run = m_workspace->run(id);
    if (!bases.contains(run->jobId)) {
      bases.insert(run->jobId, m_workspace->baselineFor(run->jobId));
    }
    Row row = makeRow(*run, bases.value(run->jobId));
    if (!jobOrder.contains(run->jobId)) {
      jobOrder.insert(run->jobId, int(jobOrder.size()));
    }
    row.jobOrder = jobOrder.value(run->jobId);
    m_rowOfRun.insert(id, int(m_rows.size()));
    m_rows.append(std::move(row));
  }
  rebuildGroups();
  rescale();
  beginResetModel();
  m_shown = arranged();
  m_shownOfRun.clear();
  for (qsizetype i = 0; i < m_shown.size(); ++i) {
    if (m_shown[i].row >= 0) {
      m_shownOfRun.insert(m_rows[m_shown[i].row].id, int(i));
    }
  }
  endResetModel();
  Q_EMIT countChanged();
}

void ResultsModel::refresh(const QStringList& runIds) {
  // A baseline's change moves the differences of its whole job.
  QSet<QString> ids(runIds.begin(), runIds.end());
  for (const QString& id : runIds) {
    const Run* run = m_workspace->run(id);
    if (run != nullptr && m_workspace->baselineFor(run->jobId) == run) {
      for (const Row& row : std::as_const(m_rows)) {
        if (row.baseId == id) {
          ids.insert(row.id);
        }
      }
    }
  }
  for (const QString& id : ids) {
    const int at = m_rowOfRun.value(id, -1);
    const Run* run = m_workspace->run(id);
    if (at >= 0 && run != nullptr) {
      const int order = m_rows[at].jobOrder;
      m_rows[at] = makeRow(*run, m_workspace->baselineFor(run->jobId));
      m_rows[at].jobOrder = order;
    }
  }
  rebuildGroups();
  rescale();
  take(arranged());
  // Neighbouring rows are told together.
  if (!m_shown.isEmpty()) {
    int first = int(m_shown.size());
    int last = -1;
    for (const QString& id : ids) {
      const int at = m_shownOfRun.value(id, -1);
      if (at >= 0) {
        first = std::min(first, at);
        last = std::max(last, at);
      }
    }
    if (last >= 0) {
      Q_EMIT dataChanged(index(first, 0), index(last, kColumnCount - 1));
    }
  }
}

void ResultsModel::rescale() {
  // Mini bars of one column share a scale; an outlier must not flatten all others, so the scale is
  // the 90th percentile and longer bars are cut with an arrow.
  for (int column = 0; column < kColumnCount; ++column) {
    if (!isDelta(column)) {
      continue;
    }
    std::vector<double> sizes;
    double lowest = 0;
    double highest = 0;
    for (const Row& row : std::as_const(m_rows)) {
      const Cell& cell = row.cells[size_t(column)];
      if (std::isfinite(cell.number)) {
        lowest = std::min(lowest, cell.number);
        highest = std::max(highest, cell.number);
        sizes.push_back(
            std::fmax(std::abs(cell.number), std::fmax(std::abs(cell.low), std::abs(cell.high))));
      }
    }
    m_barNegative[size_t(column)] = lowest < -0.02 * highest;
    double scale = 1;
    if (!sizes.empty()) {
      const auto at = sizes.begin() + std::ptrdiff_t(double(sizes.size() - 1) * 0.9);
      std::nth_element(sizes.begin(), at, sizes.end());
      scale = *at > 0 ? *at : *std::max_element(sizes.begin(), sizes.end());
    }
    m_barScale[size_t(column)] = scale > 0 ? scale : 1;
  }
}

void ResultsModel::rebuildGroups() {
  m_groups.clear();
  for (Row& row : m_rows) {
    row.groups.clear();
  }
  if (m_grouping == Grouping::kJob || m_grouping == Grouping::kNone) {
    return;
  }
  QMap<QString, QList<int>> members;
  for (qsizetype i = 0; i < m_rows.size(); ++i) {
    Row& row = m_rows[i];
    const Run* run = m_workspace->run(row.id);
    if (row.baseline || run == nullptr) {
      continue;
    }
    switch (m_grouping) {
      case Grouping::kModel:
        row.groups << row.cells[kModel].text;
        break;
      case Grouping::kFormat:
        row.groups << row.cells[kFormat].text;
        break;
      case Grouping::kBlock:
        row.groups << tr("block %1").arg(row.cells[kBlock].text);
        break;
      case Grouping::kExperiment:
        row.groups << row.cells[kExperiment].text;
        break;
      case Grouping::kTag:
        // A run with several tags stands under the first of them; its mean counts in each.
        row.groups = run->tags.isEmpty() ? QStringList{tr("no tag")} : run->tags;
        break;
      default:
        break;
    }
    for (const QString& group : std::as_const(row.groups)) {
      members[group] << int(i);
    }
  }
  for (auto it = members.begin(); it != members.end(); ++it) {
    Group group;
    group.name = it.key();
    group.cells[kRun].text = tr("%1 — mean of %2").arg(it.key()).arg(it.value().size());
    for (int column = kPpl; column <= kTop1; ++column) {
      double sum = 0;
      double squares = 0;
      int count = 0;
      for (const int i : it.value()) {
        const double v = m_rows[i].cells[size_t(column)].number;
        if (std::isfinite(v)) {
          sum += v;
          ++count;
        }
      }
      if (count == 0) {
        continue;
      }
      const double mean = sum / count;
      for (const int i : it.value()) {
        const double v = m_rows[i].cells[size_t(column)].number;
        squares += std::isfinite(v) ? (v - mean) * (v - mean) : 0;
      }
      Cell& cell = group.cells[size_t(column)];
      cell.number = mean;
      std::optional<double> half;
      if (count > 1) {
        half = mxscope::interval_factor(count) * std::sqrt(squares / (count - 1) / count);
        cell.low = mean - *half;
        cell.high = mean + *half;
      }
      cell.text = intervalText(mean, half, isDelta(column));
    }
    m_groups.append(group);
  }
}

QList<ResultsModel::Shown> ResultsModel::arranged() const {
  struct Entry {
    int group;  // first sort key
    int rank;   // 0 group row, 1 baseline, 2 pinned, 3 others
    int row;
  };
  QHash<QString, int> groupOrder;
  for (qsizetype i = 0; i < m_groups.size(); ++i) {
    groupOrder.insert(m_groups[i].name, int(i));
  }
  QList<Entry> entries;
  entries.reserve(m_rows.size() + m_groups.size());
  QSet<int> used;
  QSet<QString> jobsShown;
  const bool headed = m_grouping != Grouping::kJob && m_grouping != Grouping::kNone;
  for (qsizetype i = 0; i < m_rows.size(); ++i) {
    const Row& row = m_rows[i];
    if (!row.baseline && !m_filter.accepts(row.filter)) {
      continue;
    }
    const int rank = row.baseline ? 1 : m_workspace->isPinned(row.id) ? 2 : 3;
    int group = 0;
    if (m_grouping == Grouping::kJob) {
      group = row.jobOrder;
    } else if (headed) {
      group = row.baseline ? -1 : groupOrder.value(row.groups.value(0), 0);
    }
    used.insert(group);
    entries.append({group, rank, int(i)});
  }
  if (headed) {
    for (int group = 0; group < m_groups.size(); ++group) {
      if (used.contains(group)) {
        entries.append({group, 0, -1});
      }
    }
  }
  const bool descending = m_sortOrder == Qt::DescendingOrder;
  const auto column = size_t(m_sortColumn);
  const bool numeric = isNumeric(m_sortColumn) || m_sortColumn == kRun;
  std::sort(entries.begin(), entries.end(), [&](const Entry& a, const Entry& b) {
    if (a.group != b.group) {
      return a.group < b.group;
    }
    if (a.rank != b.rank) {
      return a.rank < b.rank;
    }
    if (a.row < 0 || b.row < 0) {
      return false;
    }
    const Row& x = m_rows[a.row];
    const Row& y = m_rows[b.row];
    if (numeric) {
      const double u = x.cells[column].number;
      const double v = y.cells[column].number;
      // What has no number stands last in both directions.
      if (std::isnan(u) != std::isnan(v)) {
        return std::isnan(v);
      }
      if (!std::isnan(u) && u != v) {
        return descending ? u > v : u < v;
      }
    } else {
      const int order =
          QString::compare(x.cells[column].text, y.cells[column].text, Qt::CaseInsensitive);
      if (order != 0) {
        return descending ? order > 0 : order < 0;
      }
    }
    return x.number < y.number;
  });
  QList<Shown> shown;
  shown.reserve(entries.size());
  for (const Entry& entry : std::as_const(entries)) {
    shown.append({entry.row, entry.row < 0 ? entry.group : -1});
  }
  return shown;
}

void ResultsModel::take(QList<Shown> shown) {
  bool same = shown.size() == m_shown.size();
  for (qsizetype i = 0; same && i < shown.size(); ++i) {
    same = shown[i].row == m_shown[i].row && shown[i].group == m_shown[i].group;
  }
  if (same) {
    return;
  }
  beginResetModel();
  m_shown = std::move(shown);
  m_shownOfRun.clear();
  for (qsizetype i = 0; i < m_shown.size(); ++i) {
    if (m_shown[i].row >= 0) {
      m_shownOfRun.insert(m_rows[m_shown[i].row].id, int(i));
    }
  }
  endResetModel();
  Q_EMIT countChanged();
}

int ResultsModel::rowCount(const QModelIndex& parent) const {
  return parent.isValid() ? 0 : int(m_shown.size());
}

int ResultsModel::columnCount(const QModelIndex& parent) const {
  return parent.isValid() ? 0 : int(kColumnCount);
}

QVariant ResultsModel::data(const QModelIndex& index, int role) const {
  if (!index.isValid() || index.row() >= m_shown.size()) {
    return {};
  }
  const Shown& shown = m_shown[index.row()];
  return shown.row >= 0 ? runData(m_rows[shown.row], index.column(), role)
                        : groupData(m_groups[shown.group], index.column(), role);
}

void ResultsModel::sort(int column, Qt::SortOrder order) {
  m_sortColumn = std::clamp(column, 0, int(kColumnCount) - 1);
  m_sortOrder = order;
  take(arranged());
}

void ResultsModel::setFilter(const QString& line) {
  m_filter = ResultsFilter::parse(line);
  take(arranged());
}

void ResultsModel::setGrouping(Grouping grouping) {
  if (m_grouping != grouping) {
    m_grouping = grouping;
    rebuildAll();
  }
}

int ResultsModel::shownRuns() const { return int(m_shownOfRun.size()); }

QString ResultsModel::runId(int row) const {
  return row >= 0 && row < m_shown.size() && m_shown[row].row >= 0 ? m_rows[m_shown[row].row].id
                                                                   : QString();
}

int ResultsModel::rowOf(const QString& runId) const { return m_shownOfRun.value(runId, -1); }

QStringList ResultsModel::shownIds() const {
  QStringList ids;
  for (const Shown& shown : m_shown) {
    if (shown.row >= 0) {
      ids << m_rows[shown.row].id;
    }
  }
  return ids;
}

}  // namespace mxscope::ui
