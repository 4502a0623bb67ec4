// SPDX-License-Identifier: GPL-3.0-or-later
#include "bridge/session_json.h"

#include <QJsonArray>

namespace mxscope::ui {

namespace {

using Member = QString Job::*;

// Texts that are kept as they are.
const std::vector<std::pair<QString, Member>>& texts() {
  static const std::vector<std::pair<QString, Member>> list = {
      {QStringLiteral("id"), &Job::id},
      {QStringLiteral("name"), &Job::name},
      {QStringLiteral("model"), &Job::model},
      {QStringLiteral("experiment"), &Job::experiment},
      {QStringLiteral("folder"), &Job::folder},
      {QStringLiteral("file"), &Job::file},
      {QStringLiteral("protocol"), &Job::protocol},
      {QStringLiteral("data"), &Job::dataName},
      {QStringLiteral("data_sha256"), &Job::dataHash},
      {QStringLiteral("tokenizer_sha256"), &Job::tokenizerHash},
      {QStringLiteral("token_ids_sha256"), &Job::tokenIdsHash},
      {QStringLiteral("message"), &Job::message},
      {QStringLiteral("code"), &Job::code}};
  return list;
}

QString written(const QDateTime& time) {
  return time.isValid() ? time.toUTC().toString(Qt::ISODateWithMs) : QString();
}

QDateTime read(const QJsonValue& value) {
  return QDateTime::fromString(value.toString(), Qt::ISODateWithMs).toLocalTime();
}

QStringList strings(const QJsonValue& value) {
  QStringList list;
  for (const QJsonValue& entry : value.toArray()) {
    list << entry.toString();
  }
  return list;
}

JobState stateOf(const QString& name) {
  for (int i = 0; i <= static_cast<int>(JobState::kInterrupted); ++i) {
    if (stateName(static_cast<JobState>(i)) == name) {
      return static_cast<JobState>(i);
    }
  }
  return JobState::kWaiting;
}

}  // namespace

QJsonObject toJson(const StoredJob& stored) {
  const Job& job = stored.job;
  QJsonObject object;
  for (const auto& [name, member] : texts()) {
    if (!(job.*member).isEmpty()) {
      object.insert(name, job.*member);
    }
  }
  object.insert(QStringLiteral("state"), stateName(job.state));
  object.insert(QStringLiteral("variants"), QJsonArray::fromStringList(job.variants));
  object.insert(QStringLiteral("devices"), QJsonArray::fromStringList(job.devices));
  object.insert(QStringLiteral("attempt"), job.attempt);
  object.insert(QStringLiteral("listed"), job.listed);
  object.insert(QStringLiteral("context"), job.context);
  object.insert(QStringLiteral("stride"), job.stride);
  object.insert(QStringLiteral("windows"), job.windowsTotal);
  object.insert(QStringLiteral("tokens"), job.tokensTotal);
  object.insert(QStringLiteral("added"), written(job.addedAt));
  object.insert(QStringLiteral("started"), written(job.startedAt));
  object.insert(QStringLiteral("finished"), written(job.finishedAt));
  if (job.totalSeconds) {
    object.insert(QStringLiteral("seconds"), *job.totalSeconds);
  }
  if (job.state == JobState::kPaused || job.state == JobState::kInterrupted) {
    object.insert(QStringLiteral("fraction"), job.fraction());
  }
  object.insert(QStringLiteral("base_dir"), stored.baseDir);
  QJsonObject keys;
  for (auto it = stored.keys.cbegin(); it != stored.keys.cend(); ++it) {
    keys.insert(it.key(), it.value());
  }
  object.insert(QStringLiteral("keys"), keys);
  QJsonArray runs;
  for (const StoredRun& run : stored.runs) {
    QJsonObject entry = {{QStringLiteral("id"), run.id},
                         {QStringLiteral("variant"), run.variant},
                         {QStringLiteral("number"), run.number}};
    if (!run.tags.isEmpty()) {
      entry.insert(QStringLiteral("tags"), QJsonArray::fromStringList(run.tags));
    }
    if (!run.notes.isEmpty()) {
      entry.insert(QStringLiteral("notes"), run.notes);
    }
    if (run.hidden) {
      entry.insert(QStringLiteral("hidden"), true);
    }
    if (run.pinned) {
      entry.insert(QStringLiteral("pinned"), true);
    }
    if (run.weightBytes) {
      entry.insert(QStringLiteral("weight_bytes"), *run.weightBytes);
    }
    runs.append(entry);
  }
  object.insert(QStringLiteral("runs"), runs);
  if (!stored.baseline.isEmpty()) {
    object.insert(QStringLiteral("baseline"), stored.baseline);
  }
  return object;
}

std::optional<StoredJob> storedJobFrom(const QJsonObject& object) {
  StoredJob stored;
  Job& job = stored.job;
  for (const auto& [name, member] : texts()) {
    job.*member = object.value(name).toString();
  }
  for (const QString& name : {job.id, job.folder}) {
    if (name.contains(QLatin1Char('/')) || name.startsWith(u'.')) {
      return std::nullopt;  // it becomes the name of a folder
    }
  }
  if (job.id.isEmpty()) {
    return std::nullopt;
  }
  job.state = stateOf(object.value(QStringLiteral("state")).toString());
  job.variants = strings(object.value(QStringLiteral("variants")));
  job.devices = strings(object.value(QStringLiteral("devices")));
  job.attempt = object.value(QStringLiteral("attempt")).toInt(1);
  job.listed = object.value(QStringLiteral("listed")).toBool(true);
  job.context = object.value(QStringLiteral("context")).toInt();
  job.stride = object.value(QStringLiteral("stride")).toInt();
  job.windowsTotal = object.value(QStringLiteral("windows")).toInt();
  job.tokensTotal = object.value(QStringLiteral("tokens")).toInteger();
  job.addedAt = read(object.value(QStringLiteral("added")));
  job.startedAt = read(object.value(QStringLiteral("started")));
  job.finishedAt = read(object.value(QStringLiteral("finished")));
  const QJsonValue seconds = object.value(QStringLiteral("seconds"));
  if (seconds.isDouble()) {
    job.totalSeconds = seconds.toDouble();
  }
  const double fraction = object.value(QStringLiteral("fraction")).toDouble();
  if (fraction > 0 && fraction <= 1) {
    job.done = fraction;
    job.total = 1;
  }
  stored.baseDir = object.value(QStringLiteral("base_dir")).toString();
  const QJsonObject keys = object.value(QStringLiteral("keys")).toObject();
  for (auto it = keys.begin(); it != keys.end(); ++it) {
    stored.keys.insert(it.key(), it.value().toString());
  }
  for (const QJsonValue& value : object.value(QStringLiteral("runs")).toArray()) {
    const QJsonObject entry = value.toObject();
    StoredRun run;
    run.id = entry.value(QStringLiteral("id")).toString();
    run.variant = entry.value(QStringLiteral("variant")).toString();
    run.number = entry.value(QStringLiteral("number")).toInt();
    run.tags = strings(entry.value(QStringLiteral("tags")));
    run.notes = entry.value(QStringLiteral("notes")).toString();
    run.hidden = entry.value(QStringLiteral("hidden")).toBool();
    run.pinned = entry.value(QStringLiteral("pinned")).toBool();
    const QJsonValue weight = entry.value(QStringLiteral("weight_bytes"));
    if (weight.isDouble()) {
      run.weightBytes = weight.toDouble();
    }
    if (!run.id.isEmpty() && !run.variant.isEmpty()) {
      stored.runs.push_back(std::move(run));
    }
  }
  stored.baseline = object.value(QStringLiteral("baseline")).toString();
  return stored;
}

}  // namespace mxscope::ui
