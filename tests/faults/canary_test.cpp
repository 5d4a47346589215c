// SPDX-License-Identifier: Apache-2.0
//
// Row G7: a token that is found nowhere but in its file, whatever happens to the host. Everything
// below the host's folders is searched, every file whole, and all that commands print.
#include <gmock/gmock.h>
#include <openssl/evp.h>
#include <signal.h>
#include <sys/resource.h>

#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <sstream>

#include "base/file.hpp"
#include "base/result.hpp"
#include "cli/command.hpp"
#include "faults/fault_bench.hpp"
#include "http/url.hpp"

namespace host::faults {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

// Not hexadecimal, so that each of its forms is another text.
constexpr const char* kCanary = "cAnAry/7f+3b==9d2e.4c6a8f0e1d3c5b7a";
constexpr const char* kRotated = "rOtAted/8e+2a==1b4d.6f8a0c2e4d6b8f9c";

std::string base64(const std::string& text) {
  std::string out(4 * ((text.size() + 2) / 3) + 1, '\0');
  out.resize(static_cast<std::size_t>(EVP_EncodeBlock(
      reinterpret_cast<unsigned char*>(out.data()),
      reinterpret_cast<const unsigned char*>(text.data()), static_cast<int>(text.size()))));
  return out.substr(0, out.find('='));
}

// "%2f" for "%2F".
std::string lower_escapes(std::string text) {
  for (std::size_t at = text.find('%'); at != std::string::npos; at = text.find('%', at + 1))
    for (std::size_t digit = at + 1; digit < at + 3; ++digit)
      text[digit] = static_cast<char>(std::tolower(static_cast<unsigned char>(text[digit])));
  return text;
}

// How a token may look where it leaks.
std::vector<std::string> forms(const std::string& token) {
  return {token, base64(token), percent_encode(token), lower_escapes(percent_encode(token))};
}

class CanaryTest : public FaultBench {
 protected:
  CanaryTest() {
    plugin_dirs_.emplace_back(TIMMY_HOSTILE_DIR);
    const Json every{"demo/*"};
    write_config({{"defaults",
                   {{"log", {{"level", "debug"}}},
                    {"plugins",
                     {{"echo", {{"grants", {{"gitea.read", every}, {"gitea.write", every}}}}},
                      {"hostile", {{"enabled", true}}}}}}}});
    ::setenv("TIMMY_HOME", paths_.timmy_home.c_str(), 1);
    ::setenv("HERMES_HOME", paths_.hermes_home.c_str(), 1);
    // As little as possible is to keep a core file from being written.
    rlimit core{};
    ::getrlimit(RLIMIT_CORE, &core);
    core.rlim_cur = core.rlim_max;
    ::setrlimit(RLIMIT_CORE, &core);
    forge_.with([](forge::Forge& forge) {
      for (const auto* token : {kCanary, kRotated})
        forge.state.add_token(token, forge.state.tokens.at(kToken).login);
    });
    write_token(kCanary);
  }
  ~CanaryTest() override {
    if (host_) stop();
    check_invariants();
    expect_hidden();
  }

  [[nodiscard]] std::filesystem::path token_file() const {
    return paths_.hermes_home / "gitea_token";
  }
  void write_token(const std::string& token) {
    token_ = token;
    write_atomically(token_file(), token + "\n", 0600);
  }

  // The next request of this kind is answered with every form of the token, and done nothing for.
  void echo_token(const std::string& method, const std::string& part, int status,
                  const std::string& type = "application/json") {
    std::string all;
    for (const auto& form : forms(token_)) all += " " + form;
    forge_.with([&](forge::Forge& forge) {
      forge::Fault fault;
      fault.response = {
          status,
          {{"Content-Type", type}, {"Location", "https://elsewhere.example/?t=" + all}},
          to_text({{"message", "you sent" + all}, {"login", all}, {"id", 1}}),
          std::nullopt};
      forge.faults.add(fault.on(method, part));
    });
  }

  // What `timmy-host ARGUMENTS` prints on stdout and stderr, which is searched.
  std::string run(const std::vector<std::string>& arguments) {
    std::ostringstream out, err;
    (void)cli::main(arguments, out, err);
    expect_hidden_in(out.str(), arguments.front() + "'s output");
    expect_hidden_in(err.str(), arguments.front() + "'s messages");
    return out.str() + err.str();
  }
  Json call(const std::string& method, const Json& params) {
    const Json one{{"method", "gitea/1." + method}, {"params", params}};
    const auto job = wait_for(enqueue("echo_call", {{"calls", Json::array({one})}}));
    expect_hidden_in(job.dump(), method + "'s job");
    run({"jobs", "show", to_text(job["id"])});
    return job;
  }

  static void expect_hidden_in(const std::string& text, const std::string& where) {
    for (const auto* token : {kCanary, kRotated})
      for (const auto& form : forms(token))
        EXPECT_EQ(text.find(form), std::string::npos) << form << " is in " << where;
  }
  // In every file: the log, the database with its log, sockets' folder, stamps, scratch folders.
  void expect_hidden() {
    std::size_t searched = 0;
    for (const auto& file : std::filesystem::recursive_directory_iterator(
             folder_.path(), std::filesystem::directory_options::skip_permission_denied)) {
      std::error_code gone;
      if (!file.is_regular_file(gone) || gone || file.path() == token_file()) continue;
      const auto text = attempt([&] { return read_file(file.path(), std::size_t{1} << 30); });
      if (!text.ok()) continue;  // a worker's, which has gone meanwhile
      expect_hidden_in(text.value(), file.path().string());
      ++searched;
    }
    EXPECT_GE(searched, 3u) << "there was little to search";
    // Hosts are started in "/", commands run here.
    for (const auto* folder : {"/", "."})
      for (const auto& file : std::filesystem::directory_iterator(folder)) {
        if (!file.path().filename().string().starts_with("core")) continue;
        const auto core = attempt([&] { return read_file(file.path(), std::size_t{1} << 30); });
        if (core.ok()) expect_hidden_in(core.value(), file.path().string());
      }
  }

