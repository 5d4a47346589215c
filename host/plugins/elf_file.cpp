// SPDX-License-Identifier: Apache-2.0
#include "plugins/elf_file.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

namespace host {
namespace {

#if defined(__x86_64__)
constexpr int kMachine = EM_X86_64;
#elif defined(__aarch64__)
constexpr int kMachine = EM_AARCH64;
#elif defined(__riscv)
constexpr int kMachine = EM_RISCV;
#elif defined(__powerpc64__)
constexpr int kMachine = EM_PPC64;
#else
#error "Name this machine's ELF number here."
#endif

constexpr std::uint64_t kNamesCap = 4 * 1024 * 1024;  // of the section names; real ones: 1 KiB
constexpr const char* kRebuild = "Build the plugin with timmy_add_plugin() of the SDK.";
constexpr const char* kCopyAgain = "Copy the whole file again, under another name, then rename it.";

std::string machine_name(int number) {
  switch (number) {
    case EM_386: return "x86 (32-bit)";
    case EM_X86_64: return "x86_64";
    case EM_ARM: return "ARM (32-bit)";
    case EM_AARCH64: return "aarch64";
    case EM_RISCV: return "riscv64";
    case EM_PPC64: return "ppc64";
    case EM_S390: return "s390x";
    case EM_MIPS: return "MIPS";
    default: return "machine number " + std::to_string(number);
  }
}

}  // namespace

// The bytes of a file, by place. read() is never asked for a range outside size().
class ElfFile::Bytes {
 public:
  Bytes(const Bytes&) = delete;
  Bytes& operator=(const Bytes&) = delete;
  virtual ~Bytes() = default;
  [[nodiscard]] virtual std::uint64_t size() const = 0;
  virtual void read(std::uint64_t offset, std::span<std::byte> into) const = 0;

 protected:
  Bytes() = default;
};

class ElfFile::FileBytes final : public Bytes {
 public:
  FileBytes(int fd, const std::filesystem::path& path) : fd_(fd), path_(path) {
    struct stat info {};
    if (::fstat(fd, &info) != 0) throw system_error("examining \"" + path.string() + "\"");
    size_ = static_cast<std::uint64_t>(info.st_size);
  }
  std::uint64_t size() const override { return size_; }
  void read(std::uint64_t offset, std::span<std::byte> into) const override {
    while (!into.empty()) {
      const auto got = ::pread(fd_, into.data(), into.size(), static_cast<off_t>(offset));
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) throw system_error("reading \"" + path_.string() + "\"");
      if (got == 0)
        throw RefusedError(Refusal::damaged, Code::invalid,
                           "\"" + path_.string() + "\" was cut short while it was read",
                           kCopyAgain);
      into = into.subspan(static_cast<std::size_t>(got));
      offset += static_cast<std::uint64_t>(got);
    }
  }

 private:
  int fd_;
  const std::filesystem::path& path_;
  std::uint64_t size_ = 0;
};

class ElfFile::SpanBytes final : public Bytes {
 public:
  explicit SpanBytes(std::span<const std::byte> bytes) : bytes_(bytes) {}
  std::uint64_t size() const override { return bytes_.size(); }
  void read(std::uint64_t offset, std::span<std::byte> into) const override {
    const auto from = bytes_.subspan(static_cast<std::size_t>(offset), into.size());
    std::copy(from.begin(), from.end(), into.begin());
  }

 private:
  std::span<const std::byte> bytes_;
};

ElfFile::ElfFile(int fd, std::filesystem::path path)
    : path_(std::move(path)), bytes_(std::make_unique<FileBytes>(fd, path_)) {
  read_header();
  read_sections();
}

ElfFile::ElfFile(std::span<const std::byte> file, std::filesystem::path path)
    : path_(std::move(path)), bytes_(std::make_unique<SpanBytes>(file)) {
  read_header();
  read_sections();
}

ElfFile::~ElfFile() = default;

void ElfFile::refuse(Refusal refusal, Code code, const std::string& what, const char* fix) const {
  throw RefusedError(refusal, code, "\"" + path_.string() + "\" " + what, fix);
}

// `what` ends at `offset + length`; neither the sum nor the range may leave the file.
void ElfFile::require(std::uint64_t offset, std::uint64_t length, const std::string& what) const {
  if (offset <= bytes_->size() && length <= bytes_->size() - offset) return;
  refuse(Refusal::damaged, Code::invalid,
         "is cut short or damaged: " + what + " lies outside its " +
             std::to_string(bytes_->size()) + " bytes",
         kCopyAgain);
}

void ElfFile::read_header() {
  if (bytes_->size() == 0) refuse(Refusal::damaged, Code::invalid, "is empty", kCopyAgain);
  std::array<unsigned char, EI_NIDENT> ident{};
  const auto known = std::min<std::uint64_t>(bytes_->size(), ident.size());
  bytes_->read(0, std::as_writable_bytes(std::span(ident)).first(known));
  const bool elf = std::memcmp(ident.data(), ELFMAG, SELFMAG) == 0;
  if (!elf)
    refuse(Refusal::not_a_library, Code::invalid,
           "is not a shared library: it does not begin as an ELF file", kRebuild);
  require(0, sizeof header_, "its header");
  check_ident(ident);
  bytes_->read(0, std::as_writable_bytes(std::span(&header_, 1)));
  check_header();
}

