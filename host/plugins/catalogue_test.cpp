// SPDX-License-Identifier: Apache-2.0
//
// What is found, what is refused, and that nothing stops the rest.
#include "plugins/catalogue.hpp"

#include <gmock/gmock.h>
#include <sys/stat.h>
#include <unistd.h>

#include "plugins/catalogue_fixture.hpp"

namespace host {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;
using testing::IsEmpty;

TEST_F(CatalogueTest, AnEmptyHostHasNoPluginsAndNoProblem) {
  EXPECT_THAT(scan(), IsEmpty());
  fs::remove(install_);
  fs::remove(home_);
  EXPECT_THAT(scan(), IsEmpty());
}

TEST_F(CatalogueTest, AnEnabledPluginIsReadyWithItsTasks) {
  write_plugin(install_ / "beat.so", test_manifest("beat"));
  enable({"beat"});
  const auto entry = only("beat");
  EXPECT_TRUE(entry.ready()) << entry.reason;
  EXPECT_EQ(entry.path, install_ / "beat.so");
  EXPECT_EQ(entry.tasks.at(0).spec.name, "beat_task");
  EXPECT_EQ(entry.reason, "");
  EXPECT_EQ(entry.fix, "");
  EXPECT_FALSE(entry.image) << "a listing copies nothing";
  EXPECT_EQ(only("beat", true).image->sha256.size(), 64u);
}

TEST_F(CatalogueTest, WhatIsNotEnabledIsListedAndSaysHowToEnableIt) {
  write_plugin(install_ / "beat.so", test_manifest("beat"));
  const auto entry = only("beat", true);
  EXPECT_EQ(entry.state, PluginState::disabled);
  EXPECT_EQ(entry.tasks.size(), 1u);
  EXPECT_EQ(entry.fix, "Put into host.yaml: plugins: { beat: { enabled: true } }");
  EXPECT_FALSE(entry.image);
}

TEST_F(CatalogueTest, ARealPluginIsListedWithoutRunningItsCode) {
  fs::copy_file(TIMMY_FIXTURE, install_ / "fixture.so");
  fs::permissions(install_ / "fixture.so", fs::perms(0644));
  enable({"fixture"});
  const auto entry = only("fixture", true);
  EXPECT_TRUE(entry.ready()) << entry.reason;
  EXPECT_EQ(entry.manifest->version, "1.2.3");
  EXPECT_EQ(entry.tasks.at(0).spec.name, "fixture_task");
}

TEST_F(CatalogueTest, BadFilesAreALineEachAndTheOthersGoOn) {
  const std::string good = TestElf(test_manifest("good").dump()).bytes();
  write_bytes(install_ / "empty.so", "");
  write_bytes(install_ / "text.so", "not a library\n");
  write_bytes(install_ / "cut.so", good.substr(0, good.size() / 2));
  TestElf elf(test_manifest("foreign").dump());
  elf.header.e_machine = EM_S390;
  write_bytes(install_ / "foreign.so", elf.bytes());
  write_bytes(install_ / "bare.so", TestElf("{}", ".other").bytes());
  write_bytes(install_ / "huge.so", TestElf(std::string(2'000'000, ' ')).bytes());
  write_bytes(install_ / "nojson.so", TestElf("hello").bytes());
  fs::create_directory(install_ / "folder.so");
  write_bytes(install_ / "good.so", good);
  enable({"good"});
  const std::map<std::string, Refusal> codes{{"empty", Refusal::damaged},
                                             {"text", Refusal::not_a_library},
                                             {"cut", Refusal::damaged},
                                             {"foreign", Refusal::other_machine},
                                             {"bare", Refusal::no_manifest},
                                             {"huge", Refusal::too_large},
                                             {"nojson", Refusal::invalid_manifest},
                                             {"folder", Refusal::not_a_file}};
  const auto entries = scan(true);
  EXPECT_EQ(entries.size(), 9u);
  for (const auto& entry : entries) {
    if (entry.id == "good") {
      EXPECT_TRUE(entry.ready()) << entry.reason;
      continue;
    }
    EXPECT_EQ(entry.state, PluginState::refused) << entry.id;
    EXPECT_EQ(entry.code, codes.at(entry.id)) << entry.id << ": " << entry.reason;
    EXPECT_THAT(entry.reason, HasSubstr(entry.path.string()));
    EXPECT_FALSE(entry.fix.empty()) << entry.id;
    EXPECT_FALSE(entry.image);
  }
}

TEST_F(CatalogueTest, AManifestThatViolatesTheSchemaIsRefusedWithEveryPlace) {
  auto manifest = test_manifest("x");
  manifest["tasks"][0]["timeout"] = 5;
  manifest["surplus"] = true;
  write_plugin(install_ / "x.so", manifest);
  enable({"x"});
  const auto entry = only("x");
  EXPECT_EQ(entry.state, PluginState::refused);
  EXPECT_THAT(entry.reason, HasSubstr("x.so\": its manifest is invalid: "));
  EXPECT_EQ(entry.code, Refusal::invalid_manifest);
  EXPECT_THAT(entry.reason, HasSubstr("/tasks/0/timeout: "));
  EXPECT_THAT(entry.reason, HasSubstr("surplus"));
  EXPECT_EQ(entry.tasks.at(0).spec.name, "x_task");
}

TEST_F(CatalogueTest, AnotherAbiIsRefusedByFileAndBothVersionsAndStillListed) {
  auto manifest = test_manifest("x");
  manifest["abi"]["major"] = 2;
  write_plugin(install_ / "x.so", manifest);
  enable({"x"});
  const auto entry = only("x");
  EXPECT_EQ(entry.state, PluginState::refused);
  EXPECT_EQ(entry.reason, "\"" + (install_ / "x.so").string() +
                              "\": this host is too old: the plugin was built for ABI 2.0, this "
                              "host speaks 1.0");
  EXPECT_THAT(entry.fix, HasSubstr("Upgrade timmy-host"));
  EXPECT_EQ(entry.code, Refusal::host_too_old);
  EXPECT_EQ(entry.tasks.at(0).spec.name, "x_task");
}

TEST_F(CatalogueTest, AFileThatOthersCanWriteIsRefusedAndStillListed) {
  write_plugin(install_ / "x.so", test_manifest("x"));
  fs::permissions(install_ / "x.so", fs::perms(0666));
  enable({"x"});
  const auto entry = only("x", true);
  EXPECT_EQ(entry.state, PluginState::refused);
  EXPECT_THAT(entry.reason, HasSubstr("can be written by others"));
  EXPECT_EQ(entry.code, Refusal::untrusted);
  EXPECT_THAT(entry.fix, HasSubstr("chmod go-w " + (install_ / "x.so").string()));
  EXPECT_EQ(entry.tasks.at(0).spec.name, "x_task");
  EXPECT_FALSE(entry.image);
}

TEST_F(CatalogueTest, AFolderThatOthersCanWriteTaintsAllInItByName) {
  write_plugin(install_ / "x.so", test_manifest("x"));
  fs::permissions(install_, fs::perms(0775));
  const auto entry = only("x");
  EXPECT_EQ(entry.state, PluginState::refused);
  EXPECT_THAT(entry.fix, HasSubstr("chmod go-w " + install_.string()));
}

TEST_F(CatalogueTest, TwoFilesOfOneIdInOneFolderAreBothRefused) {
  write_plugin(install_ / "a.so", test_manifest("x"));
  write_plugin(install_ / "b.so", test_manifest("x"));
  enable({"x"});
  const auto entries = scan(true);
  ASSERT_EQ(entries.size(), 2u);
  for (const auto& entry : entries) {
    EXPECT_EQ(entry.state, PluginState::refused);
    EXPECT_EQ(entry.code, Refusal::duplicate_id);
    EXPECT_THAT(entry.reason, HasSubstr("a.so\""));
    EXPECT_THAT(entry.reason, HasSubstr("b.so\""));
    EXPECT_EQ(entry.tasks.size(), 1u);
  }
}

TEST_F(CatalogueTest, TheFolderOfHigherRankWinsWithOneId) {
  auto newer = test_manifest("x");
  newer["version"] = "2.0.0";
  write_plugin(install_ / "x.so", test_manifest("x"));
  write_plugin(home_ / "x.so", newer);
  enable({"x"});
  const auto entries = scan(true);
  ASSERT_EQ(entries.size(), 2u);
  for (const auto& entry : entries) {
    const bool wins = entry.path == home_ / "x.so";
    EXPECT_EQ(entry.state, wins ? PluginState::ready : PluginState::shadowed) << entry.reason;
    EXPECT_EQ(entry.code, wins ? Refusal::none : Refusal::shadowed);
    EXPECT_EQ(entry.image != nullptr, wins);
  }
}

TEST_F(CatalogueTest, ABrokenOverrideDoesNotBringTheOldVersionBack) {
  auto newer = test_manifest("x");
  newer["abi"]["major"] = 2;
  write_plugin(install_ / "x.so", test_manifest("x"));
  write_plugin(home_ / "x.so", newer);
  enable({"x"});
  for (const auto& entry : scan()) EXPECT_FALSE(entry.ready()) << entry.path;
}

TEST_F(CatalogueTest, TwoEnabledPluginsWithOneTaskAreBothRefusedNamingEachOther) {
  auto other = test_manifest("b");
  other["tasks"][0]["name"] = "a_task";
  write_plugin(install_ / "a.so", test_manifest("a"));
  write_plugin(home_ / "b.so", other);
  enable({"a", "b"});
  EXPECT_EQ(only("a").state, PluginState::refused);
  EXPECT_EQ(only("a").code, Refusal::duplicate_task);
  EXPECT_THAT(only("a").reason, HasSubstr("task \"a_task\" is also in plugin \"b\""));
  EXPECT_THAT(only("b").reason, HasSubstr("task \"a_task\" is also in plugin \"a\""));
  EXPECT_THAT(only("b").fix, HasSubstr("plugins: { b: { enabled: false } }"));
  enable({"a"});
  EXPECT_TRUE(only("a").ready());
}

TEST_F(CatalogueTest, FilesOfOtherNamesAndHiddenOnesAreLeftAlone) {
  write_bytes(install_ / "README", "x");
  write_bytes(install_ / ".x.so", "x");
  write_bytes(install_ / "x.so.new", "x");
  EXPECT_THAT(scan(), IsEmpty());
}

TEST_F(CatalogueTest, AFolderThatTheOperatorNamedAndThatIsMissingIsALine) {
  const auto entries = catalogue_.scan(
      {.folders = {{.path = folder_ / "none", .required = true}}, .config = &config_});
  ASSERT_EQ(entries.size(), 1u);
  EXPECT_EQ(entries[0].state, PluginState::missing);
  EXPECT_EQ(entries[0].code, Refusal::no_folder);
  EXPECT_THAT(entries[0].reason, HasSubstr((folder_ / "none").string()));
}

TEST_F(CatalogueTest, AFolderNamedTwiceCountsOnce) {
  write_plugin(install_ / "x.so", test_manifest("x"));
  enable({"x"});
  fs::create_directory_symlink(install_, folder_ / "again");
  const auto entries =
      catalogue_.scan({.folders = {{.path = install_, .allow_sticky = true},
                                   {.path = folder_ / "again", .allow_sticky = true}},
                       .config = &config_});
  ASSERT_EQ(entries.size(), 1u);
  EXPECT_TRUE(entries[0].ready()) << entries[0].reason;
}

TEST_F(CatalogueTest, AReplacedFileBringsNewBytesAndTheOldOnesStayWithTheirHolder) {
  write_plugin(install_ / "x.so", test_manifest("x"));
  enable({"x"});
  const auto old = only("x", true).image;
  EXPECT_EQ(only("x", true).image, old) << "nothing has changed";
  auto newer = test_manifest("x");
  newer["version"] = "2.0.0";
  write_plugin(install_ / ".x.so", newer);
  fs::rename(install_ / ".x.so", install_ / "x.so");
  const auto entry = only("x", true);
  EXPECT_EQ(entry.manifest->version, "2.0.0");
  EXPECT_NE(entry.image->sha256, old->sha256);
  struct stat info {};
  EXPECT_EQ(::fstat(old->fd(), &info), 0);
  EXPECT_EQ(static_cast<std::uint64_t>(info.st_size), old->size);
}

TEST_F(CatalogueTest, AFileCutInPlaceIsRefusedAndTheRunningBytesAreWhole) {
  write_plugin(install_ / "x.so", test_manifest("x"));
  enable({"x"});
  const auto old = only("x", true).image;
  write_bytes(install_ / "x.so", "");
  EXPECT_EQ(only("x", true).state, PluginState::refused);
  struct stat info {};
  EXPECT_EQ(::fstat(old->fd(), &info), 0);
  EXPECT_EQ(static_cast<std::uint64_t>(info.st_size), old->size);
  fs::remove(install_ / "x.so");
  EXPECT_THAT(only("x", true).reason, HasSubstr("no plugin folder has it"));
  EXPECT_EQ(only("x", true).code, Refusal::missing);
}

TEST_F(CatalogueTest, QuarantineHoldsForTheseBytesOnly) {
  write_plugin(install_ / "x.so", test_manifest("x"));
  enable({"x"});
  const auto hash = only("x", true).image->sha256;
  quarantine_["x"] = {.plugin = "x", .sha256 = hash, .reason = "failed 5 times", .since = {}};
  for (const bool load : {false, true}) {
    const auto entry = only("x", load);
    EXPECT_EQ(entry.state, PluginState::quarantined);
    EXPECT_EQ(entry.code, Refusal::quarantined);
    EXPECT_EQ(entry.reason, "failed 5 times (since 1970-01-01T00:00:00Z)");
    EXPECT_THAT(entry.fix, HasSubstr("timmy-host plugins reset x"));
    EXPECT_EQ(entry.tasks.size(), 1u);
    EXPECT_FALSE(entry.image);
  }
  auto mended = test_manifest("x");
  mended["version"] = "1.0.1";
  write_plugin(install_ / "x.so", mended);
  EXPECT_TRUE(only("x", true).ready());
}

TEST_F(CatalogueTest, QuarantineOfASetupEndsWithAnotherSetup) {
  write_plugin(install_ / "x.so", test_manifest("x"));
  enable({"x"});
  const auto made = only("x", true);
  const auto key = setup_key(made.image->sha256, to_text(made.config), {}, {});
  quarantine_["x"] = {.plugin = "x", .sha256 = key, .reason = "can't be made", .since = {}};
  for (const bool load : {false, true}) EXPECT_EQ(only("x", load).state, PluginState::quarantined);
  quarantine_["x"].sha256 = setup_key(made.image->sha256, R"({"other":1})", {}, {});
  EXPECT_TRUE(only("x", true).ready());
}

TEST_F(CatalogueTest, AnEntrySaysWhereItIsEnabledAlsoWhenItIsRefused) {
  write_plugin(install_ / "x.so", test_manifest("x"));
  write_plugin(install_ / "y.so", test_manifest("y"));
  enable({"x"});
  EXPECT_EQ(only("x").enabled_at, "host.yaml:3:19");
  EXPECT_EQ(only("y").enabled_at, "");
  EXPECT_EQ(only("y").code, Refusal::disabled);
  fs::permissions(install_ / "x.so", fs::perms(0666));
  EXPECT_EQ(only("x").enabled_at, "host.yaml:3:19");
}

TEST_F(CatalogueTest, EntriesAreSortedByIdThenPath) {
  for (const char* id : {"b", "c", "a"})
    write_plugin(install_ / (std::string(id) + ".so"), test_manifest(id));
  const auto entries = scan();
  ASSERT_EQ(entries.size(), 3u);
  EXPECT_EQ(entries[0].id + entries[1].id + entries[2].id, "abc");
}

TEST_F(CatalogueTest, FoldersAreRankedInstallHomeConfigCommandLine) {
  HostConfig config;
  config.plugin_dirs = {"/config"};
  const auto folders = plugin_folders("/install", paths_, config, {"/given"});
  ASSERT_EQ(folders.size(), 4u);
  EXPECT_EQ(folders[0].path, "/install");
  EXPECT_EQ(folders[1].path, paths_.plugins());
  EXPECT_EQ(folders[2].path, "/config");
  EXPECT_EQ(folders[3].path, "/given");
  EXPECT_TRUE(folders[3].allow_sticky);
  EXPECT_FALSE(folders[0].allow_sticky || folders[1].allow_sticky || folders[2].allow_sticky);
  EXPECT_FALSE(folders[0].required || folders[1].required);
}

TEST_F(CatalogueTest, AListingOfAHundredLargePluginsReadsLittleOfThem) {
  std::vector<std::string> ids;
  for (int i = 0; i < 100; ++i) {
    ids.push_back("p" + std::to_string(i));
    write_plugin(install_ / (ids.back() + ".so"), test_manifest(ids.back()), 1 << 20);
  }
  enable(ids);
  const auto read_bytes = [] {
    std::ifstream io("/proc/self/io");
    std::string word;
    std::uint64_t bytes = 0;
    io >> word >> bytes;  // "rchar:"
    return bytes;
  };
  const auto before = read_bytes();
  const auto entries = scan();
  EXPECT_LT(read_bytes() - before, 2u << 20) << "of 100 MiB";
  EXPECT_EQ(entries.size(), 100u);
  for (const auto& entry : entries) EXPECT_TRUE(entry.ready()) << entry.reason;
}

}  // namespace
}  // namespace host
