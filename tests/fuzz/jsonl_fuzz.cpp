// SPDX-License-Identifier: Apache-2.0
// Any bytes as JSON and as JSON lines: records that are UTF-8, or mxscope::Error.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "mxscope/core/base/error.h"
#include "mxscope/core/data/text_source.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const bool valid = !mxscope::find_invalid_utf8(text).has_value();
  for (const bool lines : {false, true}) {
    try {
      for (const std::string& record : mxscope::parse_records(text, lines, "text", "fuzz", 1000)) {
        // Files are checked before they are parsed; escapes must not bring in anything else.
        if (record.size() > size || (valid && mxscope::find_invalid_utf8(record))) {
          std::abort();
        }
      }
    } catch (const mxscope::Error&) {
    }
  }
  return 0;
}
