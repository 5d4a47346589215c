// SPDX-License-Identifier: Apache-2.0
//
// What comes out of a run has no secrets in it, in whatever place.
#include "fixture.hpp"
#include "report.hpp"

namespace provenance {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;
using timmy::Json;

class IngestSecretsTest : public FolderTest {};

TEST_F(IngestSecretsTest, NamesAndIdsAreRedactedToo) {
  Writer writer("s");
  writer.raw().provider = "http://user:pw4proxy@proxy.example.org/v1";
  writer.raw().model = "model-of-ada@example.org";
  stores_.put(writer.user("a")
                  .calls({{"call-for-bob@example.org", "mail_eve@example.org", "{}"}})
                  .result("call-for-bob@example.org", "x")
                  .says("A")
                  .done());
  ingest();
  const auto all = text_of(out() / "pairs" / manifest().files.at(0).name);
  for (const auto* secret : {"pw4proxy", "ada@", "bob@", "eve@"})
    EXPECT_THAT(all, Not(HasSubstr(secret)));
  const auto metadata = pairs().at(0).at("metadata");
  EXPECT_EQ(metadata.at("model_provider"),
            "http://user:[REDACTED:url_password]@proxy.example.org/v1");
  EXPECT_EQ(metadata.at("tool_call_trajectory").at(0).at("id"), "[REDACTED:email]");
  EXPECT_EQ(metadata.at("redactions"), Json::parse(R"([{"rule":"email","count":4}])"));
  expect_valid();
}

TEST_F(IngestSecretsTest, TheManifestCountsSessionsByFolderAndNamesNoFile) {
  const auto in = [](const std::string& id, Store::Kind kind, const std::string& path) {
    Writer writer(id, "nobody_allowed_it");
    writer.raw().store = {kind, path};
    return writer.user("a").says("A").done();
  };
  const std::string home = "/home/alex/.hermes/";
  stores_.put(in("a", Store::Kind::snapshot, home + "sessions/session_refused.json"));
  stores_.put(in("b", Store::Kind::snapshot, home + "sessions/session_too.json"));
  stores_.put(in("c", Store::Kind::database, home + "state.db"));
  stores_.put(in("d", Store::Kind::database, "/srv/timmy/runs/run-of-d/state.db"));
  ingest();
  const Json expected{{"snapshot /home/[REDACTED:home_path]/.hermes/sessions", 2},
                      {"database /home/[REDACTED:home_path]/.hermes", 1},
                      {"database /srv/timmy/runs", 1}};
  EXPECT_EQ(manifest().about.at("sources"), expected);
  EXPECT_EQ(report(settings()).at("sources"), expected);
  const auto all = everything();
  for (const auto* name : {"alex", "session_refused", "session_too", "run-of-d"})
    EXPECT_THAT(all, Not(HasSubstr(name)));
}

TEST_F(IngestSecretsTest, SecretsDoNotComeOut) {
  stores_.put(Writer("s")
                  .user("My mail is ada@example.org")
                  .calls({{"1", "terminal", R"({"command":"ssh root@203.0.113.9\npwd=hunter22"})"}})
                  .result("1", R"({"output":"token: abcd1234efgh\n","exit_code":0})")
                  .says("Done for ada@example.org.")
                  .done());
  ingest();
  const auto all = everything();
  for (const auto* secret : {"ada@example", "203.0.113.9", "hunter22", "abcd1234efgh"})
    EXPECT_THAT(all, Not(HasSubstr(secret)));
  const auto pair = pairs().at(0);
  EXPECT_TRUE(Json::accept(pair.at("response")
                               .at(0)
                               .at("tool_calls")
                               .at(0)
                               .at("function")
                               .at("arguments")
                               .get<std::string>()));
  EXPECT_THAT(pair.at("metadata").at("redactions").dump(),
              HasSubstr(R"({"count":2,"rule":"email"})"));
  EXPECT_EQ(report(settings()).at("redactions").at("email"), 2);
  expect_valid();
}

TEST_F(IngestSecretsTest, AStoreWithAnyNameCanBeToldOf) {
  auto session = simple("s", "a", "A");
  session.store.path = "/srv/al\xff/state.db";
  stores_.put(session);
  ingest();
  EXPECT_THAT(answers(), ElementsAre("A"));
  EXPECT_EQ(manifest().about.at("sources"), (Json{{"database /srv/al\uFFFD", 1}}));
  EXPECT_NO_THROW((void)report(settings()).dump());
  expect_valid();
}

}  // namespace
}  // namespace provenance
