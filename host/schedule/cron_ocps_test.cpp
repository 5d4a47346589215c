// SPDX-License-Identifier: Apache-2.0
//
// The Open Cron Pattern Specification's own cases of five fields: OCPS 1.0 and 1.1 (final), 1.2 to
// 1.4 (drafts of 2025 and 2026), with the conformance vectors of that repository's
// data/conformance-tests.json and the examples in its text
// (https://github.com/open-source-cron/ocps). Left out: its cases of six and seven fields, and the
// recommendation on DST of 1.4, section 4.3.1, which is not followed (schedule.hpp).
#include <gtest/gtest.h>

#include <sstream>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "schedule/cron.hpp"

namespace host {
namespace {

// "2025-03-10 10:15"
LocalMinute minute(const std::string& text) {
  int year = 0, hour = 0, min = 0;
  unsigned month = 0, day = 0;
  char mark = 0;
  std::istringstream(text) >> year >> mark >> month >> mark >> day >> hour >> mark >> min;
  return std::chrono::local_days{std::chrono::year(year) / static_cast<int>(month) /
                                 static_cast<int>(day)} +
         std::chrono::hours(hour) + std::chrono::minutes(min);
}

struct Match {
  const char* section;
  const char* pattern;
  std::vector<const char*> matches;
  std::vector<const char*> others;
};

const std::vector<Match> kMatches{
    {"1.0 basic", "15 10 * * *", {"2025-03-10 10:15"}, {"2025-03-10 10:14"}},
    {"1.0 names in any case", "30 8 * jan Mon", {"2025-01-06 08:30"}, {"2025-02-03 08:30"}},
    {"1.0 section 5, step over a range",
     "5-59/15 9 * * *",
     {"2025-03-10 09:05", "2025-03-10 09:20", "2025-03-10 09:35", "2025-03-10 09:50"},
     {"2025-03-10 09:15", "2025-03-10 09:00"}},
    {"1.0 section 5, list",
     "0,15,30,45 * * * *",
     {"2025-03-10 09:00", "2025-03-10 23:45"},
     {"2025-03-10 09:01"}},
    {"1.0 section 5, range",
     "0 9-17 * * *",
     {"2025-03-10 09:00", "2025-03-10 17:00"},
     {"2025-03-10 08:00", "2025-03-10 18:00"}},
    {"1.0 section 4.1, blanks", "  0 \t 9   * * *\t", {"2025-03-10 09:00"}, {"2025-03-10 09:01"}},
    {"1.0 section 4.2, 0 is Sunday", "0 0 * * 0", {"2025-03-09 00:00"}, {"2025-03-10 00:00"}},
    {"1.0 section 4.2, 7 is Sunday", "0 0 * * 7", {"2025-03-09 00:00"}, {"2025-03-10 00:00"}},
    {"1.0 section 6.1, either day",
     "0 12 1 * MON",
     {"2025-10-01 12:00", "2025-10-06 12:00"},
     {"2025-10-07 12:00"}},
    {"1.0 section 6.1, a star restricts nothing",
     "0 12 * * MON",
     {"2025-10-06 12:00"},
     {"2025-10-07 12:00"}},
    {"1.0 section 6.1, a whole range restricts",
     "0 12 1-31 * MON",
     {"2025-10-06 12:00", "2025-10-07 12:00"},
     {"2025-10-08 11:00"}},
    {"1.1 section 6.1, a star first in a list restricts nothing",
     "0 12 *,1 * MON",
     {"2025-10-06 12:00"},
     {"2025-10-01 12:00", "2025-10-07 12:00"}},
    {"1.1 section 5.1, a star in a list", "*,1-30 0 * * *", {"2025-10-06 00:59"}, {}},
    {"1.1 @yearly", "@yearly", {"2026-01-01 00:00"}, {"2026-01-02 00:00"}},
    {"1.1 @annually", "@annually", {"2026-01-01 00:00"}, {"2026-02-01 00:00"}},
    {"1.1 @monthly", "@monthly", {"2026-02-01 00:00"}, {"2026-02-02 00:00"}},
    {"1.1 @weekly", "@weekly", {"2025-10-05 00:00"}, {"2025-10-06 00:00"}},
    {"1.1 @daily", "@daily", {"2025-10-07 00:00"}, {"2025-10-07 00:01"}},
    {"1.1 @midnight", " @midnight ", {"2025-10-07 00:00"}, {"2025-10-07 12:00"}},
    {"1.1 @hourly", "@hourly", {"2025-10-07 10:00"}, {"2025-10-07 10:01"}},
    {"1.3 last day", "0 0 L * *", {"2025-02-28 00:00", "2024-02-29 00:00"}, {"2025-02-27 00:00"}},
    {"1.3 last Friday", "0 0 * * FRI#L", {"2025-02-28 00:00"}, {"2025-02-21 00:00"}},
    {"1.3 last Friday, without the hash", "0 0 * * 5L", {"2025-02-28 00:00"}, {"2025-02-21 00:00"}},
    {"1.3 third Tuesday", "0 0 * * TUE#3", {"2025-06-17 00:00"}, {"2025-06-10 00:00"}},
    {"1.3 third Tuesday, by number", "0 0 * * 2#3", {"2025-06-17 00:00"}, {"2025-06-24 00:00"}},
    {"1.3 first Monday", "0 0 * * MON#1", {"2025-06-02 00:00"}, {"2025-06-09 00:00"}},
    {"1.3 nearest weekday",
     "0 12 15W * *",
     {"2025-06-16 12:00", "2025-11-14 12:00", "2025-10-15 12:00"},
     {"2025-06-15 12:00", "2025-11-15 12:00"}},
    {"1.3 not out of the month", "0 12 1W * *", {"2025-02-03 12:00"}, {"2025-02-01 12:00"}},
    {"1.4 section 4.1.1, either day",
     "0 12 1 * MON",
     {"2025-09-01 12:00", "2025-09-08 12:00", "2025-10-01 12:00"},
     {"2025-10-07 12:00"}},
    {"1.4 section 4.1.2, both days",
     "0 12 1 * +MON",
     {"2025-09-01 12:00"},
     {"2025-09-08 12:00", "2025-10-01 12:00"}},
    {"1.4 section 4.2, ? is a star", "0 12 ? * MON", {"2025-10-06 12:00"}, {"2025-10-07 12:00"}},
};

TEST(CronOcps, PatternsMatchWhatTheSpecificationSays) {
  for (const auto& [section, pattern, matches, others] : kMatches) {
    const Cron cron = Cron::parse(pattern);
    for (const auto* text : matches) {
      EXPECT_TRUE(cron.contains(minute(text))) << section << ": " << pattern << " at " << text;
      EXPECT_EQ(cron.at_or_after(minute(text)), minute(text)) << section << ": " << pattern;
    }
    for (const auto* text : others) {
      EXPECT_FALSE(cron.contains(minute(text))) << section << ": " << pattern << " at " << text;
      EXPECT_NE(cron.at_or_after(minute(text)), minute(text)) << section << ": " << pattern;
    }
  }
}

TEST(CronOcps, WhatTheSpecificationRejectsIsRefused) {
  for (const auto* pattern : {
           "60 0 * * *",         // 1.0 section 6.2, values
           "* * 32 * *",         //
           "*,*,61 * * * *",     // 1.1 section 6.2, in a list that is full already
           "0 0 10-5 * *",       // 1.0 section 6.2, ranges
           "*/0 * * * *",        // 1.0 section 6.2, steps
           "0 0 /30 * *",        //
           "0/15 * * * *",       // 1.1 section 6.2, steps without a range
           "10/10 * * * *",      //
           "* * * * * # note",   // 1.0 section 4.1, characters
           "@Daily",             // 1.1 section 7.1, nicknames have their case
           "@daily 0 0 * * *",   // and stand alone
           "0 12 1-15W * *",     // 1.3 section 3.3
           "0 12 1W,15 * *",     //
           "0 0 * * 5#6",        // 1.3 section 3.2
           "0 12 +1 * MON",      // 1.4 section 4.1.2
           "0 12 1 * MON,+TUE",  //
           "? 12 * * *",         // 1.4 section 4.2
           "0 ? * * *",          //
           "0 0 * ? *",          //
       })
    EXPECT_THROW(static_cast<void>(Cron::parse(pattern)), Error) << pattern;
}

// The specification takes these for patterns, and lets who runs them refuse them with a clear
// error. Here parsing is that moment: a schedule that is taken runs.
TEST(CronOcps, WhatCanNeverRunIsRefusedAndSaysSo) {
  for (const auto* pattern : {"* * 31 2 *", "0 0 30 FEB *", "0 0 31 4,6,9,11 *"}) {
    try {
      static_cast<void>(Cron::parse(pattern));
      ADD_FAILURE() << pattern;
    } catch (const Error& error) {
      EXPECT_NE(error.message().find("never fires"), std::string::npos) << error.message();
    }
  }
  try {
    static_cast<void>(Cron::parse("@reboot"));
    ADD_FAILURE();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Code::unsupported) << "not a mistake in the pattern";
  }
}

}  // namespace
}  // namespace host
