// SPDX-License-Identifier: Apache-2.0
#include "gitea/token.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "base/error.hpp"
#include "base/fake_loop.hpp"
#include "base/log.hpp"
#include "base/redactor.hpp"
#include "base/test_folder.hpp"

namespace host {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using namespace std::chrono_literals;
namespace fs = std::filesystem;

class TokenTest : public ::testing::Test {
 protected:
  void write(const fs::path& path, std::string_view text, fs::perms mode = fs::perms(0600)) {
    fs::remove(path);
    std::ofstream(path) << text;
    fs::permissions(path, mode);
  }
  Error refusal() {
    try {
      return {Code::internal, source_.get().expose()};
    } catch (const Error& error) {
      return error;
    }
  }

  TestFolder folder_;
  const fs::path first_ = folder_ / "gitea_token";
  const fs::path second_ = folder_ / "gitea_token_vps";
  std::shared_ptr<Redactor> redactor_ = std::make_shared<Redactor>();
  TokenSource source_{{first_, second_}, redactor_};
  FakeLoop loop_;
  TokenSource patient_{{first_, second_}, redactor_, "Gitea token", &loop_.clock()};
};

TEST_F(TokenTest, LooksInTheStatedPlacesInTheStatedOrder) {
  EXPECT_THAT(default_token_files("/h/.hermes", "/h"),
              ElementsAre("/h/.hermes/gitea_token", "/h/.hermes/gitea_token_vps",
                          "/h/.config/gitea/token"));
  write(second_, "second-token\n");
  EXPECT_EQ(source_.get().expose(), "second-token");
  write(first_, " first-token \n");
  EXPECT_EQ(source_.get().expose(), "first-token");
  EXPECT_EQ(source_.file(), first_);
}

TEST_F(TokenTest, WithoutAnyItSaysWhereItLooked) {
  const auto error = refusal();
  EXPECT_EQ(error.code(), Code::denied);
  EXPECT_THAT(error.message(), HasSubstr(first_.string()));
  EXPECT_THAT(error.message(), HasSubstr(second_.string()));
  EXPECT_THAT(error.next_step(), HasSubstr("0600"));
}

TEST_F(TokenTest, ABadFileIsNamedAndNeverPassedOverForALaterOne) {
  write(second_, "good-token");
  write(first_, "loose-token", fs::perms(0644));
  EXPECT_EQ(refusal().code(), Code::denied);
  EXPECT_THAT(refusal().next_step(), HasSubstr("chmod 600 " + first_.string()));
  fs::remove(first_);
  fs::create_symlink(second_, first_);
  EXPECT_EQ(refusal().code(), Code::denied);
  fs::remove(first_);
  fs::create_symlink(folder_ / "nowhere", first_);
  EXPECT_EQ(refusal().code(), Code::denied);
  fs::remove(first_);
  write(first_, "");
  EXPECT_EQ(refusal().code(), Code::invalid);
}

TEST_F(TokenTest, TakesARotatedTokenAndCountsIt) {
  write(first_, "token-one");
  EXPECT_EQ(source_.get().expose(), "token-one");
  const auto before = source_.generation();
  EXPECT_EQ(source_.get().expose(), "token-one");
  EXPECT_EQ(source_.generation(), before);
  write(first_, "token-two");
  EXPECT_EQ(source_.get().expose(), "token-two");
  EXPECT_EQ(source_.generation(), before + 1);
}

TEST_F(TokenTest, AFileThatBecameReadableForOthersIsRefusedFromThenOn) {
  write(first_, "token-one");
  EXPECT_EQ(source_.get().expose(), "token-one");
  fs::permissions(first_, fs::perms(0644));
  EXPECT_EQ(refusal().code(), Code::denied);
  fs::permissions(first_, fs::perms(0600));
  EXPECT_EQ(source_.get().expose(), "token-one");
}

TEST_F(TokenTest, KeepsATokenForAMomentWhenItsFileIsDeletedAndMadeAnew) {
  write(first_, "token-one");
  EXPECT_EQ(patient_.get().expose(), "token-one");
  fs::remove(first_);
  EXPECT_EQ(patient_.get().expose(), "token-one");
  EXPECT_TRUE(patient_.gone());
  write(first_, "");
  loop_.advance(9s);
  EXPECT_EQ(patient_.get().expose(), "token-one") << "it is being written";
  write(first_, "token-two");
  EXPECT_EQ(patient_.get().expose(), "token-two");
  EXPECT_FALSE(patient_.gone());
}

TEST_F(TokenTest, AFileThatWasTakenAwayStopsTheTokenInTheEnd) {
  write(first_, "token-one");
  (void)patient_.get();
  fs::remove(first_);
  (void)patient_.get();
  loop_.advance(kTokenGrace);
  EXPECT_THROW((void)patient_.get(), Error);
  loop_.advance(1s);
  EXPECT_THROW((void)patient_.get(), Error) << "for good";
  write(first_, "");
  EXPECT_THROW((void)patient_.get(), Error);
  write(first_, "token-one");
  EXPECT_EQ(patient_.get().expose(), "token-one");
}

TEST_F(TokenTest, ALaterFileTakesTheirPlaceOnlyAfterwards) {
  write(first_, "token-one");
  write(second_, "token-two");
  (void)patient_.get();
  fs::remove(first_);
  EXPECT_EQ(patient_.get().expose(), "token-one");
  loop_.advance(kTokenGrace);
  EXPECT_EQ(patient_.get().expose(), "token-two");
  EXPECT_FALSE(patient_.gone());
}

TEST_F(TokenTest, WhatWasRefusedIsNotKept) {
  write(first_, "token-one");
  (void)patient_.get();
  fs::permissions(first_, fs::perms(0644));
  EXPECT_THROW((void)patient_.get(), Error);
  fs::remove(first_);
  EXPECT_THROW((void)patient_.get(), Error);
}

TEST_F(TokenTest, WithoutAClockNothingIsKept) {
  write(first_, "token-one");
  (void)source_.get();
  fs::remove(first_);
  EXPECT_EQ(refusal().code(), Code::denied);
}

TEST_F(TokenTest, TellsTheRedactorBeforeAnybodyCouldPrintIt) {
  write(first_, "canary-token-value");
  (void)source_.get();
  EXPECT_EQ(redactor_->scrub("got canary-token-value"), "got [redacted]");
}

}  // namespace
}  // namespace host
