// SPDX-License-Identifier: Apache-2.0
#include "progress.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "text.h"

namespace mxscope::cli {
namespace {

constexpr auto kRedraw = std::chrono::milliseconds(100);
constexpr auto kPlainLine = std::chrono::seconds(10);
constexpr std::size_t kBarWidth = 24;

double share(std::int64_t done, std::int64_t total) {
  return total > 0 ? std::clamp(static_cast<double>(done) / static_cast<double>(total), 0.0, 1.0)
                   : 0.0;
}

std::string percent(std::int64_t done, std::int64_t total) {
  // Rounded down: 100 % shall mean that nothing is left.
  return std::to_string(static_cast<int>(std::floor(share(done, total) * 100.0))) + " %";
}

std::string time_left(double seconds) {
  if (!(seconds >= 0)) {
    return "estimating time";
  }
  // A time that jumps by the second cannot be trusted to the second.
  double rounded = std::ceil(seconds);
  if (seconds >= 600) {
    rounded = std::round(seconds / 60) * 60;
  } else if (seconds >= 60) {
    rounded = std::round(seconds / 5) * 5;
  }
  return (rounded < 10 ? std::to_string(static_cast<int>(rounded)) + " s"
                       : format_duration(rounded)) +
         " left";
}

std::string rate(double tokens_per_second) {
  return tokens_per_second > 0
             ? format_count(static_cast<std::int64_t>(std::llround(tokens_per_second))) +
                   " tokens/s"
             : std::string{};
}

std::string bar(double done, bool unicode) {
  static constexpr std::array<const char*, 8> kParts = {"", "▏", "▎", "▍", "▌", "▋", "▊", "▉"};
  const double cells = done * static_cast<double>(kBarWidth);
  const auto full = static_cast<std::size_t>(cells);
  std::string text;
  for (std::size_t i = 0; i < full; ++i) {
    text += unicode ? "█" : "#";
  }
  std::size_t used = full;
  if (unicode && full < kBarWidth) {
    const auto part = static_cast<std::size_t>((cells - static_cast<double>(full)) * 8);
    text += kParts[std::min<std::size_t>(part, 7)];
    used += part > 0 ? 1 : 0;
  }
  for (; used < kBarWidth; ++used) {
    text += unicode ? "░" : ".";
  }
  return text;
}

}  // namespace

ProgressView::ProgressView(Terminal terminal, bool quiet, Write write)
    : terminal_(terminal), quiet_(quiet), write_(std::move(write)) {}

std::string ProgressView::bar_line(const ProgressFigures& figures) const {
  const char* separator = terminal_.unicode ? " · " : ", ";
  const std::string head = printable(figures.job) + "  ";
  std::string done = percent(figures.done, figures.total);
  done.insert(0, done.size() < 5 ? 5 - done.size() : 0, ' ');
  std::string tail = done;
  for (const std::string& part :
       {figures.panels > 1
            ? "panel " + std::to_string(figures.panel) + " of " + std::to_string(figures.panels)
            : std::string{},
        rate(figures.tokens_per_second), time_left(figures.seconds_left)}) {
    if (!part.empty()) {
      tail += separator + part;
    }
  }
  const std::string full =
      head + bar(share(figures.done, figures.total), terminal_.unicode) + " " + tail;
  // The last column stays free: some terminals break the line when it is written to.
  const std::size_t room = terminal_.width > 1 ? terminal_.width - 1 : 1;
  return display_width(full) <= room ? full : fit(head + tail, room);
}

void ProgressView::show(const std::string& line, const std::string& plain, Clock::time_point now) {
  if (quiet_) {
    return;
  }
  const auto interval =
      terminal_.interactive ? Clock::duration(kRedraw) : Clock::duration(kPlainLine);
  if (shown_once_ && now - last_ < interval) {
    return;
  }
  shown_once_ = true;
  last_ = now;
  if (!terminal_.interactive) {
    write_(plain + "\n");
    return;
  }
  if (line != drawn_) {
    write_("\r" + line + "\x1b[K");
    drawn_ = line;
  }
}

void ProgressView::loading(const std::string& job, std::int64_t bytes, std::int64_t total,
                           Clock::time_point now) {
  transfer(job, "reading weights", bytes, total, now);
}

void ProgressView::downloading(const std::string& hub_id, std::int64_t bytes, std::int64_t total,
                               Clock::time_point now) {
  transfer(hub_id, "downloading", bytes, total, now);
}

void ProgressView::transfer(const std::string& subject, const std::string& what, std::int64_t bytes,
                            std::int64_t total, Clock::time_point now) {
  const std::string text =
      printable(subject) + ": " + what + ", " + format_bytes(bytes) + " of " + format_bytes(total);
  show(fit(text, terminal_.width > 1 ? terminal_.width - 1 : 1), text, now);
}

void ProgressView::progress(const ProgressFigures& figures, Clock::time_point now) {
  std::string plain = printable(figures.job) + ": " + percent(figures.done, figures.total);
  if (figures.panels > 0) {
    plain += ", panel " + std::to_string(figures.panel) + " of " + std::to_string(figures.panels);
  }
  for (const std::string& part :
       {rate(figures.tokens_per_second), time_left(figures.seconds_left)}) {
    plain += part.empty() ? "" : ", " + part;
  }
  show(bar_line(figures), plain, now);
}

void ProgressView::message(const std::string& level, const std::string& text) {
  if (quiet_ && level == "info") {
    return;
  }
  std::string line = printable(text);
  if (level == "warning") {
    line = (terminal_.colour ? "\x1b[33mwarning:\x1b[0m " : "warning: ") + line;
  } else if (level == "error") {
    line = (terminal_.colour ? "\x1b[31merror:\x1b[0m " : "error: ") + line;
  }
  const std::string bar_now = drawn_;
  clear();
  write_(line + "\n");
  if (!bar_now.empty()) {
    write_(bar_now);
    drawn_ = bar_now;
  }
}

void ProgressView::clear() {
  if (!drawn_.empty()) {
    write_("\r\x1b[K");
    drawn_.clear();
  }
}

}  // namespace mxscope::cli
