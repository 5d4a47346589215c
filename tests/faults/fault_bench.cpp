// SPDX-License-Identifier: Apache-2.0
#include "faults/fault_bench.hpp"

#include <gmock/gmock.h>
#include <poll.h>
#include <signal.h>
#include <sys/stat.h>

#include <cstdlib>
#include <fstream>
#include <future>

#include "base/error.hpp"
#include "base/file.hpp"
#include "base/result.hpp"
#include "forge/sample.hpp"
#include "store/connection.hpp"

namespace host::faults {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

// A short pause between two looks at another process, by poll(2).
void pause_briefly() { ::poll(nullptr, 0, 5); }

std::string whole(const std::filesystem::path& path) {
  std::error_code missing;
  if (!std::filesystem::exists(path, missing)) return "";
  return read_file(path, std::size_t{1} << 30);
}

int zombies_of(pid_t host) {
  int count = 0;
  for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
    std::ifstream file(entry.path() / "stat");
    std::string text;
    std::getline(file, text);
    // "PID (name) STATE PPID ...", and a name may hold anything.
    const auto name_end = text.rfind(')');
    if (name_end == std::string::npos || text.compare(name_end, 4, ") Z ") != 0) continue;
    count += std::atoi(text.c_str() + name_end + 4) == host;
  }
  return count;
}

bool has_tables(const std::filesystem::path& database) {
  std::error_code missing;
  if (std::filesystem::file_size(database, missing) == 0 || missing) return false;
  Connection reader(database, Connection::Mode::reader);
  return reader.integer("SELECT count(*) FROM sqlite_master WHERE name='jobs'") == 1;
}

}  // namespace

ForgeThread::ForgeThread() {
  forge::seed(forge_.state);
  forge_.state.add_token(kToken, forge::kSampleUser);
  forge_.set_observer([this](const forge::Logged& request) {
    if (request.applied && request.method == "POST" && request.target.ends_with("/labels"))
      ++additions_[request.target + " " + request.body];
    if (watch_) watch_(forge_, request);
  });
  url_ = forge_.listen();
  thread_ = std::thread([this] { context_.run(); });
}

ForgeThread::~ForgeThread() {
  with([](forge::Forge& forge) { forge.stop(); });
  work_.reset();
  context_.stop();
  thread_.join();
}

void ForgeThread::when_asked(Watch watch) {
  with([&](forge::Forge&) { watch_ = std::move(watch); });
}

void ForgeThread::with(const std::function<void(forge::Forge&)>& work) {
  std::promise<void> done;
  loop_.post([&] {
    work(forge_);
    done.set_value();
  });
  done.get_future().get();
}

FaultBench::FaultBench() {
  paths_ = Paths::from(Environment({{"HOME", folder_.path().string()},
                                    {"TIMMY_HOME", (folder_ / "t").string()},
                                    {"HERMES_HOME", (folder_ / "h").string()}}));
  make_directories(paths_.timmy_home, 0700);
  make_directories(paths_.hermes_home, 0700);
  write_atomically(paths_.hermes_home / "gitea_token", std::string(kToken) + "\n", 0600);
  plugin_dirs_ = {TIMMY_ECHO_DIR};
  write_config();
}

FaultBench::~FaultBench() { host_.reset(); }

void FaultBench::write_config(const Json& more) {
  const Json every{"demo/*"};
  const Json rules{
      {{"name", "bugs"}, {"when", {{"title", "(?i)crash|fails|error"}}}, {"add_labels", {"bug"}}}};
  Json config{{"defaults",
               {{"gitea", {{"url", forge_.url()}}},
                {"plugins",
                 {{"echo", {{"enabled", true}}},
                  {"triage",
                   {{"enabled", true},
                    {"schedule", {{"gitea_issue_triage", "never"}}},
                    {"grants", {{"gitea.read", every}, {"gitea.write", every}}},
                    {"config", {{"repos", every}, {"rules", rules}}}}}}}}}};
  config.merge_patch(more);
  write_atomically(paths_.host_yaml(), config.dump(2), 0600);
}

void FaultBench::host_is(const std::filesystem::path& program) {
  bin_ = folder_ / "bin";
  make_directories(bin_, 0755);
  std::filesystem::create_symlink(program, bin_ / "timmy-host");
}

