// SPDX-License-Identifier: Apache-2.0
#include "mxscope/core/store/records.h"

#include "mxscope/core/base/sha256.h"

namespace mxscope::store {

std::string_view to_string(Status status) noexcept {
  switch (status) {
    case Status::kRunning:
      return "running";
    case Status::kDone:
      return "done";
    case Status::kCancelled:
      return "cancelled";
    case Status::kFailed:
      return "failed";
    case Status::kPaused:
      return "paused";
  }
  return "failed";
}

std::string JobDescription::key() const {
  Sha256 hash;
  // Each field with its length, so that no two different descriptions make one text.
  for (const std::string* field : {&model, &model_fingerprint, &protocol_json, &data_sha256,
                                   &tokenizer_sha256, &token_ids_sha256, &numerics_json}) {
    hash.update(std::to_string(field->size()) + ":");
    hash.update(*field);
  }
  hash.update(std::to_string(windows));
  return hash.hex();
}

}  // namespace mxscope::store
