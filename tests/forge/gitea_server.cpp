// SPDX-License-Identifier: Apache-2.0
#include "forge/gitea_server.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <sstream>

#include "base/error.hpp"
#include "base/file.hpp"

namespace host::forge {
namespace {

using std::chrono::steady_clock;
namespace fs = std::filesystem;

std::string environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

sockaddr_in loopback(int port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

Fd tcp_socket() { return Fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)); }

// One that nobody has now; the server takes it a moment later.
int free_port() {
  const auto socket = tcp_socket();
  auto address = loopback(0);
  socklen_t size = sizeof address;
  if (::bind(socket.get(), reinterpret_cast<sockaddr*>(&address), size) != 0 ||
      ::getsockname(socket.get(), reinterpret_cast<sockaddr*>(&address), &size) != 0)
    throw system_error("looking for a free port");
  return ntohs(address.sin_port);
}

bool accepts(int port) {
  const auto socket = tcp_socket();
  const auto address = loopback(port);
  return ::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
}

// Keys that are left out here are made by Gitea and written into the file.
constexpr const char* kConfig = R"(APP_NAME = timmy-test
RUN_MODE = prod
WORK_PATH = {folder}
I_AM_BEING_UNSAFE_RUNNING_AS_ROOT = {root}
[server]
PROTOCOL = http
HTTP_ADDR = 127.0.0.1
HTTP_PORT = {port}
ROOT_URL = http://127.0.0.1:{port}/
{static_root}
DISABLE_SSH = true
LFS_START_SERVER = false
OFFLINE_MODE = true
[database]
DB_TYPE = sqlite3
PATH = {folder}/gitea.db
[repository]
ROOT = {folder}/repos
[repository.signing]
SIGNING_KEY = none
[security]
INSTALL_LOCK = true
DISABLE_QUERY_AUTH_TOKEN = true
[oauth2]
ENABLED = false
[service]
DISABLE_REGISTRATION = true
REGISTER_EMAIL_CONFIRM = false
ENABLE_NOTIFY_MAIL = false
[session]
PROVIDER = memory
[queue]
TYPE = channel
[indexer]
ISSUE_INDEXER_TYPE = db
REPO_INDEXER_ENABLED = false
[actions]
ENABLED = false
[packages]
ENABLED = false
[cron]
ENABLED = false
[webhook]
ALLOWED_HOST_LIST = loopback
[log]
MODE = console
LEVEL = Warn
[api]
MAX_RESPONSE_ITEMS = 5
DEFAULT_PAGING_NUM = 3
)";

}  // namespace

std::optional<fs::path> GiteaServer::binary() {
  if (const auto named = environment("TIMMY_GITEA_BINARY"); !named.empty()) return named;
  std::istringstream folders(environment("PATH"));
  for (std::string folder; std::getline(folders, folder, ':');)
    if (const auto path = fs::path(folder) / "gitea";
        path.is_absolute() && ::access(path.c_str(), X_OK) == 0)
      return path;
  return std::nullopt;
}

GiteaServer::GiteaServer(fs::path binary) : binary_(std::move(binary)) {
  const int port = free_port();
  url_ = "http://127.0.0.1:" + std::to_string(port);
  write_config(port);
  run({"migrate"});
  add_user("site", true);  // the first one would be an admin without being asked
  add_user("bot", false);
  add_user("other", false);
  token_ = add_token("bot", "all", "all");
  other_token_ = add_token("other", "all", "all");
  read_token_ = add_token("bot", "read", "read:issue,read:repository,read:user");
  // Gone with this process, whatever ends it.
  auto web = request({"web"});
  web.arguments.insert(web.arguments.begin(), {"setpriv", "--pdeathsig", "KILL"});
  web.program = "/usr/bin/setpriv";
  const Fd log(::open((folder_ / "log").c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
  web.descriptors = {{log.get(), 1}, {log.get(), 2}};
  server_ = spawn(web);
  wait_until_it_answers();
}

void GiteaServer::write_config(int port) const {
  const auto root = environment("TIMMY_GITEA_STATIC_ROOT");
  write_atomically(
      folder_ / "app.ini",
      fmt::format(kConfig, fmt::arg("folder", folder_.path().string()),
                  fmt::arg("root", ::geteuid() == 0), fmt::arg("port", port),
                  fmt::arg("static_root", root.empty() ? "" : "STATIC_ROOT_PATH = " + root)),
      0600);
}

SpawnRequest GiteaServer::request(std::vector<std::string> arguments) const {
  // Its first word is a path, or it doesn't find itself and ends without one.
  arguments.insert(arguments.begin(), {binary_.string(), "-c", (folder_ / "app.ini").string()});
  return {.program = binary_,
          .arguments = std::move(arguments),
          .environment = {{"HOME", folder_.path().string()},
                          {"PATH", environment("PATH")},
                          {"USER", environment("USER")}},
          .folder = folder_.path()};
}

std::string GiteaServer::run(std::vector<std::string> arguments) const {
  auto command = request(std::move(arguments));
  const auto log_path = folder_ / "command.log";
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) throw system_error("making a pipe");
  const Fd reading(ends[0]);
  Fd writing(ends[1]);
  const Fd log(::open(log_path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
  command.descriptors = {{writing.get(), 1}, {log.get(), 2}};
  auto child = spawn(command);
  writing.reset();
  auto printed = read_all(reading.get(), 1 << 20, "what gitea printed");
  pollfd ended{child.pidfd(), POLLIN, 0};
  ::poll(&ended, 1, 60'000);
  const auto exit = child.reap();
  if (!exit || exit->signalled || exit->number != 0)
    throw Error(Code::io, fmt::format("{} failed: {}{}", fmt::join(command.arguments, " "), printed,
                                      read_file(log_path, 1 << 20)));
  return printed;
}

void GiteaServer::add_user(const std::string& name, bool admin) {
  std::vector<std::string> arguments{"admin", "user", "create", "--username", name};
  arguments.insert(arguments.end(), {"--email", name + "@example.test", "--random-password",
                                     "--must-change-password=false"});
  if (admin) arguments.emplace_back("--admin");
  run(std::move(arguments));
}

std::string GiteaServer::add_token(const std::string& user, const std::string& name,
                                   const std::string& scopes) {
  const auto printed = run({"admin", "user", "generate-access-token", "--username", user,
                            "--token-name", name, "--scopes", scopes, "--raw"});
  // Its last word: up to 1.26 warnings come the same way.
  std::istringstream words(printed);
  std::string token;
  while (words >> token) continue;
  return token;
}

const std::string& GiteaServer::token_with(const std::vector<std::string>& scopes) {
  std::string all;
  for (const auto& scope : scopes) all += (all.empty() ? "" : ",") + scope;
  auto& token = by_scopes_[all];
  if (token.empty()) token = add_token("bot", "scopes-" + std::to_string(by_scopes_.size()), all);
  return token;
}

void GiteaServer::wait_until_it_answers() {
  const int port = std::stoi(url_.substr(url_.rfind(':') + 1));
  const auto late = steady_clock::now() + std::chrono::minutes(1);
  while (!accepts(port)) {
    pollfd ended{server_.pidfd(), POLLIN, 0};
    if (::poll(&ended, 1, 20) > 0 || steady_clock::now() > late)
      throw Error(Code::io, fmt::format("{} does not answer: {}", binary_.string(),
                                        read_file(folder_ / "log", 1 << 20)));
  }
}

}  // namespace host::forge
