// SPDX-License-Identifier: Apache-2.0
//
// An issue becomes a pull request that the real Hermes made: a real host, its cage, its meter, and
// behind that a model of the test's own. TIMMY_HERMES names the program; without it the PATH is
// searched.
#include <gmock/gmock.h>

#include "config/paths.hpp"
#include "dispatch/agent_scratch.hpp"
#include "e2e/dispatch_bench.hpp"
#include "tokens/scripted_model.hpp"

namespace host::faults {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::Each;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr const char* kModelKey = "sk-hosts-canary-4711";
constexpr const char* kOperatorsKey = "sk-operators-canary-0815";

class HermesTest : public DispatchBench {
 protected:
  void SetUp() override {
    const auto environment = Environment::of_process();
    program_ = environment.get("TIMMY_HERMES").value_or("");
    if (program_.empty())
      if (const auto found = dispatch::find_program("hermes", environment.get("PATH").value_or("")))
        program_ = found->string();
    if (program_.empty())
      GTEST_SKIP() << "no Hermes here; name one as TIMMY_HERMES (pip install hermes-agent)";
    DispatchBench::SetUp();
    if (IsSkipped() || HasFatalFailure()) return;
    // Ten seconds on an idle machine, most of them to load itself.
    playbook_is("attempts: 1, tokens: 200000, wall: 4m, stall: 2m");
    lanes_are({{"code",
                {{"agent",
                  {{"kind", "hermes"},
                   {"program", program_},
                   {"model", "small-1"},
                   {"toolsets", {"terminal", "file"}}}}}}});
    write_budget({{"day", {{"tokens", 1000000}}}});
    put(paths_.hermes_home / "config.yaml",
        std::string("model: { default: big-1, provider: openrouter, api_key: ") + kOperatorsKey +
            " }\n");
    put(paths_.hermes_home / ".env",
        std::string("OPENROUTER_API_KEY=") + kOperatorsKey + "\nOPENAI_BASE_URL=http://192.0.2.1\n",
        0600);
    put(folder_ / "model_key", std::string(kModelKey) + "\n", 0600);
  }

  // The host, with this model behind its meter.
  void start_before(const ScriptedModel& model) {
    auto more = fixer_on();
    more["defaults"]["credentials"]["acme"] = (folder_ / "model_key").string();
    more["defaults"]["model"]["routes"]["main"] = {{"url", model.url()}, {"credential", "acme"}};
    write_model_config(more);
    start_host();
  }
  bool item_ended() {
    for (int look = 0; look < 8; ++look)
      if (eventually([&] {
            const Json now = item();
            return now.is_object() && (now["state"] == "done" || now["state"] == "failed");
          }))
        return true;
    return false;
  }
  // All that is kept of the run.
  [[nodiscard]] std::string kept(const fs::path& folder) const {
    std::string all;
    for (const auto& entry : fs::recursive_directory_iterator(folder))
      if (entry.is_regular_file()) all += read_file(entry.path(), std::size_t{64} << 20);
    return all;
  }

  std::string program_;
};

// What it finds goes to the model, as what the terminal said. The quotes within words keep what is
// looked for out of the command itself, which goes there, too.
TEST_F(HermesTest, MakesAPullRequestWithNothingButTheMeter) {
  const auto operators = paths_.hermes_home.string();
  const auto port = forge_.url().substr(forge_.url().rfind(':') + 1);
  ScriptedModel model(
      "printf 'return 0\\n' > main.txt && git commit --quiet --all --message 'Return 0'; "
      "printf 'Mended by Hermes.' > \"$TIMMY_REPORT_FILE\"; "
      "ls -A \"$HERMES_HOME\" | grep -x -e .env -e auth.json -e config.yaml; "
      "cat /proc/*/environ \"$HERMES_HOME\"/config.yaml | grep -aq 'c[a]nary\\|c4n4[r]y' || "
      "echo 'no ke''y is there'; "
      "ls '" +
      operators +
      "' > /dev/null 2>&1 || echo 'no operator''s home'; "
      "bash -c ': < /dev/tcp/127.0.0.1/" +
      port + "' 2> /dev/null || echo 'no way ou''t'");
  start_before(model);
  ASSERT_TRUE(item_ended()) << to_text(item()) << log();
  const auto shown = client().get("/v1/items/" + to_text(item()["id"]));
  const auto run = paths_.runs() / "d1.1";
  SCOPED_TRACE(to_text(shown) + log());
  ASSERT_EQ(item()["state"], "done");
  EXPECT_EQ(pulls().size(), 1u);
  EXPECT_THAT(to_text(shown), AllOf(HasSubstr("Mended by Hermes."), HasSubstr("hermes 0.")));

  const auto said = model.bodies();
  EXPECT_THAT(said, AllOf(HasSubstr("config.yaml\\\\n"), Not(HasSubstr(".env\\\\n")),
                          Not(HasSubstr("auth.json\\\\n")), HasSubstr("no key is there"),
                          Not(HasSubstr("canary"))));
  const auto layers =
      parse_json(read_file(run / "ending.json", 1 << 16), "its ending")["in_force"]["layers"];
  if (layers["private root"]["in_force"] == true) EXPECT_THAT(said, HasSubstr("no operators home"));
  if (layers["network"]["in_force"] == true) EXPECT_THAT(said, HasSubstr("no way out"));

  // Each call is the host's, with its key, and stands in the ledger.
  EXPECT_THAT(model.heads(), Each(HasSubstr(kModelKey)));
  std::size_t chats = 0;
  for (const auto& head : model.heads()) chats += head.starts_with("POST ") ? 1 : 0;
  EXPECT_GE(chats, 2u);
  const Json account =
      ask({"tokens", "show", std::string(kAppRepo) + "#" + std::to_string(number_)});
  EXPECT_EQ(account["rows"].size(), chats);
  EXPECT_EQ(account["total"]["total_tokens"], 110 * chats);
  for (const auto& row : account["rows"]) EXPECT_EQ(row["run"], "d1.1");

  ASSERT_TRUE(fs::exists(run / "state.db"));
  EXPECT_THAT(kept(run),
              AllOf(HasSubstr("All done."), Not(HasSubstr("canary")), Not(HasSubstr(kToken))));
  EXPECT_THAT(log(), Not(HasSubstr("canary")));
  EXPECT_FALSE(fs::exists(paths_.hermes_home / "state.db"));
  stop();
  check_invariants();
}

}  // namespace
}  // namespace host::faults
