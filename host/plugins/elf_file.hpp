// SPDX-License-Identifier: Apache-2.0
//
// A shared library's file, read without loading it: header, section table and sections' bytes,
// every offset checked against the file's size before it is used. Format: System V ABI, "Object
// Files" and "Sections"; 64-bit little-endian only.
#pragma once

#include <elf.h>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "plugins/refusal.hpp"

namespace host {

class ElfFile {
 public:
  // Reads header and section table. Throws Error that says what the file is instead and how to mend
  // it, with `path` as its name: invalid (empty, not ELF, cut short, offsets that lead outside the
  // file), unsupported (other machine, class, byte order or kind of object), io. Any thread.
  // `fd`: an open regular file, `file`: its bytes; borrowed for as long as this lives. The offset
  // of `fd` is neither used nor moved.
  ElfFile(int fd, std::filesystem::path path);
  ElfFile(std::span<const std::byte> file, std::filesystem::path path);
  ~ElfFile();

  // The section with this name; nullopt without one. Throws Error{invalid} when there are two.
  [[nodiscard]] std::optional<Elf64_Shdr> find(std::string_view name) const;

  // A section's bytes. Throws Error: invalid when it has none in the file, or they lie outside of
  // it; too_large past `cap`. `name` is what errors call it.
  [[nodiscard]] std::string content(const Elf64_Shdr& section, std::string_view name,
                                    std::uint64_t cap) const;

  // `length` bytes that are at `address` once the library is loaded; nullopt when no section holds
  // them in the file. What the loader would change there (relocations) is not.
  [[nodiscard]] std::optional<std::string> at_address(std::uint64_t address,
                                                      std::size_t length) const;

  // What the loader is told to map and how, in the file's order. Throws Error{invalid} when the
  // table is damaged.
  [[nodiscard]] std::vector<Elf64_Phdr> segments() const;

  // Throws RefusedError, with the path before `what`.
  [[noreturn]] void refuse(Refusal refusal, Code code, const std::string& what,
                           const char* fix) const;

 private:
  class Bytes;
  class FileBytes;
  class SpanBytes;

  void require(std::uint64_t offset, std::uint64_t length, const std::string& what) const;
  void read_header();
  void check_ident(std::span<const unsigned char> ident) const;
  void check_header() const;
  void read_sections();
  [[nodiscard]] bool has_name(const Elf64_Shdr& section, std::string_view name) const;

  std::filesystem::path path_;
  std::unique_ptr<Bytes> bytes_;
  Elf64_Ehdr header_{};
  std::vector<Elf64_Shdr> sections_;
  std::string names_;
};

}  // namespace host
