// SPDX-License-Identifier: Apache-2.0
//
// Pins and signatures: whose bytes run, and what is said of the others.
#include "plugins/trust.hpp"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/test_signer.hpp"
#include "plugins/catalogue_fixture.hpp"

namespace host {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

class TrustTest : public CatalogueTest {
 protected:
  TrustTest() { write_plugin(file_, test_manifest("x")); }

  // A host.yaml with the plugin enabled, pinned if `pin` says so, and these lines under `trust:`.
  void rule(const std::string& pin, const std::string& trust = "{}") {
    configure("defaults:\n  trust: " + trust + "\n  plugins:\n    x:\n      enabled: true\n" +
              (pin.empty() ? "" : "      sha256: " + pin + "\n"));
  }
  static std::string keys(const std::map<std::string, Ed25519Key>& keys, bool require = true) {
    std::string list;
    for (const auto& [name, key] : keys)
      list += (list.empty() ? "" : ", ") + name + ": " + key.base64();
    return std::string("{ require_signature: ") + (require ? "true" : "false") + ", keys: { " +
           list + " } }";
  }
  void sign(const TestSigner& signer) { sign_bytes(signer, bytes()); }
  void sign_bytes(const TestSigner& signer, std::string_view bytes) {
    write_bytes(signature_, signer.signature_of(bytes));
  }
  // Other bytes of the same plugin, as long as before, put there as an installer does.
  void swap() {
    auto other = test_manifest("x");
    other["version"] = "6.6.6";
    write_plugin(install_ / ".x.so", other);
    fs::rename(install_ / ".x.so", file_);
  }
  [[nodiscard]] std::string bytes() const { return read_file(file_, 1 << 24); }
  [[nodiscard]] std::string hash() const {
    return sha256_of(Fd(::open(file_.c_str(), O_RDONLY | O_CLOEXEC)).get(), file_);
  }
  // By a host that would run it, and by a listing: both say the same.
  PluginEntry judged() {
    const auto listed = only("x");
    auto loaded = only("x", true);
    EXPECT_EQ(listed.state, loaded.state);
    EXPECT_EQ(listed.reason, loaded.reason);
    EXPECT_EQ(listed.signed_by, loaded.signed_by);
    EXPECT_EQ(loaded.image != nullptr, loaded.ready());
    EXPECT_FALSE(listed.image);
    return loaded;
  }
  void expect_refused(const std::string& why, const std::string& fix) {
    const auto entry = judged();
    EXPECT_EQ(entry.state, PluginState::refused);
    EXPECT_THAT(entry.reason, AllOf(HasSubstr(why), Not(HasSubstr("\n"))));
    EXPECT_THAT(entry.fix, AllOf(HasSubstr(fix), Not(HasSubstr("\n"))));
    EXPECT_EQ(entry.tasks.size(), 1u) << "it is listed all the same";
  }
  void expect_signed_by(const std::string& name) {
    const auto entry = judged();
    EXPECT_TRUE(entry.ready()) << entry.reason;
    EXPECT_EQ(entry.signed_by, name);
  }

