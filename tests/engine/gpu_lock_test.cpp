// SPDX-License-Identifier: Apache-2.0
#include "run/gpu_lock.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>

namespace mxscope::test {
namespace {

using engine::GpuLock;

class GpuLocks : public testing::Test {
 protected:
  void SetUp() override {
    folder_ =
        std::filesystem::path(testing::TempDir()) /
        ("locks_" + std::string(testing::UnitTest::GetInstance()->current_test_info()->name()));
    std::filesystem::remove_all(folder_);
    std::filesystem::create_directories(folder_);
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  std::filesystem::path folder_;
};

TEST_F(GpuLocks, TheSecondLearnsWhoHoldsItUntilItIsGivenBack) {
  auto first = std::make_unique<GpuLock>(folder_, "GPU-1", "mxscope, process 12, a long name");
  EXPECT_EQ(first->holder(), "");
  {
    const GpuLock second(folder_, "GPU-1", "process 13");
    EXPECT_EQ(second.holder(), "mxscope, process 12, a long name");
    const GpuLock other_gpu(folder_, "GPU-2", "process 13");
    EXPECT_EQ(other_gpu.holder(), "");
  }
  // Who only looked has not taken it.
  EXPECT_EQ(GpuLock(folder_, "GPU-1", "process 14").holder(), "mxscope, process 12, a long name");
  first.reset();
  const GpuLock third(folder_, "GPU-1", "process 15");
  EXPECT_EQ(third.holder(), "");
  EXPECT_EQ(GpuLock(folder_, "GPU-1", "").holder(), "process 15");
}

TEST_F(GpuLocks, TextOfOthersIsMadePrintable) {
  const GpuLock first(folder_, "GPU-1", std::string(5000, 'x') + "\x1b[2J");
  const std::string seen = GpuLock(folder_, "GPU-1", "").holder();
  EXPECT_EQ(seen, std::string(200, 'x'));
  const GpuLock second(folder_, "GPU-2", "\x1b[2J\x01 process\nmore");
  EXPECT_EQ(GpuLock(folder_, "GPU-2", "").holder(), "?[2J? process");
  const GpuLock third(folder_, "GPU-3", "");
  EXPECT_EQ(GpuLock(folder_, "GPU-3", "").holder(), "another program");
}

TEST_F(GpuLocks, WithoutAPlaceForItThereIsNoLock) {
  EXPECT_EQ(GpuLock(folder_ / "missing", "GPU-1", "a").holder(), "");
  // A link that somebody left there is not followed.
  std::ofstream(folder_ / "victim") << "untouched";
  std::filesystem::create_symlink(folder_ / "victim", folder_ / "mxscope-gpu-GPU-1.lock");
  EXPECT_EQ(GpuLock(folder_, "GPU-1", "a").holder(), "");
  std::string text;
  std::ifstream(folder_ / "victim") >> text;
  EXPECT_EQ(text, "untouched");
}

}  // namespace
}  // namespace mxscope::test
