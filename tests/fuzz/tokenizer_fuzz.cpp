// SPDX-License-Identifier: Apache-2.0
// Any bytes as a tokenizer.json, with a text: tokens whose ends lie in the text, or mxscope::Error.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "mxscope/core/base/error.h"
#include "mxscope/core/data/tokenizer.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, std::size_t size) {
  constexpr std::string_view kText = "w0 w1  Caf\u00e9 \u4f60 <s>\n\t12";
  try {
    const auto tokenizer =
        mxscope::Tokenizer::from_json(std::string_view(reinterpret_cast<const char*>(data), size),
                                      "{\"bos_token\": \"<s>\"}", "fuzz");
    const mxscope::Encoding all = tokenizer.encode_with_ends(kText, true);
    std::uint32_t last = 0;
    for (const std::uint32_t end : all.ends) {
      if (end < last || end > kText.size()) {
        std::abort();
      }
      last = end;
    }
    if (all.ends.size() != all.ids.size()) {
      std::abort();
    }
    (void)tokenizer.encode(kText, true, 3);
  } catch (const mxscope::Error&) {
  }
  return 0;
}
