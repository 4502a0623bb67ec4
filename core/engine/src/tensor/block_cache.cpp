// SPDX-License-Identifier: Apache-2.0
#include "tensor/block_cache.h"

#include <c10/core/Allocator.h>
#include <c10/core/CPUAllocator.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <mutex>
#include <new>
#include <vector>

namespace mxscope::engine {
namespace {

// Smaller blocks are left to the C library, which keeps them for itself without harm. Larger ones
// are mappings of their own: what is freed is free, whatever lies beside it.
constexpr std::size_t kSmallest = 1 << 20;
constexpr std::size_t kHugePage = 2 << 20;
constexpr std::size_t kAlignment = 64;  // of a cache line and of the widest vector

class BlockCache final : public c10::Allocator {
 public:
  c10::DataPtr allocate(std::size_t size) override {
    void* block = size == 0 ? nullptr : take(size);
    return {block, block, &BlockCache::give, c10::Device(c10::DeviceType::CPU)};
  }
  c10::DeleterFnPtr raw_deleter() const override { return &BlockCache::give; }
  void copy_data(void* to, const void* from, std::size_t count) const override {
    default_copy_data(to, from, count);
  }

  void trim() {
    const std::lock_guard lock(mutex_);
    shrink_to(0);
    figures_.peak_bytes = 0;
  }
  BlockCacheFigures figures() {
    const std::lock_guard lock(mutex_);
    return figures_;
  }

  static BlockCache& instance() {
    // Never destroyed: tensors with static lifetime may be freed after it would have been.
    static BlockCache& cache = *new BlockCache;
    return cache;
  }

 private:
  struct Kept {
    std::size_t size;
    void* start;
  };

  // A line before the numbers holds their size.
  static std::size_t& size_at(void* start) { return *static_cast<std::size_t*>(start); }

  void* take(std::size_t size) {
    if (size >= kSmallest) {
      const std::lock_guard lock(mutex_);
      figures_.used_bytes += static_cast<std::int64_t>(size);
      figures_.peak_bytes = std::max(figures_.peak_bytes, figures_.used_bytes);
      // The youngest is the likeliest to be in a processor's cache.
      const auto found = std::find_if(kept_.rbegin(), kept_.rend(),
                                      [&](const Kept& kept) { return kept.size == size; });
      if (found != kept_.rend()) {
        void* start = found->start;
        figures_.kept_bytes -= static_cast<std::int64_t>(size);
        kept_.erase(std::next(found).base());
        return static_cast<char*>(start) + kAlignment;
      }
      shrink_to(figures_.peak_bytes - figures_.used_bytes);
    }
    void* start = size > SIZE_MAX - kAlignment ? nullptr : from_system(size);
    if (start == nullptr) {
      if (size >= kSmallest) {
        const std::lock_guard lock(mutex_);
        figures_.used_bytes -= static_cast<std::int64_t>(size);
      }
      throw std::bad_alloc();
    }
    size_at(start) = size;
    return static_cast<char*>(start) + kAlignment;
  }

  static void* from_system(std::size_t size) {
    if (size >= kHugePage) {
      return in_huge_pages(size + kAlignment);
    }
    if (size >= kSmallest) {
      void* start = mmap(nullptr, size + kAlignment, PROT_READ | PROT_WRITE,
                         MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
      return start == MAP_FAILED ? nullptr : start;
    }
    void* start = nullptr;
    return posix_memalign(&start, kAlignment, size + kAlignment) == 0 ? start : nullptr;
  }
  // A mapping whose whole huge pages come as such, where the system gives them: one fault instead
  // of 512. What lies behind the last of them stays in small pages, so no more memory is taken.
  static void* in_huge_pages(std::size_t size) {
    if (size > SIZE_MAX - 2 * kHugePage) {
      return nullptr;
    }
    const std::size_t page = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
    const std::size_t bytes = (size + page - 1) / page * page;
    void* mapped = mmap(nullptr, bytes + kHugePage, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (mapped == MAP_FAILED) {
      return nullptr;
    }
    auto* begin = static_cast<char*>(mapped);
    const std::size_t before =
        (kHugePage - reinterpret_cast<std::uintptr_t>(mapped) % kHugePage) % kHugePage;
    char* start = begin + before;
    if (before > 0) {
      munmap(begin, before);
    }
    munmap(start + bytes, kHugePage - before);
    madvise(start, bytes / kHugePage * kHugePage, MADV_HUGEPAGE);
    return start;
  }
  static void to_system(void* start, std::size_t size) {
    if (size >= kSmallest) {
      munmap(start, size + kAlignment);
    } else {
      std::free(start);
    }
  }

  static void give(void* block) {
    if (block != nullptr) {
      instance().put_back(static_cast<char*>(block) - kAlignment);
    }
  }
  void put_back(void* start) {
    const std::size_t size = size_at(start);
    if (size < kSmallest) {
      to_system(start, size);
      return;
    }
    const std::lock_guard lock(mutex_);
    figures_.used_bytes -= static_cast<std::int64_t>(size);
    figures_.kept_bytes += static_cast<std::int64_t>(size);
    kept_.push_back({size, start});
    shrink_to(figures_.peak_bytes - figures_.used_bytes);
  }

  // Frees the oldest until at most `bytes` are kept.
  void shrink_to(std::int64_t bytes) {
    std::size_t gone = 0;
    for (; gone < kept_.size() && figures_.kept_bytes > bytes; ++gone) {
      figures_.kept_bytes -= static_cast<std::int64_t>(kept_[gone].size);
      to_system(kept_[gone].start, kept_[gone].size);
    }
    kept_.erase(kept_.begin(), kept_.begin() + static_cast<std::ptrdiff_t>(gone));
  }

  std::mutex mutex_;
  std::vector<Kept> kept_;  // oldest first
  BlockCacheFigures figures_;
};

}  // namespace

BlockCacheScope::BlockCacheScope() {
  static std::once_flag once;
  std::call_once(once, [] { c10::SetCPUAllocator(&BlockCache::instance(), 1); });
}

BlockCacheScope::~BlockCacheScope() { BlockCache::instance().trim(); }

BlockCacheFigures BlockCacheScope::figures() { return BlockCache::instance().figures(); }

}  // namespace mxscope::engine
