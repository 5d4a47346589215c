// SPDX-License-Identifier: Apache-2.0
#include "base/json.hpp"
#include "cli/command_fixture.hpp"
#include "cli/fake_host.hpp"

namespace host::cli {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::Not;

class ProvenanceCommandTest : public CommandTest {
 protected:
  void serve(const Json& result, const std::string& state = "completed",
             const std::string& message = "", const std::string& code = "") {
    Json attempts = Json::array();
    if (!message.empty()) attempts.push_back({{"message", message}, {"code", code}});
    host_.set("POST /v1/jobs", {{"id", 7}, {"duplicate", false}});
    host_.set("GET /v1/jobs/7", {{"id", 7},
                                 {"state", state},
                                 {"ended_at", "2026-05-01T10:00:00Z"},
                                 {"result", result},
                                 {"attempts", attempts}});
  }
  static Json ingested() {
    return {{"sessions", 12},
            {"changed", 3},
            {"emitted", 5},
            {"replaced", 1},
            {"waiting", 1},
            {"pairs", 40},
            {"files", 2},
            {"withdrawn", 4},
            {"rejected", {{"third_party", 2}, {"duplicate", 1}}},
            {"troubles", Json::array({"/h/state.db can't be read"})}};
  }
  FakeHost host_{Paths::from(Environment::of_process())};
};

TEST_F(ProvenanceCommandTest, IngestSaysWhatCameAndWhatDidNot) {
  serve(ingested());
  EXPECT_EQ(run({"provenance", "ingest", "--full"}), 0) << err_.str();
  EXPECT_EQ(out_.str(), R"(12 sessions read, 3 changed
5 pairs came out, 1 went, 1 wait for their session's end
40 pairs stand in 2 files
4 pairs were withdrawn
not read: /h/state.db can't be read

Turns that were rejected
  REASON       COUNT
  duplicate    1
  third_party  2
)");
  EXPECT_THAT(host_.requests(), Contains(R"(POST /v1/jobs {"payload":{"full":true},"priority":0,)"
                                         R"("task":"provenance_ingest"})"));
  EXPECT_EQ(run({"provenance", "curate"}), 0) << err_.str();
  EXPECT_THAT(host_.requests(), Contains(HasSubstr("\"task\":\"provenance_curate\"")));
}

TEST_F(ProvenanceCommandTest, ValidateShowsTheFirstOffence) {
  serve(nullptr, "discarded", "/data/pairs.jsonl:17: no licence: metadata.license", "offence");
  EXPECT_EQ(run({"provenance", "validate", "/data/pairs.jsonl"}), 65);
  EXPECT_THAT(err_.str(), HasSubstr("/data/pairs.jsonl:17: no licence: metadata.license\n"));
  EXPECT_THAT(host_.requests(), Contains(HasSubstr(R"({"file":"/data/pairs.jsonl"})")));
  serve({{"pairs", 3}, {"bytes", 4096}});
  EXPECT_EQ(run({"provenance", "validate"}), 0) << err_.str();
  EXPECT_EQ(out_.str(), "3 pairs, 4KiB, each with its anchor, consent, licence and hashes\n");
}

TEST_F(ProvenanceCommandTest, ACheckThatCouldNotBeMadeIsNoOffence) {
  for (const std::string code : {"io", "denied", "busy", ""}) {
    serve(nullptr, "discarded", "can't open /data/pairs.jsonl", code);
    EXPECT_EQ(run({"provenance", "validate", "/data/pairs.jsonl"}), 1) << code;
  }
}

TEST_F(ProvenanceCommandTest, AFileIsNamedWhole) {
  serve({{"pairs", 3}, {"bytes", 4096}, {"file", "/x"}});
  EXPECT_EQ(run({"provenance", "validate", "pairs.jsonl"}), 0) << err_.str();
  EXPECT_THAT(host_.requests(),
              Contains(HasSubstr(std::filesystem::absolute("pairs.jsonl").string())));
}

TEST_F(ProvenanceCommandTest, ReportSaysWhatStandsAndWhyTheRestDoesNot) {
  const Json report{
      {"folder", "/t/provenance"},
      {"generation", 9},
      {"pairs", 40},
      {"files", 2},
      {"bytes", 4096},
      {"sessions", 12},
      {"rejected", {{"no_consent", 3}}},
      {"rejected_sessions", {{"damaged", 1}}},
      {"redactions", {{"email", 8}}},
      {"sources", {{"database /h/state.db", 12}}},
      {"troubles", Json::array({"/h/runs/1/state.db can't be read"})},
      {"withdrawals",
       {{{"at", "2026-05-01T10:00:00Z"}, {"withdrawn", 4}, {"changed", 0}, {"generation", 8}}}},
      {"withdrawals_in_all", 105},
      {"policy", {{"file", "/t/policy.json"}, {"rules", 2}, {"problem", "no \x1b"}}},
      {"current", false}};
  serve(report);
  EXPECT_EQ(run({"provenance", "report"}), 0) << err_.str();
  EXPECT_EQ(out_.str(), R"(40 pairs in 2 files, 4KiB, of 12 sessions
  /t/provenance, generation 9
nothing new may be used: no ?
not read: /h/runs/1/state.db can't be read
policy, config or rules have changed since: the next run sees to it

Turns that were rejected
  REASON      COUNT
  no_consent  3

Sessions that were rejected whole
  REASON   COUNT
  damaged  1

Taken out of the texts
  RULE   COUNT
  email  8

Sessions by store
  STORE                 COUNT
  database /h/state.db  12

Withdrawals
  AT                    WITHDRAWN  CHANGED  GENERATION
  2026-05-01T10:00:00Z  4          0        8
  and 104 before them, which manifest.json has
)");
  EXPECT_EQ(run({"provenance", "report", "--json"}), 0);
  EXPECT_EQ(Json::parse(out_.str()), report);
}

TEST_F(ProvenanceCommandTest, ExplainSaysOfEachTurnWhatBecomesOfIt) {
  serve({{"session", "s"},
         {"store", {{"kind", "database"}, {"path", "/h/state.db"}}},
         {"model", "hermes"},
         {"messages", 4},
         {"live", true},
         {"damaged", Json::array()},
         {"lineage",
          {{{"session", "s"}, {"source", "tool"}, {"user", ""}, {"started", nullptr}},
           {{"session", "p"},
            {"source", "cli"},
            {"user", "ada"},
            {"started", "2026-05-01T10:00:00Z"}}}},
         {"policy_problem", nullptr},
         {"verdict", "by_turn"},
         {"turns",
          {{{"turn", 1},
            {"at", "2026-05-01T10:01:00Z"},
            {"calls", 2},
            {"verdict", "emitted"},
            {"rule", "own"},
            {"consent", "internal"}},
           {{"turn", 2}, {"at", nullptr}, {"calls", 0}, {"verdict", "live"}}}}});
  EXPECT_EQ(run({"provenance", "explain", "s"}), 0) << err_.str();
  EXPECT_EQ(out_.str(), R"(s  4 messages, model hermes, still live
  database /h/state.db

SESSION  SOURCE  USER  STARTED
s        tool
p        cli     ada   2026-05-01T10:00:00Z

TURN  AT                    CALLS  VERDICT  RULE  CONSENT
1     2026-05-01T10:01:00Z  2      emitted  own   internal
2                           0      live
)");
  EXPECT_EQ(run({"provenance", "explain"}), 64);
}

TEST_F(ProvenanceCommandTest, AnAnswerOfAnotherShapeIsAnErrorAndNoCrash) {
  for (const auto* task : {"ingest", "report", "validate"}) {
    serve(Json::object());
    EXPECT_NE(run({"provenance", task}), 0) << task;
    EXPECT_EQ(out_.str(), "") << task;
    EXPECT_THAT(err_.str(), HasSubstr("none that this timmy-host knows")) << task;
  }
}

TEST_F(ProvenanceCommandTest, SaysWhereThePluginIsMissing) {
  EXPECT_EQ(run({"provenance", "report"}), 66);
  EXPECT_THAT(err_.str(), HasSubstr("no plugin that keeps provenance"));
}

}  // namespace
}  // namespace host::cli
