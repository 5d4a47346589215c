// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "base/file.hpp"
#include "plugins/image.hpp"
#include "plugins/manifest.hpp"
#include "plugins/refusal.hpp"

namespace host {

// Opens a regular file of a plugin folder for reading; never blocks. Throws Error: not_found,
// denied (a symbolic link, too), invalid for what is no regular file, io.
[[nodiscard]] Fd open_plugin_file(const std::filesystem::path& path);

// check_trusted() whose refusal is Refusal::untrusted.
void check_plugin_trusted(int fd, const std::filesystem::path& path, bool allow_sticky);

// What a file in a plugin folder turned out to be.
struct PluginFile {
  // Not a plugin that could be read, or not one to be trusted: why. The manifest may have been read
  // all the same.
  std::optional<RefusedError> refusal;
  std::string text;         // the manifest section, as it stands in the file
  ManifestReading reading;  // empty when there is no text
};

// Reads plugin files and remembers each for as long as it stays the same: device, inode, size,
// mtime and ctime, the last two not so recent that a second change within the clock's grain could
// hide behind them. Whom to trust is looked at every time. One thread.
class PluginFiles {
 public:
  explicit PluginFiles(AbiVersion host_abi) : host_abi_(host_abi) {}

  // Headers and manifest only. Never throws for what the file is.
  [[nodiscard]] std::shared_ptr<const PluginFile> read(const std::filesystem::path& path,
                                                       bool allow_sticky);

  // The file's bytes, copied once. The same object as long as the bytes are the same. Throws Error
  // when the file isn't trusted, can't be copied, or does not hold `text` as its manifest any more.
  [[nodiscard]] std::shared_ptr<const PluginImage> load(const std::filesystem::path& path,
                                                        bool allow_sticky, const std::string& text);

  // The hash alone; of the image if there is one. Throws as load().
  [[nodiscard]] std::string sha256(const std::filesystem::path& path, bool allow_sticky);

  // Lets the image go, so that its memory is free once no worker holds it.
  void unload(const std::filesystem::path& path);

  // Forgets files that were not asked for since the last call.
  void forget_unused();

 private:
  struct Identity {
    std::uint64_t device = 0, inode = 0, size = 0;
    std::int64_t modified = 0, changed = 0;  // ns since the epoch
    bool operator==(const Identity&) const = default;
  };
  struct Remembered {
    Identity identity;
    bool settled = false;
    bool used = true;
    std::shared_ptr<const PluginFile> file;
    std::string hash;
    Identity hashed;  // the state whose bytes `hash` and `image` are
    bool hash_settled = false;
    std::shared_ptr<const PluginImage> image;
  };
  struct Open;
  static Open open(const std::filesystem::path& path);
  static bool settled(const Identity& identity);
  static void check(const Open& file, const std::filesystem::path& path, bool allow_sticky);
  [[nodiscard]] std::shared_ptr<const PluginFile> examine(int fd,
                                                          const std::filesystem::path& path) const;

  AbiVersion host_abi_;
  std::map<std::filesystem::path, Remembered> files_;
};

}  // namespace host
