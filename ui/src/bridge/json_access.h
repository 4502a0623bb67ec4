// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QString>
#include <QStringList>
#include <nlohmann/json.hpp>
#include <optional>

// Reading of messages that may be of any shape: a missing or wrong member is an empty value, never
// an exception.
namespace mxscope::ui {

[[nodiscard]] inline const nlohmann::json* member(const nlohmann::json& object, const char* key) {
  if (!object.is_object()) {
    return nullptr;
  }
  const auto found = object.find(key);
  return found == object.end() ? nullptr : &*found;
}

[[nodiscard]] inline QString text(const nlohmann::json& object, const char* key,
                                  const QString& otherwise = {}) {
  const nlohmann::json* value = member(object, key);
  return value && value->is_string() ? QString::fromStdString(value->get_ref<const std::string&>())
                                     : otherwise;
}

[[nodiscard]] inline std::optional<double> number(const nlohmann::json& object, const char* key) {
  const nlohmann::json* value = member(object, key);
  return value && value->is_number() ? std::optional<double>(value->get<double>()) : std::nullopt;
}

[[nodiscard]] inline bool flag(const nlohmann::json& object, const char* key,
                               bool otherwise = false) {
  const nlohmann::json* value = member(object, key);
  return value && value->is_boolean() ? value->get<bool>() : otherwise;
}

[[nodiscard]] inline QStringList texts(const nlohmann::json& object, const char* key) {
  QStringList list;
  const nlohmann::json* value = member(object, key);
  if (value && value->is_array()) {
    for (const nlohmann::json& entry : *value) {
      if (entry.is_string()) {
        list << QString::fromStdString(entry.get_ref<const std::string&>());
      }
    }
  } else if (value && value->is_string()) {
    list << QString::fromStdString(value->get_ref<const std::string&>());
  }
  return list;
}

}  // namespace mxscope::ui
