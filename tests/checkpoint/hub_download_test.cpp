// SPDX-License-Identifier: Apache-2.0
// The hub as a server on this machine.
#include "mxscope/core/checkpoint/hub_download.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>

#include "checkpoint/http_server.h"
#include "data/expect_error.h"
#include "data/temporary_folder.h"
#include "mxscope/core/base/input.h"
#include "mxscope/core/base/sha256.h"
#include "mxscope/core/checkpoint/model_source.h"

namespace mxscope {
namespace {

using nlohmann::json;
using test::error_of;
using test::HttpServer;
using test::TemporaryFolder;

const std::string kCommit(40, 'a');
const std::string kConfigBlob(40, 'b');
const std::string kOtherBlob(40, 'c');

class HubDownload : public testing::Test {
 protected:
  void SetUp() override {
    weights_.assign(300'000, 'w');
    for (std::size_t i = 0; i < weights_.size(); ++i) {
      weights_[i] = static_cast<char>(i * 31);
    }
    const std::string sha = sha256_hex(weights_);
    listing_ = {{"sha", kCommit},
                {"siblings",
                 {{{"rfilename", "config.json"}, {"size", 2}, {"blobId", kConfigBlob}},
                  {{"rfilename", "README.md"}, {"size", 5}, {"blobId", kOtherBlob}},
                  {{"rfilename", "onnx/config.json"}, {"size", 5}, {"blobId", kOtherBlob}},
                  {{"rfilename", "pytorch_model.bin"}, {"size", 5}, {"blobId", kOtherBlob}},
                  {{"rfilename", "model.safetensors"},
                   {"size", weights_.size()},
                   {"blobId", kOtherBlob},
                   {"lfs", {{"sha256", sha}, {"size", weights_.size()}}}}}}};
    server_ = std::make_unique<HttpServer>([this](const auto& request) { return reply(request); });
    ::setenv("HF_ENDPOINT", server_->url().c_str(), 1);
    ::setenv("HF_HUB_CACHE", folder_.path().c_str(), 1);
    ::setenv("HF_TOKEN", "a-token", 1);
    ::setenv("no_proxy", "*", 1);
    ::unsetenv("HF_HUB_OFFLINE");
    blob_ = folder_.path() / "models--org--name" / "blobs" / sha;
  }
  void TearDown() override {
    for (const char* name : {"HF_ENDPOINT", "HF_HUB_CACHE", "HF_TOKEN", "HF_HUB_OFFLINE"}) {
      ::unsetenv(name);
    }
  }

  std::string reply(const HttpServer::Request& request) {
    if (status_ != "200 OK") {
      return HttpServer::answer(status_, "no");
    }
    if (request.path == "/api/models/org/name/revision/main?blobs=true") {
      return HttpServer::answer(status_, listing_.dump());
    }
    const std::string files = "/org/name/resolve/" + kCommit + "/";
    if (request.path == files + "config.json") {
      return HttpServer::answer(status_, "{}");
    }
    if (request.path == files + "model.safetensors") {
      return HttpServer::answer("302 Found", "", "Location: " + server_->url() + "/cdn\r\n");
    }
    if (request.path == "/cdn") {
      const std::size_t range = request.head.find("Range: bytes=");
      if (ranges_ && range != std::string::npos) {
        const auto from = static_cast<std::size_t>(
            std::atoll(request.head.c_str() + range + std::string_view("Range: bytes=").size()));
        return HttpServer::answer("206 Partial Content", weights_.substr(from),
                                  "Content-Range: bytes " + std::to_string(from) + "-" +
                                      std::to_string(weights_.size() - 1) + "/" +
                                      std::to_string(weights_.size()) + "\r\n");
      }
      return HttpServer::answer(status_, weights_);
    }
    return HttpServer::answer("404 Not Found", "");
  }

  int requests_for(const std::string& part) {
    const auto all = server_->requests();
    return static_cast<int>(std::count_if(all.begin(), all.end(), [&](const auto& request) {
      return request.path.find(part) != std::string::npos;
    }));
  }

  std::string status_ = "200 OK";
  bool ranges_ = true;
  std::string weights_;
  json listing_;
  TemporaryFolder folder_;
  std::filesystem::path blob_;
  std::unique_ptr<HttpServer> server_;
};

TEST_F(HubDownload, FillsTheCacheSoThatTheModelIsFound) {
  HubProgress last;
  const auto path = download_model("org/name", "", [&](const HubProgress& progress) {
    last = progress;
    return true;
  });
  EXPECT_EQ(path, folder_.path() / "models--org--name" / "snapshots" / kCommit);
  EXPECT_EQ(read_file(path / "model.safetensors", 1 << 20), weights_);
  EXPECT_EQ(read_file(path / "config.json", 10), "{}");
  EXPECT_FALSE(std::filesystem::exists(path / "README.md"));
  EXPECT_FALSE(std::filesystem::exists(path / "pytorch_model.bin"));
  EXPECT_EQ(resolve_model_source("org/name", "/"), path);
  EXPECT_EQ(last.total_bytes, 300'002);
  EXPECT_NE(server_->requests()[0].head.find("Authorization: Bearer a-token"), std::string::npos);

  const std::size_t before = server_->requests().size();
  EXPECT_EQ(download_model("org/name"), path);
  EXPECT_EQ(server_->requests().size(), before + 1) << "only the list of files is asked for";
}

TEST_F(HubDownload, GoesOnWhereItStopped) {
  folder_.write("models--org--name/blobs/" + blob_.filename().string() + ".incomplete",
                weights_.substr(0, 100'000));
  const auto path = download_model("org/name");
  EXPECT_EQ(read_file(path / "model.safetensors", 1 << 20), weights_);
  EXPECT_NE(server_->requests().back().head.find("Range: bytes=100000-"), std::string::npos);
}

TEST_F(HubDownload, BeginsAnewWhereTheServerCannotResume) {
  ranges_ = false;
  folder_.write("models--org--name/blobs/" + blob_.filename().string() + ".incomplete",
                weights_.substr(0, 100'000));
  const auto path = download_model("org/name");
  EXPECT_EQ(read_file(path / "model.safetensors", 1 << 20), weights_);
  EXPECT_EQ(requests_for("/cdn"), 2);
}

TEST_F(HubDownload, RefusesDamagedFiles) {
  weights_[5] ^= 1;
  const std::string message = error_of(ErrorCode::kIo, [] { (void)download_model("org/name"); });
  EXPECT_EQ(message, "'model.safetensors' of 'org/name' arrived damaged: its SHA-256 is not " +
                         blob_.filename().string() + ".");
  EXPECT_FALSE(std::filesystem::exists(blob_));
  EXPECT_FALSE(std::filesystem::exists(blob_.string() + ".incomplete"));
  EXPECT_THROW((void)resolve_model_source("org/name", "/"), Error);
}

TEST_F(HubDownload, RefusesFilesLongerThanTheirSize) {
  weights_ += "more";
  const std::string message = error_of(ErrorCode::kIo, [] { (void)download_model("org/name"); });
  EXPECT_NE(message.find("sends more than the 300000 bytes expected"), std::string::npos)
      << message;
}

TEST_F(HubDownload, StopsWhenItIsCancelled) {
  EXPECT_EQ(
      error_of(
          ErrorCode::kCancelled,
          [] { (void)download_model("org/name", "", [](const HubProgress&) { return false; }); }),
      "The download was cancelled.");
}

TEST_F(HubDownload, SaysWhyTheHubRefuses) {
  const auto message = [&](const char* status, ErrorCode code) {
    status_ = status;
    return error_of(code, [] { (void)download_model("org/name"); });
  };
  EXPECT_EQ(message("404 Not Found", ErrorCode::kNotFound),
            "The hub has no revision main of 'org/name' (status 404).");
  EXPECT_EQ(message("401 Unauthorized", ErrorCode::kNotFound),
            "The hub does not let us read revision main of 'org/name' (status 401): the model does "
            "not exist, or its licence has to be accepted on its page and the environment variable "
            "HF_TOKEN set.");
  EXPECT_EQ(message("500 Oops", ErrorCode::kIo),
            "The hub answers with status 500 for revision main of 'org/name'.");
}

TEST_F(HubDownload, DistrustsTheListing) {
  const auto message = [&](ErrorCode code) {
    return error_of(code, [] { (void)download_model("org/name"); });
  };
  const std::string unknown =
      "The hub's list of files of 'org/name' is not of the form that is known.";
  const json good = listing_;
  listing_["sha"] = "../../../etc";
  EXPECT_EQ(message(ErrorCode::kIo), unknown);
  listing_ = good;
  listing_["siblings"][0]["blobId"] = "../x";
  EXPECT_EQ(message(ErrorCode::kIo), unknown);
  listing_ = good;
  listing_["siblings"][0]["size"] = -1;
  EXPECT_EQ(message(ErrorCode::kIo), unknown);
  listing_ = json::array();
  EXPECT_EQ(message(ErrorCode::kIo), unknown);
  listing_ = good;
  listing_["siblings"].erase(4);
  EXPECT_EQ(message(ErrorCode::kUnsupported),
            "'org/name' has no weights as safetensors in revision main; other formats are not "
            "read.");
  listing_ = good;
  listing_["siblings"][0]["rfilename"] = "../config.json";
  const auto path = download_model("org/name");
  EXPECT_FALSE(std::filesystem::exists(path / "config.json")) << "such a name is passed over";
}

TEST_F(HubDownload, StaysAwayFromTheNetworkWhenTold) {
  ::setenv("HF_HUB_OFFLINE", "1", 1);
  EXPECT_EQ(error_of(ErrorCode::kIo, [] { (void)download_model("org/name"); }),
            "'org/name' is not fetched: the environment variable HF_HUB_OFFLINE is set.");
  EXPECT_EQ(error_of(ErrorCode::kInvalidInput, [] { (void)download_model("../x"); }),
            "'../x' in revision 'main' is no model of the hub; ORGANISATION/NAME and a branch, tag "
            "or commit are accepted.");
  EXPECT_TRUE(server_->requests().empty());
}

TEST_F(HubDownload, NamesAServerThatIsNotThere) {
  ::setenv("HF_ENDPOINT", "http://127.0.0.1:1", 1);
  const std::string message = error_of(ErrorCode::kIo, [] { (void)download_model("org/name"); });
  EXPECT_NE(message.find("cannot be fetched: Couldn't connect to server."), std::string::npos)
      << message;
}

}  // namespace
}  // namespace mxscope
