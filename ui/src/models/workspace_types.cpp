// SPDX-License-Identifier: GPL-3.0-or-later
#include "models/workspace_types.h"

#include <QCoreApplication>

namespace mxscope::ui {

namespace {

QString translated(const char* text) {
  return QCoreApplication::translate("mxscope::ui::States", text);
}

}  // namespace

QString stateName(JobState state) {
  switch (state) {
    case JobState::kWaiting:
      return QStringLiteral("waiting");
    case JobState::kLoading:
      return QStringLiteral("loading");
    case JobState::kRunning:
      return QStringLiteral("running");
    case JobState::kPausing:
      return QStringLiteral("pausing");
    case JobState::kPaused:
      return QStringLiteral("paused");
    case JobState::kCancelling:
      return QStringLiteral("cancelling");
    case JobState::kCancelled:
      return QStringLiteral("cancelled");
    case JobState::kDone:
      return QStringLiteral("done");
    case JobState::kFailed:
      return QStringLiteral("failed");
    case JobState::kInterrupted:
      return QStringLiteral("interrupted");
  }
  return {};
}

QString stateName(RunState state) {
  switch (state) {
    case RunState::kWaiting:
      return QStringLiteral("waiting");
    case RunState::kRunning:
      return QStringLiteral("running");
    case RunState::kPaused:
      return QStringLiteral("paused");
    case RunState::kDone:
      return QStringLiteral("done");
    case RunState::kCancelled:
      return QStringLiteral("cancelled");
    case RunState::kFailed:
      return QStringLiteral("failed");
  }
  return {};
}

QString displayName(JobState state) {
  switch (state) {
    case JobState::kWaiting:
      return translated(QT_TRANSLATE_NOOP("mxscope::ui::States", "Waiting"));
    case JobState::kLoading:
      return translated(QT_TRANSLATE_NOOP("mxscope::ui::States", "Loading"));
    case JobState::kRunning:
      return translated(QT_TRANSLATE_NOOP("mxscope::ui::States", "Running"));
    case JobState::kPausing:
      return translated(QT_TRANSLATE_NOOP("mxscope::ui::States", "Pausing…"));
    case JobState::kPaused:
      return translated(QT_TRANSLATE_NOOP("mxscope::ui::States", "Paused"));
    case JobState::kCancelling:
      return translated(QT_TRANSLATE_NOOP("mxscope::ui::States", "Cancelling…"));
    case JobState::kCancelled:
      return translated(QT_TRANSLATE_NOOP("mxscope::ui::States", "Cancelled"));
    case JobState::kDone:
      return translated(QT_TRANSLATE_NOOP("mxscope::ui::States", "Done"));
    case JobState::kFailed:
      return translated(QT_TRANSLATE_NOOP("mxscope::ui::States", "Failed"));
    case JobState::kInterrupted:
      return translated(QT_TRANSLATE_NOOP("mxscope::ui::States", "Interrupted"));
  }
  return {};
}

QString displayName(RunState state) {
  switch (state) {
    case RunState::kWaiting:
      return displayName(JobState::kWaiting);
    case RunState::kRunning:
      return displayName(JobState::kRunning);
    case RunState::kPaused:
      return displayName(JobState::kPaused);
    case RunState::kDone:
      return displayName(JobState::kDone);
    case RunState::kCancelled:
      return displayName(JobState::kCancelled);
    case RunState::kFailed:
      return displayName(JobState::kFailed);
  }
  return {};
}

bool isActive(JobState state) {
  return state == JobState::kLoading || state == JobState::kRunning ||
         state == JobState::kPausing || state == JobState::kCancelling;
}

}  // namespace mxscope::ui
