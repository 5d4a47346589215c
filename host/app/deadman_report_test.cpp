// SPDX-License-Identifier: Apache-2.0
#include "app/deadman_report.hpp"

#include <gmock/gmock.h>

#include "base/file.hpp"
#include "base/test_folder.hpp"

namespace host {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

using namespace std::chrono_literals;

class DeadmanReport : public ::testing::Test {
 protected:
  DeadmanReport() {
    survey_.settings.watches = {{.name = "ada", .stamp = "/s/ada"},
                                {.name = "hermes", .stamp = "/s/hermes"}};
    for (const char* each : {"ada", "hermes"})
      survey_.state.targets[each].silence = {{"one", 59min}, "mark", false, true, 1min};
  }
  [[nodiscard]] Json report() const { return deadman_report(survey_, {"one", 1h}); }
  deadman::Target& hermes() { return survey_.state.targets["hermes"]; }

  deadman::Survey survey_;
};

TEST_F(DeadmanReport, SaysThatAllIsWell) {
  const auto all = report();
  EXPECT_EQ(all["configured"], true);
  EXPECT_EQ(all["deadman_active"], false);
  EXPECT_EQ(all["watches"][1]["state"], "alive");
  EXPECT_THAT(deadman_attention(all), IsEmpty());
}

TEST_F(DeadmanReport, AFlagAndAHandOffAreToldWithWhatToDo) {
  hermes().active = hermes().handed_off = true;
  hermes().silence.silent = 20min;
  const auto all = report();
  EXPECT_EQ(all["deadman_active"], true);
  EXPECT_EQ(all["handed_off"], true);
  EXPECT_EQ(all["watches"][1]["deadman_active"], true);
  EXPECT_THAT(deadman_attention(all),
              ElementsAre("hermes: deadman_active, silent; hands off until: timmy-host deadman "
                          "clear hermes"));
}

TEST_F(DeadmanReport, WhatCantBeWatchedIsTold) {
  hermes().trouble = "/s/hermes is a symbolic link";
  hermes().trouble_told = true;
  EXPECT_THAT(deadman_attention(report()),
              ElementsAre("hermes: unwatchable; /s/hermes is a symbolic link"));
}

TEST_F(DeadmanReport, OneThatIsWrongIsTold) {
  const auto all = deadman_report(Error(Code::invalid, "deadman.yaml:1:2: no"), {"one", 1h});
  EXPECT_EQ(all["fault"], "deadman.yaml:1:2: no");
  EXPECT_THAT(deadman_attention(all), ElementsAre(HasSubstr("deadman.yaml:1:2: no")));
}

TEST_F(DeadmanReport, ReadsWhatIsOnTheDisk) {
  const TestFolder folder;
  const auto paths = Paths::from(
      Environment({{"HOME", folder.path().string()}, {"TIMMY_HOME", folder.path().string()}}));
  EXPECT_EQ(stored_deadman_report(paths), (Json{{"configured", false}}));
  write_atomically(folder / "deadman.yaml", "watch: { a: { stamp: /s/a } }\n", 0600);
  const auto all = stored_deadman_report(paths);
  EXPECT_EQ(all["configured"], true);
  EXPECT_EQ(all["watches"][0]["state"], "unseen");
  EXPECT_THAT(deadman_attention(all), IsEmpty()) << "a watch that nobody looks at yet is no alarm";
}

}  // namespace
}  // namespace host
