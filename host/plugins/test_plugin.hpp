// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <elf.h>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>

#include "base/json.hpp"

namespace host {

// The bytes of a shared library with nothing in it but a manifest section: what a listing reads of
// a plugin, made without a compiler. Tests bend one field and see what comes of it.
struct TestElf {
  Elf64_Ehdr header{};
  Elf64_Shdr sections[3]{};  // none, names, manifest
  std::string names;
  std::string manifest;

  explicit TestElf(std::string text, std::string_view section = ".timmy.manifest")
      : manifest(std::move(text)) {
    names.append(1, '\0').append(".shstrtab").append(1, '\0').append(section).append(1, '\0');
    std::memcpy(header.e_ident, ELFMAG, SELFMAG);
    header.e_ident[EI_CLASS] = ELFCLASS64;
    header.e_ident[EI_DATA] = ELFDATA2LSB;
    header.e_ident[EI_VERSION] = EV_CURRENT;
    header.e_type = ET_DYN;
#if defined(__x86_64__)
    header.e_machine = EM_X86_64;
#elif defined(__aarch64__)
    header.e_machine = EM_AARCH64;
#endif
    header.e_version = EV_CURRENT;
    header.e_ehsize = sizeof header;
    header.e_shentsize = sizeof sections[0];
    header.e_shnum = 3;
    header.e_shstrndx = 1;
    header.e_shoff = sizeof header;
    const std::uint64_t body = sizeof header + sizeof sections;
    sections[1] = {.sh_name = 1, .sh_type = SHT_STRTAB, .sh_offset = body, .sh_size = names.size()};
    sections[2] = {.sh_name = 11,
                   .sh_type = SHT_PROGBITS,
                   .sh_offset = body + names.size(),
                   .sh_size = manifest.size()};
  }

  [[nodiscard]] std::string bytes() const {
    std::string all(reinterpret_cast<const char*>(&header), sizeof header);
    all.append(reinterpret_cast<const char*>(sections), sizeof sections);
    return all + names + manifest;
  }
};

// A valid manifest with one task, "<id>_task", every five minutes.
inline Json test_manifest(const std::string& id) {
  return Json{
      {"id", id},
      {"version", "1.0.0"},
      {"license", "Apache-2.0"},
      {"description", "For a test."},
      {"abi", {{"major", 1}, {"minor", 0}, {"minimum", 0}}},
      {"tasks", {{{"name", id + "_task"}, {"description", "x"}, {"schedule", "*/5 * * * *"}}}}};
}

inline void write_bytes(const std::filesystem::path& path, std::string_view bytes) {
  std::ofstream(path, std::ios::binary | std::ios::trunc) << bytes;
}

// Puts a plugin with this manifest there; mode 0644. `padding`: bytes that follow it.
inline void write_plugin(const std::filesystem::path& path, const Json& manifest,
                         std::size_t padding = 0) {
  write_bytes(path, TestElf(manifest.dump()).bytes() + std::string(padding, 'x'));
}

}  // namespace host
