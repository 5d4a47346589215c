// SPDX-License-Identifier: Apache-2.0
#include "base/boot.hpp"

#include "base/error.hpp"
#include "base/file.hpp"

namespace host {

std::string this_boot() {
  try {
    auto boot = read_file("/proc/sys/kernel/random/boot_id", 100);
    while (!boot.empty() && boot.back() == '\n') boot.pop_back();
    return boot;
  } catch (const Error&) {
    return {};
  }
}

}  // namespace host
