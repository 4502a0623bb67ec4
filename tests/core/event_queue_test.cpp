// SPDX-License-Identifier: Apache-2.0
#include "mxscope/core/protocol/event_queue.h"

#include <gtest/gtest.h>

#include <atomic>
#include <string>
#include <thread>
#include <vector>

namespace mxscope {
namespace {

using std::chrono::milliseconds;

Event progress(const std::string& job, std::int64_t done) {
  return {job, ProgressEvent{done, 100, 0, 1, std::nullopt, std::nullopt}};
}
Event log(const std::string& text) {
  return {"", MessageEvent{MessageKind::kLog, "info", "", text, ""}};
}
Event warning(const std::string& text) {
  return {"", MessageEvent{MessageKind::kWarning, "warning", "", text, ""}};
}

TEST(EventQueue, KeepsTheOrderAndTheNewestProgressOfEachJob) {
  EventQueue queue;
  queue.push(progress("a", 1));
  queue.push(progress("b", 1));
  queue.push(log("x"));
  queue.push(progress("a", 2));
  queue.push({"a", LoadingEvent{"m", 1, 2}});
  queue.push({"a", LoadingEvent{"m", 2, 2}});
  queue.push({"", MemoryEvent{1, {}}});
  queue.push({"", MemoryEvent{2, {}}});
  EXPECT_EQ(queue.drain(), (std::vector<Event>{progress("b", 1),
                                               log("x"),
                                               progress("a", 2),
                                               {"a", LoadingEvent{"m", 2, 2}},
                                               {"", MemoryEvent{2, {}}}}));
  EXPECT_TRUE(queue.drain().empty());
  EXPECT_EQ(queue.dropped(), 0);
}

TEST(EventQueue, AStalledReaderLosesLogLinesFirstAndResultsNever) {
  EventQueue queue(10);
  queue.push({"j", WindowsEvent{"m", 0, {}}});
  for (int i = 0; i < 100; ++i) {
    queue.push(log(std::to_string(i)));
  }
  EXPECT_EQ(queue.size(), 10U);
  for (int i = 0; i < 50; ++i) {
    queue.push({"j", DoneEvent{"done", static_cast<double>(i)}});
    queue.push(warning("w"));
  }
  const std::vector<Event> events = queue.drain();
  EXPECT_EQ(events.size(), 100U);
  for (const Event& event : events) {
    EXPECT_NE(type_name(event), "log");
    EXPECT_NE(type_name(event), "windows");
  }
  EXPECT_EQ(queue.dropped(), 101);
}

TEST(EventQueue, DrainsInParts) {
  EventQueue queue;
  for (int i = 0; i < 5; ++i) {
    queue.push(log(std::to_string(i)));
  }
  EXPECT_EQ(queue.drain(2), (std::vector<Event>{log("0"), log("1")}));
  EXPECT_EQ(queue.drain(9), (std::vector<Event>{log("2"), log("3"), log("4")}));
}

TEST(EventQueue, WakesOnceUntilItIsDrained) {
  EventQueue queue;
  int woken = 0;
  queue.set_wake([&] { ++woken; });
  queue.push(log("a"));
  queue.push(log("b"));
  EXPECT_EQ(woken, 1);
  static_cast<void>(queue.drain());
  EXPECT_EQ(woken, 1);
  queue.push(log("c"));
  EXPECT_EQ(woken, 2);
}

TEST(EventQueue, TakesEventsFromManyThreads) {
  EventQueue queue(100000);
  std::atomic<int> woken = 0;
  queue.set_wake([&] { ++woken; });
  constexpr int kThreads = 4;
  constexpr int kEach = 500;
  std::vector<std::jthread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&queue, t] {
      for (int i = 0; i < kEach; ++i) {
        queue.push(log(std::to_string(t)));
        queue.push(progress("job " + std::to_string(t), i));
      }
    });
  }
  std::vector<int> logs(kThreads);
  std::vector<std::int64_t> last(kThreads, -1);
  const auto take = [&] {
    for (const Event& event : queue.drain()) {
      if (const auto* message = std::get_if<MessageEvent>(&event.body)) {
        ++logs[static_cast<std::size_t>(std::stoi(message->text))];
      } else {
        const auto job = static_cast<std::size_t>(std::stoi(event.job.substr(4)));
        const std::int64_t done = std::get<ProgressEvent>(event.body).done;
        EXPECT_GT(done, last[job]);
        last[job] = done;
      }
    }
  };
  for (int i = 0; i < 100; ++i) {
    take();
  }
  threads.clear();
  take();
  EXPECT_EQ(logs, std::vector<int>(kThreads, kEach));
  EXPECT_EQ(last, std::vector<std::int64_t>(kThreads, kEach - 1));
  EXPECT_GE(woken, 1);
}

TEST(Throttle, LetsThroughTwentyInAnySecond) {
  Throttle throttle;
  Throttle::Clock::time_point now{};
  std::vector<Throttle::Clock::time_point> sent;
  for (int step = 0; step < 5000; ++step) {
    now += milliseconds(1);
    if (throttle.try_send(now)) {
      sent.push_back(now);
    }
  }
  EXPECT_EQ(sent.size(), 100U);
  for (std::size_t i = 20; i < sent.size(); ++i) {
    EXPECT_GE(sent[i] - sent[i - 20], std::chrono::seconds(1));
  }
}

TEST(Throttle, SaysHowLongToWait) {
  Throttle throttle(2);
  const Throttle::Clock::time_point start{};
  EXPECT_EQ(throttle.wait_time(start), Throttle::Clock::duration::zero());
  EXPECT_TRUE(throttle.try_send(start));
  EXPECT_TRUE(throttle.try_send(start + milliseconds(300)));
  EXPECT_FALSE(throttle.try_send(start + milliseconds(400)));
  EXPECT_EQ(throttle.wait_time(start + milliseconds(400)), milliseconds(600));
  EXPECT_EQ(throttle.wait_time(start + milliseconds(1000)), Throttle::Clock::duration::zero());
  EXPECT_TRUE(throttle.try_send(start + milliseconds(1000)));
  EXPECT_EQ(throttle.wait_time(start + milliseconds(1000)), milliseconds(300));
}

}  // namespace
}  // namespace mxscope
