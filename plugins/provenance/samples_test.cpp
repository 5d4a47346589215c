// SPDX-License-Identifier: Apache-2.0
//
// What Hermes itself wrote: see testdata/README.md.
#include "database_reader.hpp"
#include "export_reader.hpp"
#include "folder_reader.hpp"
#include "hermes_home.hpp"
#include "library.hpp"
#include "store_fixture.hpp"

namespace provenance {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

const fs::path kSamples = SAMPLES;

void copy(const char* sample, const fs::path& to) {
  fs::create_directories(to.parent_path());
  fs::copy_file(kSamples / sample, to);
  settle(to);
}

class Samples : public testing::Test {
 protected:
  TempFolder folder_;
  [[nodiscard]] fs::path home() const { return folder_.path(); }
};

void expect_pager_session(const Session& session) {
  EXPECT_EQ(session.id, "20260330_141139_a1b2c3");
  EXPECT_EQ(session.source, "cli");
  EXPECT_EQ(session.provider, "custom");
  EXPECT_EQ(session.model, "hermes-4-70b");
  EXPECT_EQ(session.end_reason, "cli_close");
  EXPECT_EQ(session.tokens.input, 1200);
  EXPECT_EQ(session.tokens.output, 85);
  EXPECT_THAT(session.damaged, IsEmpty());
  EXPECT_THAT(contents_of(session),
              ElementsAre("Fix issue #12: off-by-one in pager", "",
                          R"({"output": "1 failed, 3 passed", "exit_code": 1, "error": null})",
                          "Fixed; tests pass."));
  ASSERT_THAT(session.messages.at(1).calls, SizeIs(1));
  EXPECT_EQ(session.messages[1].calls[0].arguments,
            R"({"command": "pytest -q tests/test_pager.py"})");
  EXPECT_EQ(session.messages[2].tool_name, "terminal");
  EXPECT_EQ(session.messages[3].at, at(1795431578.3937168));
}

TEST_F(Samples, TheDatabase) {
  copy("state_v6_generated.db", home() / "state.db");
  DatabaseReader reader(home() / "state.db", Caps());
  const auto all = read_from(reader, nullptr, at(1795431578 + 1e6)).sessions;
  ASSERT_THAT(all, SizeIs(1));
  expect_pager_session(all[0]);
}

TEST_F(Samples, TheExport) {
  copy("export_session_v6_generated_by_upstream_code.json", home() / "one.json");
  ExportReader reader(home() / "one.json", Caps());
  const auto all = read_from(reader, nullptr, at(1795431578 + 1e6)).sessions;
  ASSERT_THAT(all, SizeIs(1));
  expect_pager_session(all[0]);
  EXPECT_EQ(all[0].messages[3].anchor, "line:1/messages/3");
  EXPECT_THAT(reader.troubles, IsEmpty());
}

TEST_F(Samples, TheTranscriptOfAGateway) {
  copy("gateway_transcript_from_test_transcript_offset.jsonl", home() / "20260329_1.jsonl");
  FolderReader reader(home(), Caps());
  const auto all = read_from(reader).sessions;
  ASSERT_THAT(all, SizeIs(1));
  const auto& session = all[0];
  EXPECT_EQ(session.id, "20260329_1");
  EXPECT_EQ(session.store.kind, Store::Kind::transcript);
  EXPECT_THAT(contents_of(session),
              ElementsAre("Search for cats", "", "Results about cats", "Here are results."));
  EXPECT_EQ(session.messages[1].calls.at(0).name, "web_search");
  EXPECT_EQ(session.messages[2].tool_name, "web_search");
  EXPECT_EQ(session.messages[2].anchor, "line:4");
  EXPECT_FALSE(session.tokens.known);
  EXPECT_THAT(session.damaged, IsEmpty());
  ASSERT_THAT(session.remarks, SizeIs(4));
  EXPECT_EQ(session.remarks[0], "line:2: its timestamp \"t1\" is no time");
}

TEST_F(Samples, TheGatewaysIndexIsNoSession) {
  copy("sessions_index_from_test_mcp_serve.json", home() / "sessions/sessions.json");
  FolderReader reader(home() / "sessions", Caps());
  EXPECT_THAT(read_from(reader).sessions, IsEmpty());
}

TEST_F(Samples, AllInOneHomeAreTwoSessions) {
  copy("state_v6_generated.db", home() / "state.db");
  copy("sessions_index_from_test_mcp_serve.json", home() / "sessions/sessions.json");
  copy("gateway_transcript_from_test_transcript_offset.jsonl",
       home() / "sessions/20260329_1.jsonl");
  copy("export_session_v6_generated_by_upstream_code.json", home() / "out/one.json");
  Library library(find_stores({.homes = {home()}, .exports = {home() / "out"}}));
  std::vector<std::string> ids;
  const auto pass = library.read({}, at(1795431578 + 1e6), [&](Session&& session) {
    ids.push_back(session.id);
    return true;
  });
  EXPECT_THAT(ids, ElementsAre("20260330_141139_a1b2c3", "20260329_1"));
  EXPECT_THAT(pass.troubles, IsEmpty());
}

}  // namespace
}  // namespace provenance
