// SPDX-License-Identifier: Apache-2.0
#include "config_reader.h"

#include <cmath>
#include <utility>

#include "mxscope/core/base/error.h"
#include "mxscope/core/base/input.h"

namespace mxscope {
namespace {

std::string_view first_name(std::string_view names) { return names.substr(0, names.find('|')); }

}  // namespace

std::string shown(const nlohmann::json& value) {
  const std::string text =
      in_quotes(value.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace), 60);
  return text.substr(1, text.size() - 2);
}

ConfigReader::ConfigReader(const nlohmann::json& object, const std::string& file,
                           std::string prefix)
    : object_(object), file_(file), prefix_(std::move(prefix)) {}

void ConfigReader::invalid(std::string_view name, const std::string& problem) const {
  throw Error(ErrorCode::kInvalidInput,
              file_ + ": '" + prefix_ + std::string(first_name(name)) + "' " + problem + ".");
}

void ConfigReader::unsupported(std::string_view name, const std::string& problem) const {
  throw Error(ErrorCode::kUnsupported,
              file_ + ": '" + prefix_ + std::string(first_name(name)) + "' " + problem + ".");
}

const nlohmann::json* ConfigReader::value(std::string_view names) const {
  const nlohmann::json* found = nullptr;
  std::string found_name;
  while (!names.empty()) {
    const std::string name(first_name(names));
    names.remove_prefix(std::min(name.size() + 1, names.size()));
    const auto at = object_.find(name);
    if (at == object_.end() || at->is_null()) {
      continue;
    }
    if (found != nullptr && *found != *at) {
      invalid(found_name, "is " + shown(*found) + " but '" + prefix_ + name + "' is " + shown(*at) +
                              "; they mean the same and have to agree");
    }
    if (found == nullptr) {
      found = &*at;
      found_name = name;
    }
  }
  return found;
}

int64_t ConfigReader::size(std::string_view names, int64_t max) const {
  const nlohmann::json* found = value(names);
  if (found == nullptr) {
    invalid(names, "is missing; a whole number from 1 to " + std::to_string(max) + " is needed");
  }
  if (!found->is_number_integer() ||
      (found->is_number_unsigned() && found->get<uint64_t>() > static_cast<uint64_t>(max)) ||
      found->get<int64_t>() < 1 || found->get<int64_t>() > max) {
    invalid(names, "is " + shown(*found) + "; whole numbers from 1 to " + std::to_string(max) +
                       " are accepted");
  }
  return found->get<int64_t>();
}

int64_t ConfigReader::size_or(std::string_view names, int64_t fallback, int64_t max) const {
  return has(names) ? size(names, max) : fallback;
}

std::optional<double> ConfigReader::number(std::string_view names, double above) const {
  const nlohmann::json* found = value(names);
  if (found == nullptr) {
    return std::nullopt;
  }
  if (!found->is_number() || !std::isfinite(found->get<double>()) ||
      !(found->get<double>() > above)) {
    invalid(names, "is " + shown(*found) + "; numbers above " + shown(above) + " are accepted");
  }
  return found->get<double>();
}

double ConfigReader::number_or(std::string_view names, double fallback, double above) const {
  return number(names, above).value_or(fallback);
}

bool ConfigReader::flag_or(std::string_view names, bool fallback) const {
  const nlohmann::json* found = value(names);
  if (found == nullptr) {
    return fallback;
  }
  if (!found->is_boolean()) {
    invalid(names, "is " + shown(*found) + "; true and false are accepted");
  }
  return found->get<bool>();
}

std::string ConfigReader::text_or(std::string_view names, std::string_view fallback) const {
  const nlohmann::json* found = value(names);
  if (found == nullptr) {
    return std::string(fallback);
  }
  if (!found->is_string()) {
    invalid(names, "is " + shown(*found) + "; a string is accepted");
  }
  return found->get<std::string>();
}

std::optional<ConfigReader> ConfigReader::child(std::string_view name) const {
  const nlohmann::json* found = value(name);
  if (found == nullptr) {
    return std::nullopt;
  }
  if (!found->is_object()) {
    invalid(name, "is " + shown(*found) + "; an object is accepted");
  }
  return ConfigReader(*found, file_, prefix_ + std::string(name) + ".");
}

std::optional<std::vector<std::string>> ConfigReader::texts(std::string_view name,
                                                            std::size_t max) const {
  const nlohmann::json* found = value(name);
  if (found == nullptr) {
    return std::nullopt;
  }
  if (!found->is_array() || found->size() > max) {
    invalid(name, "is " + shown(*found) + "; a list of at most " + std::to_string(max) +
                      " strings is accepted");
  }
  std::vector<std::string> result;
  for (const nlohmann::json& item : *found) {
    if (!item.is_string()) {
      invalid(name, "holds " + shown(item) + "; strings are accepted");
    }
    result.push_back(item.get<std::string>());
  }
  return result;
}

Activation ConfigReader::activation(std::string_view names, std::string_view fallback) const {
  const std::string name = text_or(names, fallback);
  if (name == "silu" || name == "swish") {
    return Activation::kSilu;
  }
  if (name == "relu") {
    return Activation::kRelu;
  }
  if (name == "gelu" || name == "gelu_python") {
    return Activation::kGelu;
  }
  if (name == "gelu_new" || name == "gelu_fast" || name == "gelu_pytorch_tanh" ||
      name == "gelu_python_tanh") {
    return Activation::kGeluTanh;
  }
  unsupported(names, "is " + in_quotes(name) +
                         "; silu, swish, relu, gelu, gelu_new, gelu_fast and gelu_pytorch_tanh are "
                         "implemented");
}

int64_t ConfigReader::token(std::string_view name, int64_t vocab_size) const {
  const nlohmann::json* found = value(name);
  if (found != nullptr && found->is_array() && !found->empty()) {
    found = &found->front();
  }
  if (found == nullptr || (found->is_array() && found->empty())) {
    return -1;
  }
  if (!found->is_number_integer()) {
    invalid(name, "is " + shown(*found) + "; the id of a token or a list of them is accepted");
  }
  if (found->is_number_unsigned() && found->get<uint64_t>() >= static_cast<uint64_t>(vocab_size)) {
    return -1;
  }
  const int64_t id = found->get<int64_t>();
  return id >= 0 && id < vocab_size ? id : -1;
}

void ConfigReader::accept_only(std::string_view name, const nlohmann::json& accepted) const {
  const nlohmann::json* found = value(name);
  if (found != nullptr && *found != accepted) {
    unsupported(name, "is " + shown(*found) + "; only " + shown(accepted) + " is implemented");
  }
}

}  // namespace mxscope
