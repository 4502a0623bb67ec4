// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

namespace mxscope {

struct HttpRequest {
  std::string url;
  std::string token;      // bearer token; not passed on to another host
  int64_t from = 0;       // first byte wanted
  int64_t max_bytes = 0;  // a longer body is an error
  // Gets the body piece by piece; false stops the transfer.
  std::function<bool(std::string_view)> on_body;
  // Asked about once a second, whether anything arrives or not; false stops the transfer.
  std::function<bool()> keep_waiting = {};
};

struct HttpReply {
  long status = 0;  // the last one, after redirects
  bool stopped = false;
};

// One GET. Follows at most five redirects, never from https to http. Throws Error kIo when no reply
// comes, for a transfer that stalls for a minute, and for a body that is too long.
[[nodiscard]] HttpReply http_get(const HttpRequest& request);

}  // namespace mxscope
