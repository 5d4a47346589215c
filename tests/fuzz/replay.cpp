// SPDX-License-Identifier: Apache-2.0
//
// Runs a fuzz target on each file of a folder, whole and torn at up to a hundred places: what was
// once found stays tested without a fuzzer. Each in memory of exactly its size, so that
// AddressSanitizer sees a read past the end. Ends by the target's abort, or with 1 where there is
// no file.
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <string>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

static void run_on(const std::string& bytes, std::size_t size) {
  const auto exact = std::make_unique<std::uint8_t[]>(size);
  std::copy_n(bytes.begin(), size, exact.get());
  (void)LLVMFuzzerTestOneInput(exact.get(), size);
}

int main(int argc, char** argv) {
  if (argc != 2) return 64;
  int runs = 0;
  for (const auto& entry : std::filesystem::directory_iterator(argv[1])) {
    std::ifstream file(entry.path(), std::ios::binary);
    const std::string bytes(std::istreambuf_iterator<char>(file), {});
    if (!file) return 1;
    std::printf("%s\n", entry.path().filename().c_str());
    std::fflush(stdout);
    const std::size_t step = std::max<std::size_t>(1, bytes.size() / 100);
    for (std::size_t torn = 0; torn < bytes.size(); torn += step) run_on(bytes, torn);
    run_on(bytes, bytes.size());
    ++runs;
  }
  return runs > 0 ? 0 : 1;
}
