// SPDX-License-Identifier: Apache-2.0
#include "mxscope/core/results/config_hash.h"

#include "mxscope/core/base/sha256.h"

namespace mxscope {
namespace {

// nlohmann::json keeps object keys in ascending order.
nlohmann::json sorted(const nlohmann::ordered_json& value) {
  if (value.is_object()) {
    nlohmann::json object = nlohmann::json::object();
    for (const auto& item : value.items()) {
      object[item.key()] = sorted(item.value());
    }
    return object;
  }
  if (value.is_array()) {
    nlohmann::json array = nlohmann::json::array();
    for (const auto& element : value) {
      array.push_back(sorted(element));
    }
    return array;
  }
  return nlohmann::json(value);
}

}  // namespace

std::string canonical_json(const nlohmann::ordered_json& value) {
  return sorted(value).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

std::string config_hash(const RunIdentity& identity) {
  nlohmann::ordered_json json;
  json["model"] = identity.model_fingerprint;
  json["dtype"] = identity.dtype;
  json["protocol"] = identity.protocol;
  json["contract"] = identity.contract;
  json["data_sha256"] = identity.data_sha256;
  json["token_ids_sha256"] = identity.token_ids_sha256;
  return sha256_hex(canonical_json(json));
}

}  // namespace mxscope
