// SPDX-License-Identifier: Apache-2.0
// The schema of experiment files and the parser must say the same: documents are made at random
// from the schema, and made wrong one key at a time.
#include <gtest/gtest.h>

#include <fstream>
#include <functional>
#include <random>
#include <sstream>
#include <string>
#include <vector>

#include "mxscope/core/experiment/experiment_json.h"

namespace mxscope {
namespace {

using Json = nlohmann::ordered_json;

std::string read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

Json load_schema() {
  return Json::parse(
      read_file(std::string(MXSCOPE_SOURCE_DIR) + "/resources/schemas/experiment.schema.json"));
}

// What the reader says when the shape is wrong; validation has other sentences.
bool is_about_shape(const Issue& issue) {
  for (const char* start :
       {"Expected ", "Unknown key", "Unknown format", "Unknown dtype", "Unknown placement",
        "Unknown rows", "Unknown protocol", "Unknown bos", "Unknown stage", "Unknown tier",
        "Unknown scale", "Unknown rounding", "Unknown preset", "Unknown flavour", "Unknown kind",
        "Unknown interval", "Unknown device", "This key is required", "Version "}) {
    if (issue.message.starts_with(start)) {
      return true;
    }
  }
  return false;
}

std::string shape_problems(const Json& document) {
  Issues issues;
  static_cast<void>(experiment_from_json(document.dump(), issues));
  Issues shape;
  for (const Issue& issue : issues) {
    if (is_about_shape(issue)) {
      shape.push_back(issue);
    }
  }
  return format_issues(shape);
}

class Maker {
 public:
  Maker(const Json& schema, unsigned seed) : root_(schema), random_(seed) {}

  Json make(const Json& schema, const std::string& key = {}) {
    if (schema.contains("$ref")) {
      return make(resolve(schema), key);
    }
    if (schema.contains("const")) {
      return schema["const"];
    }
    if (schema.contains("enum")) {
      return schema["enum"][below(schema["enum"].size())];
    }
    if (schema.contains("oneOf")) {
      return make(schema["oneOf"][below(schema["oneOf"].size())], key);
    }
    const std::string type = schema.value("type", "");
    if (type == "object") {
      return make_object(schema);
    }
    if (type == "array") {
      Json list = Json::array();
      const auto least = schema.value("minItems", std::size_t{0});
      for (std::size_t i = 0; i < least + below(3); ++i) {
        list.push_back(make(schema["items"], key));
      }
      return list;
    }
    if (type == "integer") {
      return schema.value("minimum", std::int64_t{-5}) + static_cast<std::int64_t>(below(300));
    }
    if (type == "number") {
      return schema.contains("maximum") ? 0.25 * static_cast<double>(below(5))
                                        : 0.5 + static_cast<double>(below(20));
    }
    if (type == "boolean") {
      return below(2) == 1;
    }
    EXPECT_EQ(type, "string") << schema.dump();
    return make_text(schema, key);
  }

  const Json& resolve(const Json& schema) const {
    const std::string path = schema["$ref"].get<std::string>();
    return root_["$defs"][path.substr(path.rfind('/') + 1)];
  }

 private:
  std::size_t below(std::size_t n) { return random_() % n; }

  Json make_object(const Json& schema) {
    Json object = Json::object();
    for (const auto& property : schema["properties"].items()) {
      bool required = false;
      if (schema.contains("required")) {
        for (const auto& key : schema["required"]) {
          required = required || key == property.key();
        }
      }
      if (required || below(2) == 0) {
        object[property.key()] = make(property.value(), property.key());
      }
    }
    return object;
  }

  Json make_text(const Json& schema, const std::string& key) {
    static const std::vector<std::string> kSelectors = {"@mlp", "up_proj", "*.mlp.*", "re:a+b",
                                                        "@all"};
    static const std::vector<std::string> kTexts = {"a", "b/c", "name with blanks", "ü \"quoted\"",
                                                    "line\nbreak"};
    if (key == "match" || key == "except") {
      return kSelectors[below(kSelectors.size())];
    }
    if (schema.contains("pattern")) {
      return below(2) == 0 ? "cpu" : "cuda:" + std::to_string(below(8));
    }
    return kTexts[below(kTexts.size())];
  }

