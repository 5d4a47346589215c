// SPDX-License-Identifier: Apache-2.0
#include "authoring/symbols.hpp"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <timmy/abi.h>

#include <algorithm>
#include <cstring>

#include "base/error.hpp"
#include "base/file.hpp"

namespace host {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

// A plugin that a compiler built, its bytes at hand to be bent.
class SymbolsTest : public testing::Test {
 protected:
  static std::string file_of(const std::string& name) {
    return read_file(std::string(TIMMY_BAD_DIR) + "/bad_" + name + ".so", 64 << 20);
  }
  static ElfFile elf(const std::string& bytes) {
    return {std::as_bytes(std::span(bytes.data(), bytes.size())), "/p/x.so"};
  }
  static Symbols symbols_of(const std::string& name) {
    const auto bytes = file_of(name);
    return read_symbols(elf(bytes));
  }
  // Writes `bent` over the first `Entry` of the section.
  template <class Entry, class Bend>
  static std::string bent(std::string bytes, std::string_view section, std::size_t index,
                          Bend bend) {
    const auto at = elf(bytes).find(section)->sh_offset + index * sizeof(Entry);
    Entry entry;
    std::memcpy(&entry, bytes.data() + at, sizeof entry);
    bend(entry);
    std::memcpy(bytes.data() + at, &entry, sizeof entry);
    return bytes;
  }
  static std::vector<std::string> names(const Symbols& symbols) {
    std::vector<std::string> all;
    for (const auto& one : symbols.defined) all.push_back(one.name);
    return all;
  }
};

TEST_F(SymbolsTest, FindsWhatALibraryOffersAndNeeds) {
  const auto symbols = symbols_of("none");
  EXPECT_THAT(names(symbols), ElementsAre("timmy_plugin_v1"));
  EXPECT_THAT(symbols.needed, Contains("libstdc++.so.6"));
  EXPECT_THAT(symbols.paths, IsEmpty());
  EXPECT_FALSE(symbols.executable_stack);
}

TEST_F(SymbolsTest, TellsUniqueSymbolsSearchPathsAndStacksApart) {
  const auto unique = symbols_of("file_unique").defined;
  EXPECT_TRUE(
      std::any_of(unique.begin(), unique.end(), [](const auto& one) { return one.unique; }));
  EXPECT_THAT(symbols_of("file_paths").paths, ElementsAre("/nowhere/lib"));
  EXPECT_TRUE(symbols_of("file_stack").executable_stack);
}

TEST_F(SymbolsTest, ReadsTheHeadOfTheTableFromTheFile) {
  const auto bytes = file_of("none");
  const auto file = elf(bytes);
  const auto header = read_table_header(file, read_symbols(file));
  ASSERT_TRUE(header);
  EXPECT_EQ(header->size, sizeof(timmy_plugin));
  EXPECT_EQ(header->abi_minor, static_cast<std::uint32_t>(TIMMY_ABI_MINOR));
}

TEST_F(SymbolsTest, ANameOutsideItsStringsIsNone) {
  const auto symbols = symbols_of("none");
  auto bytes = file_of("none");
  const auto count = elf(bytes).find(".dynsym")->sh_size / sizeof(Elf64_Sym);
  for (std::size_t i = 0; i < count; ++i)
    bytes = bent<Elf64_Sym>(bytes, ".dynsym", i, [](auto& one) { one.st_name = 0xFFFFFFF0; });
  EXPECT_THAT(names(read_symbols(elf(bytes))), ElementsAre(""));
}

TEST_F(SymbolsTest, ATableThatLiesNowhereHasNoHead) {
  auto bytes = file_of("none");
  const auto count = elf(bytes).find(".dynsym")->sh_size / sizeof(Elf64_Sym);
  for (std::size_t i = 0; i < count; ++i)
    bytes = bent<Elf64_Sym>(bytes, ".dynsym", i, [](auto& one) { one.st_value = ~0ull - 3; });
  const auto file = elf(bytes);
  EXPECT_FALSE(read_table_header(file, read_symbols(file)));
}

TEST_F(SymbolsTest, RefusesProgramHeadersOutsideTheFile) {
  auto bytes = file_of("none");
  Elf64_Ehdr header;
  std::memcpy(&header, bytes.data(), sizeof header);
  header.e_phoff = bytes.size() - 8;
  std::memcpy(bytes.data(), &header, sizeof header);
  try {
    (void)read_symbols(elf(bytes));
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Code::invalid);
    EXPECT_THAT(error.message(), HasSubstr("its program headers"));
  }
}

}  // namespace
}  // namespace host