void FaultBench::start(std::map<std::string, std::string> environment, bool ready) {
  e2e::HostProcess::Options options{
      .bin = bin_, .paths = paths_, .environment = std::move(environment), .log = log_file_};
  for (const auto& dir : plugin_dirs_) {
    options.arguments.emplace_back("--plugin-dir");
    options.arguments.push_back(dir.string());
  }
  host_ = std::make_unique<e2e::HostProcess>(std::move(options));
  hosts_.insert(host_->pid());
  open_when_ready_.reset();
  if (!ready) return;
  ASSERT_TRUE(host_->wait_ready()) << log();
  open_when_ready_ = open_files();
}

void FaultBench::start_failing() {
  fail({});
  start(failing_environment());
}

std::map<std::string, std::string> FaultBench::failing_environment() const {
  return {{"LD_PRELOAD", TIMMY_INTERPOSER},
          {"ASAN_OPTIONS", "verify_asan_link_order=0"},
          {"TIMMY_TEST_FAULTS", folder_ / "faults"}};
}

void FaultBench::fail(const std::map<std::string, int>& faults) const {
  std::string lines;
  for (const auto& [what, error] : faults) lines += what + " " + std::to_string(error) + "\n";
  write_atomically(folder_ / "faults", lines, 0600);
}

int FaultBench::refused_start() {
  start({}, false);
  EXPECT_FALSE(host_->wait_ready());
  const auto exit = host_->wait();
  EXPECT_FALSE(exit.signalled) << exit.number;
  host_.reset();
  return exit.number;
}

std::optional<int> FaultBench::open_files() const {
  const auto answer = attempt([this] { return client().get("/v1/status"); });
  return answer.ok() ? std::optional(answer.value()["open_files"].get<int>()) : std::nullopt;
}

void FaultBench::expect_nothing_left_open() {
  EXPECT_TRUE(eventually([this] { return zombies_of(host_->pid()) == 0; }))
      << "children that nobody reaps";
  // Of a worker: its channel, its output, its pidfd. Eight connections to the forge are kept, with
  // the pair of sockets by which libcurl wakes itself; and there are those of the admin socket.
  constexpr int kOfAWorker = 4;
  constexpr int kConnections = 12;
  int now = 0;
  EXPECT_TRUE(!open_when_ready_ || eventually([&] {
    const int allowed =
        *open_when_ready_ + kOfAWorker * static_cast<int>(workers().size()) + kConnections;
    now = open_files().value_or(0);
    return now <= allowed;
  })) << now
      << " files are open, " << *open_when_ready_ << " were when it was ready";
}

void FaultBench::stop() {
  expect_nothing_left_open();
  host_->signal(SIGTERM);
  const auto exit = host_->wait();
  EXPECT_FALSE(exit.signalled) << exit.number;
  EXPECT_EQ(exit.number, 0) << log();
  host_.reset();
  EXPECT_EQ(count("SELECT count(*) FROM jobs WHERE state='running'"), 0) << "a drain left runs";
}

void FaultBench::kill() {
  host_->kill();
  (void)host_->wait();
  host_.reset();
  expect_no_workers();
}

void FaultBench::expect_no_workers() {
  EXPECT_TRUE(eventually([this] { return workers().empty(); })) << "a worker outlived its host";
  hosts_.clear();
}

std::int64_t FaultBench::enqueue(const std::string& task, const Json& payload) {
  const auto id = client()
                      .post("/v1/jobs", {{"task", task}, {"payload", payload}})
                      .at("id")
                      .get<std::int64_t>();
  acknowledged_.insert(id);
  return id;
}

Json FaultBench::wait_for(std::int64_t id) const {
  Json job;
  for (int looks = 0; looks < 6; ++looks) {
    job = client().get("/v1/jobs/" + std::to_string(id) + "?wait=20");
    if (!job["ended_at"].is_null()) return job;
  }
  ADD_FAILURE() << "job " << id << " did not end in two minutes: " << job.dump(2);
  return job;
}

