// SPDX-License-Identifier: Apache-2.0
//
// What `plugins check` reads of a library's symbols, dynamic section and segments, on anybody's
// bytes.
#include <cstdint>
#include <cstdlib>
#include <span>

#include "authoring/symbols.hpp"
#include "base/error.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  try {
    const host::ElfFile file(std::as_bytes(std::span(data, size)), "x.so");
    const auto symbols = host::read_symbols(file);
    // No more than the file has room for.
    if (symbols.defined.size() * sizeof(Elf64_Sym) > size) abort();
    if (symbols.needed.size() * sizeof(Elf64_Dyn) > size) abort();
    for (const auto& symbol : symbols.defined)
      if (symbol.name.size() > size) abort();
    (void)host::read_table_header(file, symbols);
  } catch (const host::Error&) {
  }
  return 0;
}
