// SPDX-License-Identifier: Apache-2.0
#include "workers/caged/peak_memory.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <charconv>
#include <string_view>

namespace host::caged {

PeakMemory::PeakMemory() : status_(::open("/proc/self/status", O_RDONLY | O_CLOEXEC)) {}

std::uint64_t PeakMemory::bytes() const {
  if (!status_) return 0;
  std::array<char, 4096> text;
  const ssize_t got = ::pread(status_.get(), text.data(), text.size(), 0);
  if (got <= 0) return 0;
  const std::string_view all(text.data(), static_cast<std::size_t>(got));
  constexpr std::string_view kName = "VmHWM:";
  const auto line = all.find(kName);
  if (line == std::string_view::npos) return 0;
  const auto digits = all.find_first_of("0123456789", line);
  if (digits == std::string_view::npos) return 0;
  std::uint64_t kib = 0;
  std::from_chars(all.data() + digits, all.data() + all.size(), kib);
  return kib * 1024;
}

}  // namespace host::caged
