// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

#include "base/file.hpp"

namespace host {

// The bytes of a plugin, copied once from its file into a sealed memfd: what was hashed and checked
// is what every worker loads, whatever happens to the file. Immutable; any thread; compared by
// sha256. The memory goes with the last shared_ptr.
class PluginImage {
 public:
  // The largest file that is taken: 256 MiB, room for a build with debug information.
  static constexpr std::uint64_t kCap = 256ull * 1024 * 1024;

  // Copies the open file behind `fd` from its start (its offset is neither used nor moved).
  // `path` names it in errors and logs. Throws Error: too_large, io, or conflict when the file
  // changed while it was read.
  [[nodiscard]] static std::shared_ptr<const PluginImage> copy_of(
      int fd, const std::filesystem::path& path);

  PluginImage(Fd memory, std::string hash, std::filesystem::path from, std::uint64_t bytes);

  // The sealed memfd (write, grow, shrink and seal are refused by the kernel). Owned by the image;
  // give a worker a duplicate or name it in SpawnRequest::descriptors.
  [[nodiscard]] int fd() const noexcept { return memory_.get(); }

  const std::string sha256;          // 64 lower-case hexadecimal digits
  const std::filesystem::path path;  // where the bytes came from
  const std::uint64_t size;          // bytes

 private:
  Fd memory_;
};

// SHA-256 of an open file's bytes, without keeping them. Same cap and errors as copy_of().
[[nodiscard]] std::string sha256_of(int fd, const std::filesystem::path& path);
[[nodiscard]] std::string sha256_of(std::string_view text);

}  // namespace host
