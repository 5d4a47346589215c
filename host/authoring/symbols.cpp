// SPDX-License-Identifier: Apache-2.0
#include "authoring/symbols.hpp"

#include <cstring>

namespace host {
namespace {

constexpr std::uint64_t kCap = 64ull << 20;

template <class Entry>
std::vector<Entry> entries(const ElfFile& file, std::string_view section) {
  const auto found = file.find(section);
  if (!found) return {};
  const auto bytes = file.content(*found, section, kCap);
  std::vector<Entry> all(bytes.size() / sizeof(Entry));
  if (!all.empty()) std::memcpy(all.data(), bytes.data(), all.size() * sizeof(Entry));
  return all;
}

std::string text_at(const std::string& strings, std::uint64_t offset) {
  if (offset >= strings.size()) return {};
  return strings.substr(offset, strings.find('\0', offset) - offset);
}

}  // namespace

Symbols read_symbols(const ElfFile& file) {
  Symbols symbols;
  const auto table = file.find(".dynstr");
  const auto strings = table ? file.content(*table, ".dynstr", kCap) : std::string();
  for (const auto& symbol : entries<Elf64_Sym>(file, ".dynsym")) {
    const auto binding = ELF64_ST_BIND(symbol.st_info);
    if (symbol.st_shndx == SHN_UNDEF || binding == STB_LOCAL) continue;
    symbols.defined.push_back(
        {text_at(strings, symbol.st_name), symbol.st_value, binding == STB_GNU_UNIQUE});
  }
  for (const auto& entry : entries<Elf64_Dyn>(file, ".dynamic")) {
    if (entry.d_tag == DT_NULL) break;
    if (entry.d_tag == DT_NEEDED) symbols.needed.push_back(text_at(strings, entry.d_un.d_val));
    if (entry.d_tag == DT_RPATH || entry.d_tag == DT_RUNPATH)
      symbols.paths.push_back(text_at(strings, entry.d_un.d_val));
  }
  for (const auto& segment : file.segments())
    if (segment.p_type == PT_GNU_STACK) symbols.executable_stack = (segment.p_flags & PF_X) != 0;
  return symbols;
}

std::optional<TableHeader> read_table_header(const ElfFile& file, const Symbols& symbols) {
  for (const auto& symbol : symbols.defined) {
    if (symbol.name != "timmy_plugin_v1") continue;
    const auto bytes = file.at_address(symbol.address, sizeof(TableHeader));
    if (!bytes) return std::nullopt;
    TableHeader header;
    std::memcpy(&header, bytes->data(), sizeof header);
    return header;
  }
  return std::nullopt;
}

}  // namespace host