  std::string token_;  // in the file
};

TEST_F(CanaryTest, G7_TheTokenIsFoundNowhereButInItsFile) {
  start();
  EXPECT_EQ(wait_for(enqueue("gitea_issue_triage"))["state"], "completed");
  forge_.with([](forge::Forge& forge) {
    EXPECT_FALSE(forge.requests("POST", "/labels").empty()) << "it wrote with the token";
  });

  echo_token("GET", "/user", 200);
  EXPECT_THAT(call("whoami", Json::object()).dump(), HasSubstr("[redacted]"));
  for (const int status : {403, 422, 500}) {
    echo_token("POST", "/comments", status);
    const auto job =
        call("create_comment", {{"repo", "demo/app"}, {"number", 1}, {"body", "hello"}});
    // After a 500 the client looks, and writes again.
    EXPECT_THAT(job.dump(), HasSubstr(status == 500 ? "timmy:comment" : "[redacted]"));
  }
  echo_token("GET", "/issues", 302);
  (void)call("list_issues", {{"repo", "demo/app"}});
  echo_token("GET", "/issues", 200, "text/html");
  (void)call("list_issues", {{"repo", "demo/app"}});

  const auto revealed = wait_for(
      enqueue("hostile_reveal", {{"files",
                                  {token_file().string(), paths_.cookie().string(),
                                   paths_.database().string(), paths_.host_yaml().string()}}}));
  EXPECT_EQ(revealed["state"], "completed") << revealed.dump(2);
  EXPECT_GT(revealed["result"]["bytes"].get<int>(), 50) << "it could read nothing at all";
  const auto crashing = enqueue("hostile_segv");
  EXPECT_TRUE(eventually(
      [&] { return !client().get("/v1/jobs/" + std::to_string(crashing))["attempts"].empty(); }));
  for (const auto& command : std::vector<std::vector<std::string>>{{"doctor"},
                                                                   {"config", "show"},
                                                                   {"status", "--json"},
                                                                   {"audit"},
                                                                   {"plugins", "show", "echo"},
                                                                   {"--list-tasks"},
                                                                   {"gitea", "issues"},
                                                                   {"gitea", "prs", "--json"}})
    run(command);
  expect_hidden();
}

TEST_F(CanaryTest, G7_ARefusedTokenThatIsEchoedIsHiddenAndANewOneTakenWithoutARestart) {
  start();
  forge_.with([](forge::Forge& forge) { forge.state.tokens.erase(kCanary); });
  echo_token("GET", "/user", 401);
  const auto refused = call("whoami", Json::object());
  EXPECT_THAT(refused.dump(), AllOf(HasSubstr("does not take the token"), HasSubstr("[redacted]")));
  EXPECT_THAT(run({"status"}), HasSubstr("(token refused)"));
  EXPECT_NE(call("whoami", Json::object())["state"], "completed") << "it is not asked again";
  echo_token("GET", "/user", 401);
  run({"doctor"});

  write_token(kRotated);
  EXPECT_EQ(call("whoami", Json::object())["state"], "completed");
  EXPECT_THAT(run({"status"}), Not(HasSubstr("refused")));

  // Revoked and replaced under a host that has used it: within the call.
  forge_.with([](forge::Forge& forge) {
    forge.state.add_token(kCanary, forge.state.tokens.at(kRotated).login);
    forge.state.tokens.erase(kRotated);
  });
  write_token(kCanary);
  EXPECT_EQ(call("list_issues", {{"repo", "demo/app"}})["state"], "completed");
  echo_token("GET", "/repos", 401);
  EXPECT_THAT(run({"gitea", "issues", "demo/app"}), HasSubstr("[redacted]"));
}

TEST_F(CanaryTest, G7_ACrashOfTheHostLeavesNoTokenBehind) {
  start({{"TIMMY_FAILPOINT", "services.before_send=abort"}});
  (void)attempt([&] { return enqueue("gitea_issue_triage"); });
  const auto exit = host_->wait();
  EXPECT_TRUE(exit.signalled);
  EXPECT_EQ(exit.number, SIGABRT);
  EXPECT_FALSE(exit.dumped) << "it left a core file";
  host_.reset();
  expect_hidden();
  start();
  expect_all_completed();
}

TEST_F(CanaryTest, G7_ATokenInTheWrongPlaceIsNotRepeated) {
  const auto good = read_file(paths_.host_yaml(), 1 << 20);
  for (const std::string& wrong :
       {std::string("defaults: { gitea: { token: \"") + kCanary + "\" } }\n",
        std::string("defaults: { gitea: { url: \"http://timmy:") + kCanary + "@127.0.0.1:1\" } }\n",
        std::string("defaults: { gitea: [") + kCanary + "] }\n"}) {
    write_atomically(paths_.host_yaml(), wrong, 0600);
    EXPECT_EQ(refused_start(), 78) << wrong;
    EXPECT_THAT(run({"--check-config"}), HasSubstr("host.yaml:1:"));
    run({"config", "show"});
    run({"doctor"});
  }
  write_atomically(paths_.host_yaml(), good, 0600);
  start();
}

}  // namespace
}  // namespace host::faults
