// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cmath>
#include <cstdint>
#include <random>
#include <vector>

#include "kernels/cuda_support.h"

namespace mxscope::test {

// Tables of random angles and positions that jump about in them, on the host and on the device.
struct RotaryTables {
  static constexpr std::int64_t kPositions = 50;
  std::vector<float> cos;  // [kPositions, half]
  std::vector<float> sin;
  std::vector<std::int64_t> positions;  // [rows]
  DeviceBuffer device_cos;
  DeviceBuffer device_sin;
  DeviceBuffer device_positions;

  RotaryTables(std::mt19937_64& generator, std::int64_t rows, std::int64_t half)
      : RotaryTables(angles(generator, half), rows) {}

  [[nodiscard]] const float* cos_data() const {
    return reinterpret_cast<const float*>(device_cos.data());
  }
  [[nodiscard]] const float* sin_data() const {
    return reinterpret_cast<const float*>(device_sin.data());
  }
  [[nodiscard]] const std::int64_t* position_data() const {
    return reinterpret_cast<const std::int64_t*>(device_positions.data());
  }

 private:
  RotaryTables(const std::vector<float>& angles, std::int64_t rows)
      : cos(of(angles, [](float x) { return std::cos(x); })),
        sin(of(angles, [](float x) { return std::sin(x); })),
        positions(jumping(rows)),
        device_cos(cos.data(), cos.size() * sizeof(float)),
        device_sin(sin.data(), sin.size() * sizeof(float)),
        device_positions(positions.data(), positions.size() * sizeof(std::int64_t)) {}

  static std::vector<float> angles(std::mt19937_64& generator, std::int64_t half) {
    std::normal_distribution<float> normal;
    std::vector<float> result(static_cast<std::size_t>(kPositions * half));
    for (float& angle : result) {
      angle = normal(generator);
    }
    return result;
  }
  template <class Function>
  static std::vector<float> of(const std::vector<float>& angles, const Function& function) {
    std::vector<float> result;
    for (const float angle : angles) {
      result.push_back(function(angle));
    }
    return result;
  }
  static std::vector<std::int64_t> jumping(std::int64_t rows) {
    std::vector<std::int64_t> result;
    for (std::int64_t row = 0; row < rows; ++row) {
      result.push_back((row * 7) % kPositions);
    }
    return result;
  }
};

}  // namespace mxscope::test
