// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

namespace mxscope {

// Everything that decides a run's figures. Names, notes, tags, devices and versions are left out.
struct RunIdentity {
  std::string model_fingerprint;    // of the checkpoint
  std::string dtype;                // compute type, resolved
  nlohmann::ordered_json protocol;  // resolved, every parameter
  nlohmann::ordered_json contract;  // ResolvedVariant::contract()
  std::string data_sha256;
  std::string token_ids_sha256;
};

// SHA-256 (64 lower-case hexadecimal digits) of canonical_json() of the identity.
[[nodiscard]] std::string config_hash(const RunIdentity& identity);

// Compact JSON with object keys in ascending byte order at every depth: equal values give equal
// text, whatever order they were written in.
[[nodiscard]] std::string canonical_json(const nlohmann::ordered_json& value);

}  // namespace mxscope