bool FaultBench::eventually(const std::function<bool()>& met) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(30);
  while (!met()) {
    if (std::chrono::steady_clock::now() > end) return false;
    pause_briefly();
  }
  return true;
}

std::int64_t FaultBench::count(const std::string& sql) const {
  Connection reader(paths_.database(), Connection::Mode::reader);
  return reader.integer(sql);
}

std::string FaultBench::log() const { return whole(folder_ / "log").substr(cleared_); }

void FaultBench::clear_log() { cleared_ = whole(folder_ / "log").size(); }

void FaultBench::check_jobs() {
  ASSERT_EQ(host_, nullptr) << "a host still runs";
  if (!has_tables(paths_.database())) {  // killed before it had made them
    EXPECT_TRUE(acknowledged_.empty()) << "the database is gone";
    return;
  }
  Connection reader(paths_.database(), Connection::Mode::reader);
  std::map<std::int64_t, std::int64_t> leases;
  Statement jobs(reader.handle(), "SELECT id, run_lease FROM jobs");
  while (jobs.step()) leases.emplace(jobs.integer(0), jobs.integer(1));
  for (const auto id : acknowledged_)
    EXPECT_TRUE(leases.contains(id)) << "job " << id << " is lost";
  for (const auto& [id, lease] : std::exchange(leases_, leases))
    EXPECT_GE(leases_[id], lease) << "the lease of job " << id << " went back";

  const auto none = [&](const char* what, const std::string& rows) {
    EXPECT_EQ(reader.integer("SELECT count(*) FROM (" + rows + ")"), 0) << what;
  };
  none("attempts over their limit", "SELECT 1 FROM jobs WHERE attempt > max_attempts OR attempt<0");
  none("an attempt under a lease that no claim gave",
       "SELECT 1 FROM history a JOIN jobs j ON j.id=a.job WHERE a.lease > j.run_lease");
  none("a job that completed twice",
       "SELECT 1 FROM history WHERE verdict='completed' GROUP BY job HAVING count(*) > 1");
  none("two jobs of one tick",
       "SELECT 1 FROM jobs WHERE nominal IS NOT NULL GROUP BY task, nominal HAVING count(*) > 1");
  none("a tick without its job",
       "SELECT 1 FROM ticks WHERE job IS NOT NULL AND job NOT IN (SELECT id FROM jobs)");
  EXPECT_LE(reader.integer("SELECT count(*) FROM intents WHERE state='open'"), 1)
      << "a write was begun before the last one was known";
  forge_.with([this](forge::Forge&) {
    for (const auto& [what, times] : forge_.additions())
      EXPECT_EQ(times, 1) << what << " was added again";
  });
}

void FaultBench::check_invariants() {
  check_jobs();
  if (HasFatalFailure()) return;
  if (has_tables(paths_.database())) {
    Connection reader(paths_.database(), Connection::Mode::reader);
    EXPECT_EQ(reader.text("PRAGMA integrity_check"), "ok");
  }
  expect_no_workers();
  for (const auto& file : {paths_.database(), folder_ / "log",
                           std::filesystem::path(paths_.database().string() + "-wal")})
    EXPECT_THAT(whole(file), Not(HasSubstr(kToken))) << file;
}

void FaultBench::expect_all_completed() {
  Connection reader(paths_.database(), Connection::Mode::reader);
  std::vector<std::int64_t> open;
  {
    Statement jobs(reader.handle(), "SELECT id, held FROM jobs WHERE ended_at IS NULL");
    while (jobs.step()) {
      if (!acknowledged_.contains(jobs.integer(0))) continue;
      open.push_back(jobs.integer(0));
      // A job that was interrupted often enough waits for a person; here is one.
      if (!jobs.text(1).empty())
        client().post("/v1/jobs/" + std::to_string(open.back()) + "/retry");
    }
  }
  for (const auto id : open) (void)wait_for(id);
  std::set<std::int64_t> missing = acknowledged_;
  Statement completed(reader.handle(), "SELECT id FROM jobs WHERE state='completed'");
  while (completed.step()) missing.erase(completed.integer(0));
  for (const auto id : missing)
    ADD_FAILURE() << client().get("/v1/jobs/" + std::to_string(id)).dump(2);
}

}  // namespace host::faults
