// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <mutex>

namespace mxscope {

// A lock that goes to those who wait in the order in which they joined, so that what passes several
// of them in turn cannot overtake: join the next line before leaving the one before. Any thread may
// call any member.
class WaitingLine {
 public:
  // Somebody's place, from joining to leaving; it leaves when destroyed, whether or not its turn
  // has come. Used by one thread at a time. The line must outlive it.
  class Place {
   public:
    explicit Place(WaitingLine& line);
    ~Place();
    Place(const Place&) = delete;
    Place& operator=(const Place&) = delete;

    // Returns when all who joined before have left.
    void wait();

   private:
    WaitingLine& line_;
    std::uint64_t number_ = 0;
  };

 private:
  std::mutex mutex_;
  std::condition_variable moved_;
  std::deque<std::uint64_t> places_;  // increasing
  std::uint64_t next_ = 0;
};

}  // namespace mxscope
