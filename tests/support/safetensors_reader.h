// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <cstring>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>
#include <vector>

// Reads trusted safetensors files of the tests; independent of the project's own reader.
namespace mxscope::test {

struct GoldenTensor {
  std::string dtype;                // as in the file: "F32", "BF16", "U8"
  std::vector<std::int64_t> shape;  // row-major
  std::vector<char> bytes;
};

inline std::map<std::string, GoldenTensor> read_safetensors(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) {
    throw std::runtime_error("cannot open " + path);
  }
  std::uint64_t header_size = 0;
  file.read(reinterpret_cast<char*>(&header_size), sizeof(header_size));
  std::string header(header_size, '\0');
  file.read(header.data(), static_cast<std::streamsize>(header_size));
  const std::string data{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};

  std::map<std::string, GoldenTensor> tensors;
  const nlohmann::json entries = nlohmann::json::parse(header);
  for (const auto& [name, entry] : entries.items()) {
    if (name == "__metadata__") {
      continue;
    }
    const std::size_t begin = entry.at("data_offsets").at(0).get<std::size_t>();
    const std::size_t end = entry.at("data_offsets").at(1).get<std::size_t>();
    const std::string bytes = data.substr(begin, end - begin);
    tensors[name] = {entry.at("dtype").get<std::string>(),
                     entry.at("shape").get<std::vector<std::int64_t>>(),
                     std::vector<char>(bytes.begin(), bytes.end())};
  }
  return tensors;
}

}  // namespace mxscope::test
