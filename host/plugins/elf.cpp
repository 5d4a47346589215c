// SPDX-License-Identifier: Apache-2.0
#include "plugins/elf.hpp"

#include "base/error.hpp"
#include "plugins/elf_file.hpp"

namespace host {
namespace {

constexpr const char* kRebuild = "Build the plugin with timmy_add_plugin() of the SDK.";

std::string manifest_of(const ElfFile& file) {
  const std::string named = "\"" + std::string(kManifestSection) + "\"";
  const auto section = file.find(kManifestSection);
  if (!section)
    file.refuse(Refusal::no_manifest, Code::invalid, "has no section " + named + ", so no manifest",
                kRebuild);
  auto text = file.content(*section, kManifestSection, kManifestCap);
  text.erase(text.find_last_not_of('\0') + 1);
  if (text.empty())
    file.refuse(Refusal::no_manifest, Code::invalid, "has an empty section " + named, kRebuild);
  return text;
}

}  // namespace

std::string read_manifest_section(int fd, const std::filesystem::path& path) {
  return manifest_of(ElfFile(fd, path));
}

std::string read_manifest_section(std::span<const std::byte> file,
                                  const std::filesystem::path& path) {
  return manifest_of(ElfFile(file, path));
}

}  // namespace host
