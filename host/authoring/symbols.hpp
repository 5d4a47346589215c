// SPDX-License-Identifier: Apache-2.0
//
// What a shared library offers and wants of the dynamic linker, read from its file.
// Format: System V ABI, "Symbol Table" and "Dynamic Section".
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "plugins/elf_file.hpp"

namespace host {

struct Symbols {
  struct Defined {
    std::string name;
    std::uint64_t address = 0;
    bool unique = false;  // STB_GNU_UNIQUE: its library can't be unloaded
  };
  std::vector<Defined> defined;     // those that others may bind to
  std::vector<std::string> needed;  // DT_NEEDED, in order
  std::vector<std::string> paths;   // DT_RPATH and DT_RUNPATH: where it wants those looked for
  bool executable_stack = false;
};

// Throws Error as ElfFile does.
[[nodiscard]] Symbols read_symbols(const ElfFile& file);

// `size` and `abi_minor` of the library's timmy_plugin_v1, as its file has them.
struct TableHeader {
  std::uint32_t size = 0;
  std::uint32_t abi_minor = 0;
};
[[nodiscard]] std::optional<TableHeader> read_table_header(const ElfFile& file,
                                                           const Symbols& symbols);

}  // namespace host