  const fs::path file_ = install_ / "x.so";
  const fs::path signature_ = install_ / "x.so.sig";
  const TestSigner alice_, bob_, mallory_;
};

TEST_F(TrustTest, ThePinnedBytesRun) {
  const auto pin = hash();
  rule(pin);
  const auto entry = judged();
  EXPECT_TRUE(entry.ready()) << entry.reason;
  EXPECT_EQ(entry.sha256, pin);
  EXPECT_EQ(entry.image->sha256, pin);
  EXPECT_EQ(only("x").sha256, pin) << "a listing says it, too";
}

TEST_F(TrustTest, OtherBytesUnderAPinAreRefusedWithBothHashesAndTheLineToChange) {
  const auto pin = hash();
  rule(pin);
  EXPECT_TRUE(judged().ready());
  swap();
  expect_refused(
      "\"" + file_.string() + "\" has the SHA-256 " + hash() + ", but host.yaml:6:15 pins " + pin,
      "write there: sha256: " + hash());
  EXPECT_EQ(judged().sha256, hash());
  rule(hash());
  EXPECT_TRUE(judged().ready()) << "the pin was moved";
}

TEST_F(TrustTest, BytesThatAreSwappedInPlaceUnderOldTimesAreSeen) {
  rule(hash());
  EXPECT_TRUE(judged().ready());
  struct stat before {};
  ASSERT_EQ(::stat(file_.c_str(), &before), 0);
  auto other = test_manifest("x");
  other["version"] = "6.6.6";
  write_plugin(file_, other);
  const timespec times[] = {before.st_atim, before.st_mtim};
  ASSERT_EQ(::utimensat(AT_FDCWD, file_.c_str(), times, 0), 0);
  EXPECT_EQ(judged().state, PluginState::refused);
}

TEST_F(TrustTest, AHostsPinReplacesTheDefaults) {
  configure("defaults: { plugins: { x: { enabled: true, sha256: " + std::string(64, 'a') +
            " } } }\nhosts:\n  testhost: { plugins: { x: { sha256: " + hash() + " } } }\n");
  EXPECT_TRUE(judged().ready()) << judged().reason;
  configure("defaults: { plugins: { x: { enabled: true, sha256: " + hash() +
            " } } }\nhosts:\n  testhost: { plugins: { x: { sha256: " + std::string(64, 'a') +
            " } } }\n");
  expect_refused("host.yaml:3:39 pins aaaa", "Put the pinned file back");
}

TEST_F(TrustTest, ASignedPluginRunsAndSaysWhoseItIs) {
  rule("", keys({{"alice", alice_.key()}, {"bob", bob_.key()}}));
  sign(alice_);
  expect_signed_by("alice");
  sign(bob_);
  expect_signed_by("bob");
  const auto entry = only("x");
  EXPECT_EQ(entry.sha256, hash());
}

TEST_F(TrustTest, WithoutASignatureItIsRefusedWithTheCommandThatMakesOne) {
  rule("", keys({{"alice", alice_.key()}}));
  expect_refused(
      "is not signed, but host.yaml:2:31 asks for a signature in \"" + signature_.string() + "\"",
      "Run: openssl pkeyutl -sign -inkey KEY.pem -rawin -in " + file_.string() + " -out " +
          signature_.string());
  sign(alice_);
  expect_signed_by("alice");
  fs::remove(signature_);
  expect_refused("is not signed", "openssl pkeyutl");
}

TEST_F(TrustTest, ASignatureByAnUnknownKeyIsRefusedNamingTheKnownOnes) {
  rule("", keys({{"alice", alice_.key()}, {"bob", bob_.key()}}));
  sign(mallory_);
  expect_refused("is no signature of these bytes by a key of host.yaml:2:43: alice, bob",
                 "put the signer's into trust.keys");
}

TEST_F(TrustTest, EachRefusalHasACodeOfItsOwn) {
  rule(std::string(64, 'a'));
  EXPECT_EQ(judged().code, Refusal::other_bytes);
  rule("", keys({{"alice", alice_.key()}}));
  EXPECT_EQ(judged().code, Refusal::unsigned_file);
  sign(mallory_);
  EXPECT_EQ(judged().code, Refusal::foreign_signature);
  write_bytes(signature_, "c2hvcnQ=");
  EXPECT_EQ(judged().code, Refusal::malformed_signature);
  fs::permissions(signature_, fs::perms(0666));
  EXPECT_EQ(judged().code, Refusal::untrusted);
  fs::permissions(signature_, fs::perms(0644));
  sign(alice_);
  EXPECT_EQ(judged().code, Refusal::none);
}

TEST_F(TrustTest, ASignatureOfOtherBytesIsRefused) {
  rule("", keys({{"alice", alice_.key()}}));
  sign_bytes(alice_, bytes() + "x");
  expect_refused("is no signature of these bytes", "openssl pkeyutl");
  sign(alice_);
  expect_signed_by("alice");
  swap();
  expect_refused("is no signature of these bytes", "openssl pkeyutl");
  sign(alice_);
  expect_signed_by("alice");
}

TEST_F(TrustTest, AKeyTakenFromTheListStopsWhatItSigned) {
  const auto both = keys({{"alice", alice_.key()}, {"bob", bob_.key()}});
  sign(alice_);
  rule("", both);
  expect_signed_by("alice");
  rule("", keys({{"bob", bob_.key()}}));
  expect_refused("is no signature of these bytes by a key of host.yaml:2:43: bob", "");
  rule("", both);
  expect_signed_by("alice");
  rule("", "{ require_signature: true }");
  expect_refused("trust.keys has none", "");
}

TEST_F(TrustTest, WhatIsNotASignatureIsRefusedWithItsSize) {
  rule("", keys({{"alice", alice_.key()}}));
  const auto good = alice_.signature_of(bytes());
  for (const auto& bad : {std::string(), good.substr(1), good + "\n"}) {
    write_bytes(signature_, bad);
    expect_refused("x.so.sig\" holds " + std::to_string(bad.size()) + " bytes, expected the 64",
                   "openssl pkeyutl");
  }
  write_bytes(signature_, std::string(64, '\0'));
  expect_refused("is no signature of these bytes", "");
}

TEST_F(TrustTest, ASignatureIsHeldToTheRulesOfFiles) {
  rule("", keys({{"alice", alice_.key()}}));
  sign(alice_);
  fs::permissions(signature_, fs::perms(0666));
  expect_refused("x.so.sig\" can be written by others", "chmod go-w " + signature_.string());
  fs::permissions(signature_, fs::perms(0644));
  expect_signed_by("alice");
  fs::rename(signature_, folder_ / "elsewhere");
  fs::create_symlink(folder_ / "elsewhere", signature_);
  expect_refused("x.so.sig\" is a symbolic link", "");
  fs::remove(signature_);
  ASSERT_EQ(::mkfifo(signature_.c_str(), 0644), 0);
  expect_refused("x.so.sig\" is not a regular file", "");
}

TEST_F(TrustTest, WithoutTheDutyAnUnsignedPluginRunsAndAWrongSignatureIsRefused) {
  rule("", keys({{"alice", alice_.key()}}, false));
  expect_signed_by("");
  sign(mallory_);
  expect_refused("is no signature of these bytes", "");
  sign(alice_);
  expect_signed_by("alice");
}

TEST_F(TrustTest, WithoutKeysASignatureIsNotLookedAt) {
  rule("", "{}");
  write_bytes(signature_, "no signature");
  expect_signed_by("");
}

TEST_F(TrustTest, PinAndSignatureMustBothHold) {
  const auto signers = keys({{"alice", alice_.key()}});
  sign(alice_);
  rule(hash(), signers);
  expect_signed_by("alice");
  rule(std::string(64, 'a'), signers);
  expect_refused("pins aaaa", "");
  rule(hash(), signers);
  sign(mallory_);
  expect_refused("is no signature of these bytes", "");
}

TEST_F(TrustTest, AnAuthorsFolderNeedsNoSignatureButAPinCounts) {
  const auto here = [&] {
    return catalogue_
        .scan({.folders = {{.path = install_, .allow_sticky = true, .author = true}},
               .config = &config_,
               .load = true})
        .at(0);
  };
  rule("", keys({{"alice", alice_.key()}}));
  write_bytes(signature_, "left over from the last build");
  EXPECT_TRUE(here().ready()) << here().reason;
  EXPECT_THAT(here().notes, testing::ElementsAre(HasSubstr("its signature is not looked at")));
  rule(std::string(64, 'a'));
  EXPECT_THAT(here().reason, HasSubstr("pins aaaa"));
  EXPECT_TRUE(plugin_folders("/install", paths_, HostConfig(), {"/given"}).back().author);
  EXPECT_FALSE(plugin_folders("/install", paths_, HostConfig(), {"/given"}).front().author);
}

TEST_F(TrustTest, AFileThatNobodyVouchesForTakesNoTaskFromOthers) {
  auto other = test_manifest("y");
  write_plugin(home_ / "y.so", other);
  configure("defaults: { plugins: { x: { enabled: true, sha256: " + hash() +
            " }, y: { enabled: true } } }");
  EXPECT_TRUE(only("y", true).ready());
  auto thief = test_manifest("x");
  thief["tasks"][0]["name"] = "y_task";
  write_plugin(file_, thief);
  EXPECT_EQ(only("x", true).state, PluginState::refused);
  EXPECT_TRUE(only("y", true).ready()) << only("y").reason;
}

TEST_F(TrustTest, WhatIsNotEnabledIsNotHeldAgainstItsRules) {
  configure("defaults: { trust: { require_signature: true }, plugins: { x: { sha256: " +
            std::string(64, 'a') + " } } }");
  EXPECT_EQ(only("x", true).state, PluginState::disabled);
  EXPECT_THAT(only("x").sha256, IsEmpty());
}

TEST_F(TrustTest, ARealPluginIsVerifiedWhole) {
  fs::copy_file(TIMMY_FIXTURE, install_ / "fixture.so");
  fs::permissions(install_ / "fixture.so", fs::perms(0644));
  write_bytes(install_ / "fixture.so.sig", alice_.signature_of(read_file(TIMMY_FIXTURE, 1 << 24)));
  configure("defaults:\n  trust: " + keys({{"alice", alice_.key()}}) +
            "\n  plugins: { fixture: { enabled: true } }\n");
  const auto entry = only("fixture", true);
  EXPECT_TRUE(entry.ready()) << entry.reason;
  EXPECT_EQ(entry.signed_by, "alice");
}

std::uint64_t read_so_far() {
  std::ifstream io("/proc/self/io");
  std::string word;
  std::uint64_t bytes = 0;
  io >> word >> bytes;  // "rchar:"
  return bytes;
}

TEST_F(TrustTest, KeysAloneMakeNoListingReadThePlugins) {
  write_plugin(file_, test_manifest("x"), 8 << 20);
  rule("", keys({{"alice", alice_.key()}}, false));
  const auto before = read_so_far();
  EXPECT_TRUE(only("x").ready());
  EXPECT_LT(read_so_far() - before, 1u << 20);
}

TEST_F(TrustTest, WhatWasVerifiedOnceIsNotReadAgain) {
  write_plugin(file_, test_manifest("x"), 8 << 20);
  const timespec old[] = {{.tv_sec = 1'000'000'000, .tv_nsec = 0}, {.tv_sec = 1'000'000'000}};
  ASSERT_EQ(::utimensat(AT_FDCWD, file_.c_str(), old, 0), 0);
  sign(alice_);
  rule(hash(), keys({{"alice", alice_.key()}}));
  expect_signed_by("alice");
  // Its status changed just now, and what is so fresh is not believed to be the same; the signature
  // is looked up by what it signs, so that only the hash is made again.
  const auto before = read_so_far();
  EXPECT_TRUE(only("x").ready());
  EXPECT_LT(read_so_far() - before, 9u << 20) << "hashed and copied";
}

}  // namespace
}  // namespace host
