// SPDX-License-Identifier: Apache-2.0
#include "rope.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>

#include "mxscope/core/base/input.h"

namespace mxscope {
namespace {

constexpr std::array<std::string_view, 17> kKnownKeys{
    "rope_type",        "type",           "rope_theta",
    "factor",           "truncate",       "partial_rotary_factor",
    "mscale",           "mscale_all_dim", "original_max_position_embeddings",
    "attention_factor", "beta_fast",      "beta_slow",
    "short_factor",     "long_factor",    "low_freq_factor",
    "high_freq_factor", "finetuned"};

// The options of both generations of configs in one object.
nlohmann::json merged_options(const ConfigReader& config, const RopeRules& rules) {
  nlohmann::json options = nlohmann::json::object();
  const auto scaling = config.child("rope_scaling");
  const auto parameters = config.child("rope_parameters");
  for (const auto* source : {&parameters, &scaling}) {
    if (!source->has_value()) {
      continue;
    }
    for (const auto& [key, value] : (*source)->object().items()) {
      if (std::find(kKnownKeys.begin(), kKnownKeys.end(), key) == kKnownKeys.end()) {
        (*source)->unsupported(in_quotes(key).substr(1, in_quotes(key).size() - 2),
                               "is a rotary option that is not implemented");
      }
      if (value.is_null()) {
        continue;
      }
      const std::string name = key == "type" ? "rope_type" : key;
      const auto known = options.find(name);
      if (known != options.end() && *known != value) {
        (*source)->invalid(key, "is " + shown(value) + ", but elsewhere " + shown(*known) +
                                    "; they mean the same and have to agree");
      }
      if (source == &scaling && parameters.has_value() && known == options.end()) {
        (*source)->invalid(
            key, "is " + shown(value) + ", but 'rope_parameters' stands too and does not say so");
      }
      options[name] = value;
    }
  }
  // What older configs keep beside the object.
  const auto take_top_level = [&](const char* names, const char* name) {
    const nlohmann::json* top = config.value(names);
    if (top == nullptr) {
      return;
    }
    const auto known = options.find(name);
    if (known != options.end() && *known != *top) {
      config.invalid(names, "is " + shown(*top) + ", but 'rope_parameters' says " + shown(*known) +
                                "; they mean the same and have to agree");
    }
    options[name] = *top;
  };
  take_top_level(rules.theta_names, "rope_theta");
  take_top_level(rules.share_names, "partial_rotary_factor");
  const std::string type = options.value("rope_type", nlohmann::json("default")).dump();
  if (type != "\"default\"") {
    take_top_level("original_max_position_embeddings", "original_max_position_embeddings");
  }
  return options;
}

std::vector<float> powers(double base, int64_t dim) {
  std::vector<float> result;
  for (int64_t i = 0; i < dim; i += 2) {
    result.push_back(
        std::pow(static_cast<float>(base), static_cast<float>(i) / static_cast<float>(dim)));
  }
  return result;
}

std::vector<float> default_frequencies(double base, int64_t dim) {
  std::vector<float> result = powers(base, dim);
  for (float& value : result) {
    value = 1.0F / value;
  }
  return result;
}

void scale_as_llama3(std::vector<float>& inv_freq, const ConfigReader& options, double original) {
  const double factor = options.number_or("factor", 0.0, 0.0);
  const double low = options.number_or("low_freq_factor", 0.0, 0.0);
  const double high = options.number_or("high_freq_factor", 0.0, 0.0);
  for (const char* name : {"factor", "low_freq_factor", "high_freq_factor"}) {
    if (!options.has(name)) {
      options.invalid(name, "is missing; the rope type llama3 needs it");
    }
  }
  if (!(high > low)) {
    options.invalid("high_freq_factor", "is " + shown(high) + "; a number above low_freq_factor, " +
                                            shown(low) + ", is accepted");
  }
  const auto low_wave = static_cast<float>(original / low);
  const auto high_wave = static_cast<float>(original / high);
  for (float& value : inv_freq) {
    // PyTorch divides a number by a tensor as reciprocal times number.
    const float wave = (1.0F / value) * static_cast<float>(2 * std::numbers::pi);
    const float smooth = ((1.0F / wave) * static_cast<float>(original) - static_cast<float>(low)) /
                         static_cast<float>(high - low);
    if (wave > low_wave) {
      value = value / static_cast<float>(factor);
    } else if (!(wave < high_wave)) {
      value = ((1.0F - smooth) * value) / static_cast<float>(factor) + smooth * value;
    }
  }
}

double yarn_mscale(double scale, double mscale) {
  return scale <= 1.0 ? 1.0 : 0.1 * mscale * std::log(scale) + 1.0;
}

void read_yarn(RopeSpec& rope, const ConfigReader& options, double base, double original,
               double max_positions) {
  const int64_t dim = rope.rotary_dim;
  const double factor = options.number_or("factor", max_positions / original, 0.0);
  const auto mscale = options.number("mscale", -1.0);
  const auto mscale_all = options.number("mscale_all_dim", -1.0);
  double attention = yarn_mscale(factor, 1.0);
  if (mscale.value_or(0.0) != 0.0 && mscale_all.value_or(0.0) != 0.0) {
    attention = yarn_mscale(factor, *mscale) / yarn_mscale(factor, *mscale_all);
  }
  rope.attention_scaling =
      static_cast<float>(options.number_or("attention_factor", attention, 0.0));

  const double beta_fast = options.number_or("beta_fast", 32.0, 0.0);
  const double beta_slow = options.number_or("beta_slow", 1.0, 0.0);
  const auto correction = [&](double rotations) {
    return (static_cast<double>(dim) * std::log(original / (rotations * 2 * std::numbers::pi))) /
           (2 * std::log(base));
  };
  double low = correction(beta_fast);
  double high = correction(beta_slow);
  if (options.flag_or("truncate", true)) {
    low = std::floor(low);
    high = std::ceil(high);
  }
  low = std::max(low, 0.0);
  high = std::min(high, static_cast<double>(dim - 1));
  if (low == high) {
    high += 0.001;
  }
  const std::vector<float> frequencies = powers(base, dim);
  for (std::size_t i = 0; i < frequencies.size(); ++i) {
    const float extrapolation = 1.0F / frequencies[i];
    const float interpolation = 1.0F / (static_cast<float>(factor) * frequencies[i]);
    const float ramp = std::clamp(
        (static_cast<float>(i) - static_cast<float>(low)) / static_cast<float>(high - low), 0.0F,
        1.0F);
    const float share = 1.0F - ramp;
    rope.inv_freq.push_back(interpolation * (1.0F - share) + extrapolation * share);
  }
}

std::vector<float> longrope_frequencies(const ConfigReader& options, const char* name,
                                        const std::vector<float>& frequencies) {
  const nlohmann::json* list = options.value(name);
  if (list == nullptr || !list->is_array() || list->size() != frequencies.size()) {
    options.invalid(name, "is " + (list == nullptr ? "missing" : shown(*list)) + "; a list of " +
                              std::to_string(frequencies.size()) + " numbers is accepted");
  }
  std::vector<float> result;
  for (std::size_t i = 0; i < frequencies.size(); ++i) {
    const nlohmann::json& item = (*list)[i];
    if (!item.is_number() || !(item.get<double>() > 0.0)) {
      options.invalid(name, "holds " + shown(item) + "; numbers above 0 are accepted");
    }
    result.push_back(1.0F / (item.get<float>() * frequencies[i]));
  }
  return result;
}

void read_longrope(RopeSpec& rope, const ConfigReader& options, double base, int64_t original,
                   double max_positions) {
  const std::vector<float> frequencies = powers(base, rope.rotary_dim);
  rope.inv_freq = longrope_frequencies(options, "short_factor", frequencies);
  rope.inv_freq_long = longrope_frequencies(options, "long_factor", frequencies);
  rope.original_max_positions = original;
  const double factor =
      options.number_or("factor", max_positions / static_cast<double>(original), 0.0);
  const double attention =
      factor <= 1.0 ? 1.0
                    : std::sqrt(1.0 + std::log(factor) / std::log(static_cast<double>(original)));
  rope.attention_scaling =
      static_cast<float>(options.number_or("attention_factor", attention, 0.0));
}

}  // namespace

RopeSpec read_rope(const ConfigReader& config, const RopeRules& rules) {
  const nlohmann::json merged = merged_options(config, rules);
  const ConfigReader options(merged, config.file(), "rope_parameters.");

  const double theta = options.number_or("rope_theta", rules.theta, 1.0);
  const double share = options.number_or("partial_rotary_factor", rules.rotary_share, 0.0);
  if (share > 1.0) {
    options.invalid("partial_rotary_factor",
                    "is " + shown(share) + "; numbers above 0 up to 1 are accepted");
  }
  if (!rules.partial && share != 1.0) {
    options.unsupported("partial_rotary_factor",
                        "is " + shown(share) + "; this model type rotates whole heads");
  }
  RopeSpec rope;
  rope.rotary_dim = static_cast<int64_t>(static_cast<double>(rules.head_dim) * share);
  if (rope.rotary_dim < 2 || rope.rotary_dim % 2 != 0) {
    options.invalid("partial_rotary_factor",
                    "rotates " + std::to_string(rope.rotary_dim) + " of " +
                        std::to_string(rules.head_dim) +
                        " features of a head; an even number from 2 is accepted");
  }

  std::string type = options.text_or("rope_type", "default");
  if (rules.phi3 && (type == "su" || type == "yarn")) {
    type = "longrope";  // names of the same thing in the first releases of the family
  }
  const auto max_positions = static_cast<double>(rules.max_positions);
  const auto original = [&]() -> int64_t {
    if (rules.phi3 && !config.has("original_max_position_embeddings")) {
      config.invalid("original_max_position_embeddings",
                     "is missing; phi3 reads it here for the rope type longrope");
    }
    return options.size_or("original_max_position_embeddings", rules.max_positions);
  };
  const auto needed_factor = [&] {
    if (!options.has("factor")) {
      options.invalid("factor", "is missing; the rope type " + type + " needs it");
    }
    return options.number_or("factor", 1.0, 0.0);
  };

  if (type == "default") {
    rope.inv_freq = default_frequencies(theta, rope.rotary_dim);
  } else if (type == "linear") {
    rope.inv_freq = default_frequencies(theta, rope.rotary_dim);
    for (float& value : rope.inv_freq) {
      value /= static_cast<float>(needed_factor());
    }
  } else if (type == "dynamic") {
    // At lengths up to max_positions the base is stretched by (factor - (factor - 1))^(...), that
    // is by 1 but for rounding.
    const double factor = needed_factor();
    const auto dim = static_cast<double>(rope.rotary_dim);
    if (rope.rotary_dim == 2) {
      options.unsupported("rope_type", "is 'dynamic' with two rotated features");
    }
    rope.inv_freq = default_frequencies(
        theta * std::pow(factor * max_positions / max_positions - (factor - 1), dim / (dim - 2)),
        rope.rotary_dim);
  } else if (type == "llama3") {
    rope.inv_freq = default_frequencies(theta, rope.rotary_dim);
    scale_as_llama3(rope.inv_freq, options, static_cast<double>(original()));
  } else if (type == "yarn") {
    read_yarn(rope, options, theta, static_cast<double>(original()), max_positions);
  } else if (type == "longrope") {
    read_longrope(rope, options, theta, original(), max_positions);
  } else {
    options.unsupported(
        "rope_type", "is " + in_quotes(type) +
                         "; default, linear, dynamic, llama3, yarn and longrope are implemented");
  }
  for (const auto* table : {&rope.inv_freq, &rope.inv_freq_long}) {
    if (!std::all_of(table->begin(), table->end(), [](float v) { return std::isfinite(v); })) {
      options.invalid("rope_theta", "and its scaling give frequencies that are not finite");
    }
  }
  return rope;
}

}  // namespace mxscope
