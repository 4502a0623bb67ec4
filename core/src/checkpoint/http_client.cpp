// SPDX-License-Identifier: Apache-2.0
#include "http_client.h"

#include <curl/curl.h>

#include <memory>

#include "mxscope/core/base/error.h"
#include "mxscope/core/base/input.h"

namespace mxscope {
namespace {

constexpr long kConnectSeconds = 20;
constexpr long kStallSeconds = 60;
constexpr long kMaxRedirects = 5;

struct Transfer {
  const HttpRequest* request;
  CURL* handle;
  int64_t received = 0;
  bool stopped = false;
  bool too_long = false;
};

std::size_t on_data(char* data, std::size_t, std::size_t size, void* user) {
  auto* transfer = static_cast<Transfer*>(user);
  long status = 0;
  curl_easy_getinfo(transfer->handle, CURLINFO_RESPONSE_CODE, &status);
  if (status >= 300) {
    return size;  // the text of an error page is of no use
  }
  transfer->received += static_cast<int64_t>(size);
  if (transfer->received > transfer->request->max_bytes) {
    transfer->too_long = true;
    return 0;
  }
  // An exception must not pass through the C library.
  try {
    if (transfer->request->on_body(std::string_view(data, size))) {
      return size;
    }
  } catch (...) {
  }
  transfer->stopped = true;
  return 0;
}

int on_progress(void* user, curl_off_t, curl_off_t, curl_off_t, curl_off_t) {
  auto* transfer = static_cast<Transfer*>(user);
  try {
    if (transfer->request->keep_waiting()) {
      return 0;
    }
  } catch (...) {
  }
  transfer->stopped = true;
  return 1;
}

}  // namespace

HttpReply http_get(const HttpRequest& request) {
  static const CURLcode initialised = curl_global_init(CURL_GLOBAL_DEFAULT);
  const std::unique_ptr<CURL, decltype(&curl_easy_cleanup)> handle(
      initialised == CURLE_OK ? curl_easy_init() : nullptr, curl_easy_cleanup);
  if (!handle) {
    throw Error(ErrorCode::kIo, "The network library cannot be started.");
  }
  CURL* curl = handle.get();
  Transfer transfer{&request, curl};
  const bool secure = request.url.starts_with("https:");
  curl_easy_setopt(curl, CURLOPT_URL, request.url.c_str());
  curl_easy_setopt(curl, CURLOPT_USERAGENT, "mxscope");
  curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(curl, CURLOPT_REDIR_PROTOCOLS_STR, secure ? "https" : "http,https");
  curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 1L);
  curl_easy_setopt(curl, CURLOPT_MAXREDIRS, kMaxRedirects);
  curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, kConnectSeconds);
  curl_easy_setopt(curl, CURLOPT_LOW_SPEED_LIMIT, 1L);
  curl_easy_setopt(curl, CURLOPT_LOW_SPEED_TIME, kStallSeconds);
  curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_data);
  curl_easy_setopt(curl, CURLOPT_WRITEDATA, &transfer);
  if (request.keep_waiting) {
    curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
    curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, on_progress);
    curl_easy_setopt(curl, CURLOPT_XFERINFODATA, &transfer);
  }
  if (!request.token.empty()) {
    curl_easy_setopt(curl, CURLOPT_HTTPAUTH, CURLAUTH_BEARER);
    curl_easy_setopt(curl, CURLOPT_XOAUTH2_BEARER, request.token.c_str());
  }
  if (request.from > 0) {
    curl_easy_setopt(curl, CURLOPT_RESUME_FROM_LARGE, static_cast<curl_off_t>(request.from));
  }
  const CURLcode code = curl_easy_perform(curl);
  HttpReply reply;
  curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &reply.status);
  reply.stopped = transfer.stopped;
  if (transfer.too_long) {
    throw Error(ErrorCode::kIo, in_quotes(request.url, 200) + " sends more than the " +
                                    std::to_string(request.max_bytes) + " bytes expected.");
  }
  // A server that cannot resume answers with the whole file or with 416; the caller sees the
  // status.
  if (code != CURLE_OK && !transfer.stopped && code != CURLE_RANGE_ERROR &&
      code != CURLE_HTTP_RETURNED_ERROR) {
    throw Error(ErrorCode::kIo, in_quotes(request.url, 200) +
                                    " cannot be fetched: " + curl_easy_strerror(code) + ".");
  }
  return reply;
}

}  // namespace mxscope
