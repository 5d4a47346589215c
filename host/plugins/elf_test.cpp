// SPDX-License-Identifier: Apache-2.0
#include "plugins/elf.hpp"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>
#include <optional>

#include "base/error.hpp"
#include "base/file.hpp"
#include "base/test_folder.hpp"
#include "plugins/test_plugin.hpp"

namespace host {
namespace {

using testing::HasSubstr;

std::string read(const std::string& bytes) {
  return read_manifest_section(std::as_bytes(std::span(bytes)), "/p/x.so");
}

Error refusal(const std::string& bytes) {
  try {
    static_cast<void>(read(bytes));
  } catch (const Error& error) {
    return error;
  }
  ADD_FAILURE() << "was not refused";
  return Error(Code::internal, "");
}

#define EXPECT_REFUSAL(bytes, expected_code, words)         \
  do {                                                      \
    const Error error = refusal(bytes);                     \
    EXPECT_EQ(error.code(), expected_code);                 \
    EXPECT_THAT(error.message(), HasSubstr("\"/p/x.so\"")); \
    EXPECT_THAT(error.message(), HasSubstr(words));         \
    EXPECT_FALSE(error.next_step().empty());                \
  } while (false)

TEST(ElfTest, FindsTheManifestInAFileAndInMemory) {
  const TestFolder folder;
  const TestElf elf(R"({"id":"x"})");
  EXPECT_EQ(read(elf.bytes()), R"({"id":"x"})");
  write_bytes(folder / "x.so", elf.bytes());
  const Fd fd(::open((folder / "x.so").c_str(), O_RDONLY | O_CLOEXEC));
  EXPECT_EQ(read_manifest_section(fd.get(), folder / "x.so"), R"({"id":"x"})");
}

TEST(ElfTest, ReadsARealPluginWithoutRunningItsConstructor) {
  const Fd fd(::open(TIMMY_FIXTURE, O_RDONLY | O_CLOEXEC));
  const auto manifest = Json::parse(read_manifest_section(fd.get(), TIMMY_FIXTURE));
  EXPECT_EQ(manifest.at("id"), "fixture");
  EXPECT_EQ(manifest.at("abi").at("major"), 1);
}

TEST(ElfTest, LeavesTrailingPaddingOut) {
  EXPECT_EQ(read(TestElf(std::string("{}\0\0", 4)).bytes()), "{}");
}

TEST(ElfTest, RefusesWhatIsNoLibraryWithItsReason) {
  EXPECT_REFUSAL("", Code::invalid, "is empty");
  EXPECT_REFUSAL("#!/bin/sh\necho hello\n", Code::invalid, "does not begin as an ELF file");
  EXPECT_REFUSAL(
      "\x7f"
      "EL",
      Code::invalid, "does not begin as an ELF file");
  EXPECT_REFUSAL(
      "\x7f"
      "ELF",
      Code::invalid, "its header lies outside its 4 bytes");
}

TEST(ElfTest, RefusesOtherMachinesByName) {
  TestElf elf("{}");
  elf.header.e_ident[EI_CLASS] = ELFCLASS32;
  EXPECT_REFUSAL(elf.bytes(), Code::unsupported, "32-bit");
  elf = TestElf("{}");
  elf.header.e_ident[EI_DATA] = ELFDATA2MSB;
  EXPECT_REFUSAL(elf.bytes(), Code::unsupported, "big-endian");
  elf = TestElf("{}");
  elf.header.e_ident[EI_OSABI] = ELFOSABI_FREEBSD;
  EXPECT_REFUSAL(elf.bytes(), Code::unsupported, "another operating system");
  elf = TestElf("{}");
  elf.header.e_machine = EM_S390;
  EXPECT_REFUSAL(elf.bytes(), Code::unsupported, "was built for s390x; this host runs on");
}

TEST(ElfTest, RefusesObjectFilesAndPrograms) {
  TestElf elf("{}");
  elf.header.e_type = ET_REL;
  EXPECT_REFUSAL(elf.bytes(), Code::unsupported, "is an object file");
  elf.header.e_type = ET_EXEC;
  EXPECT_REFUSAL(elf.bytes(), Code::unsupported, "is a program");
  elf.header.e_type = ET_CORE;
  EXPECT_REFUSAL(elf.bytes(), Code::unsupported, "is not a shared library");
}

TEST(ElfTest, RefusesALibraryWithoutAManifest) {
  EXPECT_REFUSAL(TestElf("{}", ".timmy.manifesto").bytes(), Code::invalid,
                 "has no section \".timmy.manifest\"");
  EXPECT_REFUSAL(TestElf("{}", ".timmy.manifes").bytes(), Code::invalid, "has no section");
  EXPECT_REFUSAL(TestElf("").bytes(), Code::invalid, "has an empty section");
  EXPECT_REFUSAL(TestElf(std::string(8, '\0')).bytes(), Code::invalid, "has an empty section");
  TestElf elf("{}");
  elf.header.e_shoff = 0;
  EXPECT_REFUSAL(elf.bytes(), Code::invalid, "has no section table");
}

TEST(ElfTest, RefusesTwoManifestsInOneFile) {
  TestElf elf("{}");
  elf.sections[0] = elf.sections[2];
  EXPECT_REFUSAL(elf.bytes(), Code::invalid, "has two sections");
}

TEST(ElfTest, RefusesASectionWithoutPlainBytes) {
  TestElf elf("{}");
  elf.sections[2].sh_type = SHT_NOBITS;
  EXPECT_REFUSAL(elf.bytes(), Code::invalid, "without plain bytes");
  elf = TestElf("{}");
  elf.sections[2].sh_flags = SHF_COMPRESSED;
  EXPECT_REFUSAL(elf.bytes(), Code::invalid, "without plain bytes");
}

TEST(ElfTest, TakesAManifestOfOneMebibyteAndNotAByteMore) {
  EXPECT_EQ(read(TestElf(std::string(kManifestCap, ' ')).bytes()).size(), kManifestCap);
  EXPECT_REFUSAL(TestElf(std::string(kManifestCap + 1, ' ')).bytes(), Code::too_large,
                 "of 1048577 bytes; at most 1048576");
  TestElf elf("{}");
  elf.sections[2].sh_size = std::numeric_limits<std::uint64_t>::max();
  EXPECT_REFUSAL(elf.bytes(), Code::too_large, "bytes");
}

TEST(ElfTest, RefusesOffsetsThatLeadOutsideTheFile) {
  const auto huge = std::numeric_limits<std::uint64_t>::max();
  for (const auto offset : {huge, huge - 1, huge / 2, std::uint64_t{100'000}}) {
    TestElf elf("{}");
    elf.sections[2].sh_offset = offset;
    EXPECT_REFUSAL(elf.bytes(), Code::invalid, "its section \".timmy.manifest\" lies outside");
    elf = TestElf("{}");
    elf.sections[1].sh_offset = offset;
    EXPECT_REFUSAL(elf.bytes(), Code::invalid, "its table of section names lies outside");
    elf = TestElf("{}");
    elf.header.e_shoff = offset;
    EXPECT_REFUSAL(elf.bytes(), Code::invalid, "its section table lies outside");
  }
}

TEST(ElfTest, RefusesATableOfNamesThatIsNone) {
  TestElf elf("{}");
  elf.header.e_shstrndx = 3;
  EXPECT_REFUSAL(elf.bytes(), Code::invalid, "no table of section names");
  elf.header.e_shstrndx = 2;
  EXPECT_REFUSAL(elf.bytes(), Code::invalid, "table of section names is none");
  elf = TestElf("{}");
  elf.sections[1].sh_size = std::uint64_t{1} << 40;
  EXPECT_REFUSAL(elf.bytes(), Code::invalid, "table of section names is none");
  elf = TestElf("{}");
  elf.sections[2].sh_name = 0xffffffff;
  EXPECT_REFUSAL(elf.bytes(), Code::invalid, "has no section");
  elf = TestElf("{}");
  elf.header.e_shentsize = 1;
  EXPECT_REFUSAL(elf.bytes(), Code::invalid, "section headers of an unknown size");
}

TEST(ElfTest, RefusesAFileCutShortAtAnyByte) {
  const std::string whole = TestElf(R"({"id":"x"})").bytes();
  for (std::size_t length = 0; length < whole.size(); ++length)
    EXPECT_EQ(refusal(whole.substr(0, length)).code(), Code::invalid) << length;
}

TEST(ElfTest, SurvivesEveryFlippedBit) {
  const std::string whole = TestElf(R"({"id":"x"})").bytes();
  for (std::size_t bit = 0; bit < whole.size() * 8; ++bit) {
    std::string bent = whole;
    bent[bit / 8] = static_cast<char>(bent[bit / 8] ^ (1 << (bit % 8)));
    try {
      EXPECT_LE(read(bent).size(), whole.size());
    } catch (const Error& error) {
      EXPECT_FALSE(error.next_step().empty()) << error.message();
    }
  }
}

}  // namespace
}  // namespace host
