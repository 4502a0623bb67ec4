// SPDX-License-Identifier: Apache-2.0
#include "interrupt.h"

#include <unistd.h>

#include <csignal>
#include <ctime>

#include "exit_code.h"

namespace mxscope::cli {
namespace {

sigset_t watched() {
  sigset_t set;
  sigemptyset(&set);
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) {
    sigaddset(&set, signal);
  }
  return set;
}

}  // namespace

InterruptWatch::InterruptWatch(std::function<void()> on_first) : on_first_(std::move(on_first)) {
  sigset_t set = watched();
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
  thread_ = std::jthread([this](const std::stop_token& stop) {
    const sigset_t signals = watched();
    bool seen = false;
    while (!stop.stop_requested()) {
      const timespec wait{0, 100'000'000};
      if (sigtimedwait(&signals, nullptr, &wait) <= 0) {
        continue;
      }
      if (seen) {
        constexpr char kMessage[] = "\nmxscope: stopped at once\n";
        [[maybe_unused]] const auto written =
            ::write(STDERR_FILENO, kMessage, sizeof(kMessage) - 1);
        ::_exit(kCancelled);
      }
      seen = true;
      on_first_();
    }
  });
}

InterruptWatch::~InterruptWatch() {
  thread_.request_stop();
  thread_.join();
  sigset_t set = watched();
  pthread_sigmask(SIG_UNBLOCK, &set, nullptr);
}

}  // namespace mxscope::cli