  const Json& root_;
  std::mt19937 random_;
};

TEST(Schema, EveryDocumentOfTheSchemaHasTheRightShapeForTheParser) {
  const Json schema = load_schema();
  int valid = 0;
  for (unsigned seed = 0; seed < 2000; ++seed) {
    const Json document = Maker(schema, seed).make(schema);
    ASSERT_EQ(shape_problems(document), "") << document.dump(1);
    Issues issues;
    const Experiment experiment = experiment_from_json(document.dump(), issues);
    Issues again;
    EXPECT_EQ(experiment_from_json(to_json_text(experiment), again), experiment)
        << document.dump(1) << to_json_text(experiment);
    EXPECT_EQ(format_issues(again), format_issues(issues)) << document.dump(1);
    valid += has_errors(issues) ? 0 : 1;
  }
  EXPECT_GT(valid, 20);
}

// Calls `visit` for every object of `document` that the schema describes.
void walk(const Maker& maker, const Json& schema, Json& document,
          const std::function<void(const Json& schema, Json& object)>& visit) {
  if (schema.contains("$ref")) {
    walk(maker, maker.resolve(schema), document, visit);
  } else if (schema.contains("oneOf")) {
    for (const Json& choice : schema["oneOf"]) {
      const Json& real = choice.contains("$ref") ? maker.resolve(choice) : choice;
      if ((real.value("type", "") == "object" && document.is_object()) ||
          (real.value("type", "") == "array" && document.is_array())) {
        walk(maker, real, document, visit);
      }
    }
  } else if (schema.value("type", "") == "object" && document.is_object()) {
    visit(schema, document);
    for (const auto& property : schema["properties"].items()) {
      if (document.contains(property.key())) {
        walk(maker, property.value(), document[property.key()], visit);
      }
    }
  } else if (schema.value("type", "") == "array" && document.is_array()) {
    for (Json& element : document) {
      walk(maker, schema["items"], element, visit);
    }
  }
}

TEST(Schema, WhatTheSchemaForbidsTheParserRefuses) {
  const Json schema = load_schema();
  int tried = 0;
  for (unsigned seed = 0; seed < 60; ++seed) {
    Maker maker(schema, seed);
    Json document = maker.make(schema);
    const auto expect_refused = [&](const std::string& what) {
      ++tried;
      EXPECT_NE(shape_problems(document), "") << what << "\n" << document.dump(1);
    };
    walk(maker, schema, document, [&](const Json& described, Json& object) {
      const Json before = object;
      object["no_such_key"] = 1;
      expect_refused("an unknown key");
      object = before;
      for (const auto& key : described.value("required", Json::array())) {
        object.erase(key.get<std::string>());
        expect_refused("without " + key.get<std::string>());
        object = before;
      }
      for (const auto& property : described["properties"].items()) {
        bool free_text = property.value().value("type", "") == "string";
        for (const Json& choice : property.value().value("oneOf", Json::array())) {
          free_text = free_text || choice.value("type", "") == "string";
        }
        object[property.key()] = free_text ? Json(1.5) : Json("no such value");
        expect_refused("a wrong " + property.key());
        object[property.key()] = nullptr;
        expect_refused("null as " + property.key());
        object = before;
      }
    });
  }
  EXPECT_GT(tried, 3000);
}

TEST(Schema, IsTheOneOfTheDesign) {
  const std::string shared = read_file(std::string(MXSCOPE_SHARED_DIR) + "/experiment.schema.json");
  if (shared.empty()) {
    GTEST_SKIP() << "the design's copy is not at " << MXSCOPE_SHARED_DIR;
  }
  EXPECT_EQ(load_schema(), Json::parse(shared));
}

TEST(Resources, PresetsAreValidAndNameModelsOfTheList) {
  const std::string folder = std::string(MXSCOPE_SOURCE_DIR) + "/resources/";
  const Json list = Json::parse(read_file(folder + "models.json"));
  EXPECT_EQ(list["models"].size(), 11U);
  for (const char* name : {"quick", "medium", "full", "large"}) {
    Issues issues;
    const Experiment experiment =
        experiment_from_json(read_file(folder + "presets/" + name + ".mxscope"), issues);
    EXPECT_EQ(format_issues(issues), "") << name;
    EXPECT_EQ(experiment.name, name);
    for (const ModelEntry& model : experiment.models) {
      int listed = 0;
      for (const Json& entry : list["models"]) {
        listed += entry["name"] == model.name && entry["hub"] == model.source &&
                          entry["dtype"] == to_string(model.dtype)
                      ? 1
                      : 0;
      }
      EXPECT_EQ(listed, 1) << model.name;
    }
  }
}

}  // namespace
}  // namespace mxscope