void ElfFile::check_ident(std::span<const unsigned char> ident) const {
  if (ident[EI_CLASS] != ELFCLASS64)
    refuse(Refusal::other_machine, Code::unsupported,
           "is a 32-bit library; this host loads 64-bit ones", "Build it for this machine.");
  if (ident[EI_DATA] != ELFDATA2LSB)
    refuse(Refusal::other_machine, Code::unsupported,
           "is a big-endian library; this host loads little-endian ones",
           "Build it for this machine.");
  if (ident[EI_VERSION] != EV_CURRENT)
    refuse(Refusal::damaged, Code::invalid, "has an unknown ELF version", kCopyAgain);
  if (ident[EI_OSABI] != ELFOSABI_SYSV && ident[EI_OSABI] != ELFOSABI_GNU)
    refuse(Refusal::other_machine, Code::unsupported, "was built for another operating system",
           "Build it for this machine.");
}

void ElfFile::check_header() const {
  if (header_.e_machine != kMachine)
    refuse(Refusal::other_machine, Code::unsupported,
           "was built for " + machine_name(header_.e_machine) + "; this host runs on " +
               machine_name(kMachine),
           "Build it for this machine.");
  if (header_.e_type != ET_DYN)
    refuse(Refusal::not_a_library, Code::unsupported,
           header_.e_type == ET_REL    ? "is an object file, not a shared library"
           : header_.e_type == ET_EXEC ? "is a program, not a shared library"
                                       : "is not a shared library",
           kRebuild);
}

void ElfFile::read_sections() {
  if (header_.e_shoff == 0 || header_.e_shnum == 0)
    refuse(Refusal::no_manifest, Code::invalid, "has no section table, so no manifest",
           "Build it with timmy_add_plugin() of the SDK, and strip it with \"strip\" alone.");
  if (header_.e_shentsize != sizeof(Elf64_Shdr))
    refuse(Refusal::damaged, Code::invalid, "has section headers of an unknown size", kCopyAgain);
  sections_.resize(header_.e_shnum);
  require(header_.e_shoff, sections_.size() * sizeof(Elf64_Shdr), "its section table");
  bytes_->read(header_.e_shoff, std::as_writable_bytes(std::span(sections_)));
  if (header_.e_shstrndx >= sections_.size())
    refuse(Refusal::damaged, Code::invalid, "is damaged: it has no table of section names",
           kCopyAgain);
  const auto& table = sections_[header_.e_shstrndx];
  if (table.sh_type != SHT_STRTAB || table.sh_size > kNamesCap)
    refuse(Refusal::damaged, Code::invalid, "is damaged: its table of section names is none",
           kCopyAgain);
  require(table.sh_offset, table.sh_size, "its table of section names");
  names_.resize(static_cast<std::size_t>(table.sh_size));
  bytes_->read(table.sh_offset, std::as_writable_bytes(std::span(names_)));
}

bool ElfFile::has_name(const Elf64_Shdr& section, std::string_view name) const {
  if (section.sh_name >= names_.size()) return false;
  const std::string_view rest = std::string_view(names_).substr(section.sh_name);
  return rest.size() > name.size() && rest.starts_with(name) && rest[name.size()] == '\0';
}

std::optional<Elf64_Shdr> ElfFile::find(std::string_view name) const {
  std::optional<Elf64_Shdr> found;
  for (const auto& section : sections_) {
    if (!has_name(section, name)) continue;
    if (found)
      refuse(Refusal::no_manifest, Code::invalid, "has two sections \"" + std::string(name) + "\"",
             kRebuild);
    found = section;
  }
  return found;
}

std::string ElfFile::content(const Elf64_Shdr& section, std::string_view name,
                             std::uint64_t cap) const {
  const std::string named = "\"" + std::string(name) + "\"";
  if (section.sh_type == SHT_NOBITS || (section.sh_flags & SHF_COMPRESSED) != 0)
    refuse(Refusal::no_manifest, Code::invalid, "has a section " + named + " without plain bytes",
           kRebuild);
  if (section.sh_size > cap)
    refuse(Refusal::too_large, Code::too_large,
           "has a section " + named + " of " + std::to_string(section.sh_size) +
               " bytes; at most " + std::to_string(cap) + " are taken",
           "Make it smaller.");
  require(section.sh_offset, section.sh_size, "its section " + named);
  std::string text(static_cast<std::size_t>(section.sh_size), '\0');
  bytes_->read(section.sh_offset, std::as_writable_bytes(std::span(text)));
  return text;
}

std::vector<Elf64_Phdr> ElfFile::segments() const {
  if (header_.e_phnum == 0) return {};
  if (header_.e_phentsize != sizeof(Elf64_Phdr))
    refuse(Refusal::damaged, Code::invalid, "has program headers of an unknown size", kCopyAgain);
  std::vector<Elf64_Phdr> all(header_.e_phnum);
  require(header_.e_phoff, all.size() * sizeof(Elf64_Phdr), "its program headers");
  bytes_->read(header_.e_phoff, std::as_writable_bytes(std::span(all)));
  return all;
}

std::optional<std::string> ElfFile::at_address(std::uint64_t address, std::size_t length) const {
  for (const auto& section : sections_) {
    if ((section.sh_flags & SHF_ALLOC) == 0 || section.sh_type == SHT_NOBITS) continue;
    if (address < section.sh_addr || section.sh_size < length) continue;
    const auto offset = address - section.sh_addr;
    if (offset > section.sh_size - length) continue;
    require(section.sh_offset, section.sh_size, "one of its sections");
    std::string bytes(length, '\0');
    bytes_->read(section.sh_offset + offset, std::as_writable_bytes(std::span(bytes)));
    return bytes;
  }
  return std::nullopt;
}

}  // namespace host
