// SPDX-License-Identifier: Apache-2.0
#include "mxscope/core/checkpoint/model_source.h"

#include <gtest/gtest.h>

#include <cstdlib>

#include "data/expect_error.h"
#include "data/temporary_folder.h"

namespace mxscope {
namespace {

using test::error_of;
using test::TemporaryFolder;

class ModelSource : public testing::Test {
 protected:
  void SetUp() override {
    ::setenv("HF_HUB_CACHE", (folder_.path() / "hub").c_str(), 1);
    folder_.write("local/config.json", "{}");
    folder_.write("hub/models--org--name/refs/main", "abc123\n");
    folder_.write("hub/models--org--name/refs/refs/pr/1", "def456");
    folder_.write("hub/models--org--name/snapshots/abc123/config.json", "{}");
    folder_.write("hub/models--org--name/snapshots/def456/config.json", "{}");
    folder_.write("hub/models--org--partial/refs/main", "abc123");
    folder_.write("hub/models--org--evil/refs/main", "../../../../etc");
  }
  void TearDown() override { ::unsetenv("HF_HUB_CACHE"); }

  std::filesystem::path resolve(const std::string& source, const std::string& revision = "") {
    return resolve_model_source(source, folder_.path(), revision);
  }
  std::filesystem::path snapshot(const std::string& commit) {
    return folder_.path() / "hub" / "models--org--name" / "snapshots" / commit;
  }

  TemporaryFolder folder_;
};

TEST_F(ModelSource, FindsFoldersAndFilesRelativeToTheBase) {
  EXPECT_EQ(resolve("local"), folder_.path() / "local");
  EXPECT_EQ(resolve((folder_.path() / "local").string()), folder_.path() / "local");
  EXPECT_EQ(resolve("local/config.json"), folder_.path() / "local" / "config.json");
}

TEST_F(ModelSource, FindsSnapshotsOfTheHubCache) {
  EXPECT_EQ(resolve("org/name"), snapshot("abc123"));
  EXPECT_EQ(resolve("org/name", "refs/pr/1"), snapshot("def456"));
  EXPECT_EQ(resolve("org/name", "def456"), snapshot("def456"));
}

TEST_F(ModelSource, SaysHowToGetWhatIsMissing) {
  const std::string hub = (folder_.path() / "hub").string();
  EXPECT_EQ(error_of(ErrorCode::kNotFound, [&] { (void)resolve("org/partial"); }),
            "Model 'org/partial' is neither the folder " +
                (folder_.path() / "org/partial").string() +
                " nor, in revision main, in the local hub cache " + hub +
                ". Get it with: hf download org/partial.");
  EXPECT_EQ(error_of(ErrorCode::kNotFound, [&] { (void)resolve("org/name", "v2"); }),
            "Model 'org/name' is neither the folder " + (folder_.path() / "org/name").string() +
                " nor, in revision v2, in the local hub cache " + hub +
                ". Get it with: hf download org/name --revision v2.");
  EXPECT_EQ(error_of(ErrorCode::kNotFound, [&] { (void)resolve("a/b/c"); }),
            "Model 'a/b/c': " + (folder_.path() / "a/b/c").string() +
                " does not exist, and it is no hub id of the form ORGANISATION/NAME.");
  EXPECT_EQ(error_of(ErrorCode::kInvalidInput, [&] { (void)resolve(""); }),
            "The model's source is empty; a folder, a *.safetensors file or a hub id is accepted.");
}

TEST_F(ModelSource, NeverLeavesTheCache) {
  EXPECT_EQ(error_of(ErrorCode::kInvalidInput, [&] { (void)resolve("org/name", "../../x"); }),
            "Model 'org/name': the revision '../../x' is not accepted; name a branch, a tag or a "
            "commit.");
  const std::string message =
      error_of(ErrorCode::kInvalidInput, [&] { (void)resolve("org/evil"); });
  EXPECT_NE(message.find("holds '../../../../etc' instead of a commit"), std::string::npos)
      << message;
}

TEST(HubId, IsANameOrAnOrganisationAndAName) {
  for (const char* good : {"gpt2", "Qwen/Qwen2.5-7B", "01-ai/Yi-34B", "a/b_c"}) {
    EXPECT_TRUE(is_hub_id(good)) << good;
  }
  for (const char* bad :
       {"", "/", "a/", "/a", "a/b/c", "../a", "a/..", ".a", "-a", "a b", "a--b", "~/x", "a\\b"}) {
    EXPECT_FALSE(is_hub_id(bad)) << bad;
  }
}

TEST(HubCache, FollowsTheEnvironment) {
  const auto with = [](const char* name, const char* value) {
    ::setenv(name, value, 1);
    const std::filesystem::path folder = hub_cache_folder();
    ::unsetenv(name);
    return folder;
  };
  EXPECT_EQ(with("HF_HUB_CACHE", "/x/y"), "/x/y");
  EXPECT_EQ(with("HF_HOME", "/x"), "/x/hub");
  EXPECT_EQ(with("XDG_CACHE_HOME", "/c"), "/c/huggingface/hub");
}

}  // namespace
}  // namespace mxscope
