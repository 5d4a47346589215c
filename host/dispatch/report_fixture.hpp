// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "dispatch/playbook_fixture.hpp"
#include "dispatch/report.hpp"

namespace host::dispatch {

inline Playbook playbook_that_reports(const std::string& more = {}) {
  return parse_playbook(playbook_text("bug-fixer", more), "/f/bug-fixer.yaml");
}

inline ReportFacts report_facts() {
  ReportFacts facts;
  facts.run = "12.2";
  facts.repository = "org/app";
  facts.issue.number = 1;
  facts.issue.title = "It crashes";
  facts.issue.user = "ada";
  facts.issue.html_url = "https://git.example.org/org/app/issues/1";
  facts.lane = "code";
  facts.agent = "hermes 0.19.0";
  facts.base_branch = "main";
  facts.branch = "timmy/issue-1";
  facts.attempts = 2;
  facts.tokens = 12345;
  facts.models = {{"acme", "small-1"}};
  facts.subjects = {"Mend the crash", "Test it"};
  facts.report = "It was a null.";
  facts.verdict.checks = {
      {"size", Check::State::passed, "2 files and 12 lines changed; at most 20 and 600", ""},
      {"command verify", Check::State::passed, "ended with status 0", ""}};
  return facts;
}

}  // namespace host::dispatch
