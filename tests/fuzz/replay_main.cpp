// SPDX-License-Identifier: Apache-2.0
// Runs a fuzz target over the files of the folders given, and over a fixed number of mutations of
// each, where libFuzzer is not at hand. The same inputs on every machine.
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <string>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, std::size_t size);

namespace {

constexpr int kMutations = 200;
// Weights among the reference checkpoints are no seeds of a text format.
constexpr std::uintmax_t kMaxSeedBytes = 64 << 10;

void run(const std::string& bytes) {
  LLVMFuzzerTestOneInput(reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size());
}

std::string mutate(std::string bytes, std::mt19937& random) {
  const auto below = [&](std::size_t limit) { return limit == 0 ? 0 : random() % limit; };
  for (std::size_t edits = 1 + below(4); edits > 0; --edits) {
    const std::size_t place = below(bytes.size());
    switch (below(5)) {
      case 0:
        bytes.resize(place);
        break;
      case 1:
        bytes.insert(place, 1, static_cast<char>(random()));
        break;
      case 2:
        bytes.erase(place, 1 + below(8));
        break;
      case 3:
        bytes.insert(place, bytes.substr(below(bytes.size()), below(32)));
        break;
      default:
        if (!bytes.empty()) {
          bytes[place] = static_cast<char>(random());
        }
    }
  }
  return bytes;
}

}  // namespace

int main(int count, char** folders) {
  std::vector<std::filesystem::path> seeds;
  for (int i = 1; i < count; ++i) {
    for (const auto& entry : std::filesystem::recursive_directory_iterator(folders[i])) {
      if (entry.is_regular_file() && entry.file_size() <= kMaxSeedBytes) {
        seeds.push_back(entry.path());
      }
    }
  }
  std::sort(seeds.begin(), seeds.end());
  if (seeds.empty()) {
    std::fputs("no seeds found\n", stderr);
    return 1;
  }
  std::mt19937 random(20);
  for (const auto& seed : seeds) {
    std::ifstream file(seed, std::ios::binary);
    const std::string bytes{std::istreambuf_iterator<char>(file), {}};
    run(bytes);
    for (int i = 0; i < kMutations; ++i) {
      run(mutate(bytes, random));
    }
  }
  std::printf("%zu seeds, %d mutations each\n", seeds.size(), kMutations);
  return 0;
}
