// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QCoreApplication>
#include <QObject>
#include <QPointer>
#include <QThreadPool>
#include <memory>
#include <utility>

namespace mxscope::ui {

// Runs `work` on a thread of the global pool and hands what it returns to `then` on the thread of
// `context`, unless that has gone by then. `work` must not touch objects of the GUI thread.
template <class Work, class Then>
void inBackground(QObject* context, Work work, Then then) {
  QThreadPool::globalInstance()->start([guard = QPointer<QObject>(context), work = std::move(work),
                                        then = std::move(then)]() mutable {
    auto result = std::make_shared<decltype(work())>(work());
    // The application lives longer than every window; only its thread may ask whether one lives.
    QMetaObject::invokeMethod(
        qApp,
        [guard, result, then = std::move(then)]() mutable {
          if (guard) {
            then(std::move(*result));
          }
        },
        Qt::QueuedConnection);
  });
}

}  // namespace mxscope::ui
