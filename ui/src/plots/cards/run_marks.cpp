// SPDX-License-Identifier: GPL-3.0-or-later
#include "plots/cards/run_marks.h"

#include <QCoreApplication>
#include <QJsonDocument>
#include <QJsonObject>
#include <QRegularExpression>
#include <cmath>

#include "models/paired_delta.h"
#include "mxscope/core/stats/student.h"
#include "plots/number_text.h"

using namespace Qt::StringLiterals;

namespace mxscope::ui {
namespace {

QString tr(const char* text) { return QCoreApplication::translate("Runs", text); }

MeasuredValue of(const std::optional<double>& value,
                 const std::optional<mxscope::Interval>& interval = {}) {
  MeasuredValue result;
  result.value = value.value_or(kNoNumber);
  if (value && interval) {
    result.low = (*interval)[0];
    result.high = (*interval)[1];
  }
  return result;
}

// Interval of a mean by its own error; never of a difference.
std::optional<mxscope::Interval> ownInterval(std::optional<double> mean, std::optional<double> se,
                                             std::size_t windows) {
  if (!mean || !se || windows < 2) {
    return {};
  }
  const double half = mxscope::interval_factor(static_cast<long long>(windows)) * *se;
  return mxscope::Interval{*mean - half, *mean + half};
}

std::size_t windowCount(const Run& run) {
  return run.windows.size() > 0 ? run.windows.size()
         : run.record           ? static_cast<std::size_t>(run.record->windows)
                                : 0;
}

}  // namespace

QString formatName(const QString& id) {
  if (id.isEmpty() || id == "none"_L1) {
    return missingText();
  }
  QString name = id.toUpper();
  name.replace(u'_', u' ');
  return id == "mixed"_L1 ? tr("mixed") : name;
}

SeriesColour colourOf(const Run& run) {
  if (run.baseline) {
    return {0, 0};
  }
  const bool weights = !run.weightFormat.isEmpty() && run.weightFormat != "none"_L1;
  if (!weights && (run.activationFormat.isEmpty() || run.activationFormat == "none"_L1)) {
    return seriesColourOfFormat(run.sweep ? run.sweep->format : run.variant);
  }
  return seriesColourOfFormat(weights ? run.weightFormat : run.activationFormat);
}

QString runNumber(const Run& run) { return u"%1"_s.arg(run.number, 3, 10, QChar(u'0')); }

QString runLabel(const Run& run) { return run.baseline ? tr("baseline") : run.variant; }

QString axisLabel(const Run& run) {
  static const QRegularExpression format(u"mx(fp|int)([0-9])(?:_(e[0-9]m[0-9]))?"_s);
  static const QRegularExpression tier(u"^tier ([A-Z]) "_s);
  QString label = runLabel(run);
  label.replace(tier, u"\\1 "_s);
  const QRegularExpressionMatch match = format.match(label);
  if (match.hasMatch()) {
    const QString name = u"%1%2 %3"_s.arg(match.captured(1), match.captured(2), match.captured(3));
    label.replace(match.capturedStart(), match.capturedLength(), name.trimmed().toUpper());
  }
  return label;
}

bool isOnlyForSweep(const Workspace& workspace, const QString& jobId) {
  bool sweeps = false;
  for (const QString& id : workspace.runsOfJob(jobId)) {
    const Run* run = workspace.run(id);
    if (!run->sweep && !run->baseline) {
      return false;
    }
    sweeps = sweeps || run->sweep.has_value();
  }
  return sweeps;
}

bool hasFigures(const Run& run) { return run.metrics.nll || run.metrics.entropy || run.metrics.kl; }

QString guardText(const Workspace& workspace, const Run& run) {
  return guardText(workspace, run, workspace.baselineFor(run.jobId));
}

QString guardText(const Workspace& workspace, const Run& run, const Run* base) {
  if (base == nullptr || base == &run) {
    return {};
  }
  const QStringList reasons = workspace.differences(run, *base);
  if (reasons.isEmpty()) {
    return {};
  }
  // "token count 5 against 6" -> "token count"
  const QString first = reasons.first();
  QStringList words;
  for (const QString& word : first.split(u' ')) {
    if (words.size() >= 2 || (!words.isEmpty() && word != "count"_L1)) {
      break;
    }
    words << word;
  }
  return QString(u"≠ "_s + words.join(u' '));
}

QString runTooltip(const Workspace& workspace, const Run& run) {
  QStringList lines;
  lines << QString(tr("Run %1").arg(runNumber(run)) + u" · "_s + run.model + u" · "_s +
                   runLabel(run));
  if (run.state != RunState::kDone) {
    lines << (run.state == RunState::kRunning ? QString(displayName(run.state) + u", "_s +
                                                        fixedText(run.fraction * 100, 0) + u" %"_s)
                                              : displayName(run.state));
  }
  if (run.metrics.ppl) {
    lines << tr("perplexity %1").arg(shortText(*run.metrics.ppl, 6));
  }
  if (const auto delta = workspace.deltaOf(run.id)) {
    if (delta->ppl && delta->ppl_ci95) {
      const auto [low, high] = *delta->ppl_ci95;
      lines << QString(u"Δ PPL "_s + intervalText(*delta->ppl, (high - low) / 2));
      if (low <= 0 && high >= 0 && low < high) {
        lines << tr("not distinguishable from the baseline");
      }
    }
    if (delta->ppl_percent) {
      lines << QString(u"Δ "_s + shortText(*delta->ppl_percent, 3, true) + u" %"_s);
    }
    lines << describeInterval(*delta, windowCount(run));
  } else if (const Run* base = workspace.baselineFor(run.jobId); base != nullptr && base != &run) {
    const QStringList reasons = workspace.differences(run, *base);
    if (!reasons.isEmpty()) {
      lines << QString(tr("not comparable with the baseline: ") + reasons.join(u"; "_s));
    }
  }
  if (!run.error.isEmpty()) {
    lines << run.error;
  }
  return lines.join(u'\n');
}

QString jobLabel(const Workspace& workspace, const QString& jobId, const QStringList& amongJobs) {
  const Job* job = workspace.job(jobId);
  if (job == nullptr) {
    return {};
  }
  int same = 0;
  int position = 0;
  for (const QString& other : amongJobs) {
    const Job* candidate = workspace.job(other);
    if (candidate != nullptr && candidate->model == job->model) {
      ++same;
      position = other == jobId ? same : position;
    }
  }
  if (same < 2) {
    return job->model;
  }
  return job->name.isEmpty() ? QString(job->model + u" #"_s + QString::number(position))
                             : QString(job->model + u" · "_s + job->name);
}

MeasuredValue measured(const Workspace& workspace, const Run& run, Measure measure, Form form) {
  const Metrics& m = run.metrics;
  const std::size_t windows = windowCount(run);
  if (form == Form::kValue) {
    switch (measure) {
      case Measure::kPpl: {
        MeasuredValue value = of(m.ppl);
        if (const auto nll = ownInterval(m.nll, m.nll_se, windows); nll && m.ppl) {
          value.low = std::exp((*nll)[0]);
          value.high = std::exp((*nll)[1]);
        }
        return value;
      }
      case Measure::kXent:
        return of(m.nll, ownInterval(m.nll, m.nll_se, windows));
      case Measure::kEntropy:
        return of(m.entropy, ownInterval(m.entropy, m.entropy_se, windows));
      case Measure::kKl: {
        // KL and agreement are taken against the job's own baseline while the logits exist.
        const Run* base = workspace.baselineFor(run.jobId);
        if (base != nullptr && !(base->baseline && base->jobId == run.jobId)) {
          return {};
        }
        return of(m.kl, ownInterval(m.kl, m.kl_se, windows));
      }
      case Measure::kTop1: {
        const Run* base = workspace.baselineFor(run.jobId);
        if (base != nullptr && !(base->baseline && base->jobId == run.jobId)) {
          return {};
        }
        return of(m.top1 ? std::optional(*m.top1 * 100) : std::nullopt);
      }
    }
    return {};
  }
  const auto delta = workspace.deltaOf(run.id);
  if (!delta) {
    return {};
  }
  switch (measure) {
    case Measure::kPpl:
      return form == Form::kDelta ? of(delta->ppl, delta->ppl_ci95)
                                  : of(delta->ppl_percent, delta->ppl_percent_ci95);
    case Measure::kXent: {
      if (form == Form::kDelta) {
        return of(delta->nll, delta->nll_ci95);
      }
      MeasuredValue value = of(delta->xent_percent);
      if (delta->nll && delta->nll_ci95 && delta->xent_percent && *delta->nll != 0) {
        const double scale = *delta->xent_percent / *delta->nll;
        value.low = (*delta->nll_ci95)[0] * scale;
        value.high = (*delta->nll_ci95)[1] * scale;
      }
      return value;
    }
    case Measure::kEntropy:
      return form == Form::kDelta ? of(delta->entropy, delta->entropy_ci95) : MeasuredValue();
    case Measure::kKl:
    case Measure::kTop1:
      return {};
  }
  return {};
}

QString axisText(Measure measure, Form form) {
  QString name;
  QString unit;
  switch (measure) {
    case Measure::kPpl:
      name = tr("perplexity");
      break;
    case Measure::kXent:
      name = tr("cross entropy");
      unit = tr("nats");
      break;
    case Measure::kEntropy:
      name = tr("entropy");
      unit = tr("nats");
      break;
    case Measure::kKl:
      name = tr("KL from baseline");
      unit = tr("nats");
      break;
    case Measure::kTop1:
      name = tr("same top token as baseline");
      unit = u"%"_s;
      break;
  }
  if (form != Form::kValue) {
    name = QString(u"Δ "_s + name);
    unit = form == Form::kPercent ? u"%"_s : unit;
  }
  return unit.isEmpty() ? name : QString(name + u" ("_s + unit + u')');
}

QList<QPair<QString, QString>> exportFields(const Workspace& workspace, const QStringList& runIds) {
  QStringList runs, hashes, baselines, intervals, protocols, data, tokenizers, engines, devices;
  const auto add = [](QStringList& list, const QString& text) {
    if (!text.isEmpty() && !list.contains(text)) {
      list << text;
    }
  };
  for (const QString& id : runIds) {
    const Run* run = workspace.run(id);
    const Job* job = run != nullptr ? workspace.job(run->jobId) : nullptr;
    if (job == nullptr) {
      continue;
    }
    add(runs, QString(runNumber(*run) + u' ' + run->model + u" / "_s + runLabel(*run)));
    add(hashes, run->configHash);
    if (const Run* base = workspace.baselineFor(run->jobId)) {
      add(baselines,
          QString(runNumber(*base) + u' ' + base->model + u" / "_s + runLabel(*base) +
                  (base->configHash.isEmpty() ? QString() : QString(u' ' + base->configHash))));
    }
    if (const auto delta = workspace.deltaOf(id)) {
      add(intervals, describeInterval(*delta, windowCount(*run)));
    }
    add(protocols, tr("%1, context %2, stride %3, %4 windows, %5 tokens")
                       .arg(job->protocol)
                       .arg(job->context)
                       .arg(job->stride)
                       .arg(job->windowsTotal)
                       .arg(job->tokensTotal));
    add(data,
        QString(job->dataName +
                (job->dataHash.isEmpty() ? QString() : QString(u" sha256 "_s + job->dataHash))));
    add(tokenizers,
        job->tokenizerHash.isEmpty() ? QString() : QString(u"sha256 "_s + job->tokenizerHash));
    const QJsonObject environment = QJsonDocument::fromJson(job->environment.toUtf8()).object();
    for (const QString& key : {u"engine_version"_s, u"version"_s, u"mxscope"_s}) {
      if (environment[key].isString()) {
        add(engines, environment[key].toString());
      }
    }
    for (const QString& device : job->devices) {
      add(devices, device);
    }
  }
  const auto joined = [](const QStringList& list) {
    return list.isEmpty() ? tr("unknown") : list.join(u"; "_s);
  };
  return {{u"runs"_s, joined(runs)},
          {u"config hash"_s, joined(hashes)},
          {u"baseline"_s, joined(baselines)},
          {u"interval"_s, intervals.isEmpty() ? tr("none shown") : joined(intervals)},
          {u"protocol"_s, joined(protocols)},
          {u"data"_s, joined(data)},
          {u"tokenizer"_s, joined(tokenizers)},
          {u"engine"_s, joined(engines)},
          {u"application"_s, QString(u"MXScope "_s + QString(QLatin1String(MXSCOPE_VERSION)))},
          {u"device"_s, joined(devices)},
          {u"date"_s, QDateTime::currentDateTimeUtc().toString(Qt::ISODate)}};
}

}  // namespace mxscope::ui
