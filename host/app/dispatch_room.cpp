// SPDX-License-Identifier: Apache-2.0
#include "app/dispatch_room.hpp"

#include <fmt/format.h>

#include <charconv>

#include "app/forge_select.hpp"
#include "app/model_routes.hpp"
#include "base/error.hpp"
#include "base/zone.hpp"
#include "dispatch/continuity.hpp"
#include "http/proxy.hpp"
#include "runs/containment.hpp"
#include "workspaces/git_credential.hpp"

namespace host {
namespace {

using dispatch::Item;

Json item_json(const Item& item) {
  return {{"item", item.id.value()},       {"playbook", item.playbook},
          {"repository", item.repository}, {"issue", item.number},
          {"gate", name(item.at.gate)},    {"state", name(item.at.state)},
          {"reason", item.reason},         {"pull", item.pull == 0 ? Json() : Json(item.pull)}};
}

dispatch::DispatchOrder order_of(PlaybookDesk::Order order) {
  return {.repository = std::move(order.repository),
          .number = order.number,
          .playbook = std::move(order.playbook),
          .lane = {},
          .source = std::move(order.source)};
}

// By the same proxy as the host's own client.
workspaces::GitSettings git_settings(const Paths& paths, std::shared_ptr<const StopLine> stop) {
  const auto environment = Environment::of_process();
  return {.home = paths.mirrors() / "home",
          .ca_file = {},
          .proxy = proxy_variables([&](const std::string& name) { return environment.get(name); }),
          .stop = std::move(stop)};
}

dispatch::CageFolders folders_of(const Paths& paths) { return {paths.runs(), paths.attempts()}; }

// What holds a run now. Blocks, any thread.
runs::InForce probe_cage(const Paths& paths, const std::filesystem::path& program) {
  const auto supervisors = runs::supervisors_at(paths.runner_socket(), program);
  return runs::probe_containment(*supervisors, paths.attempts());
}

// Repositories that can't be looked up now are found by a later look.
dispatch::FindRepositories find_by(Gitea& gitea, const Log& log) {
  return [&gitea, log](const std::vector<std::string>& globs,
                       const std::function<void(std::vector<RepoName>)>& reply) {
    if (globs.empty()) return reply({});
    const auto asked = attempt([&] {
      select_repos(gitea, globs, "", [log, reply](const Selection& found) {
        for (const auto& failed : found.failed)
          log.debug("{}: {}", failed.what, failed.error.message());
        std::vector<RepoName> names;
        for (const auto& repo : found.repos) names.push_back(repo.name);
        reply(std::move(names));
      });
    });
    if (asked.ok()) return;
    log.error("repositories for playbooks can't be looked for: {}", asked.error().what());
    reply({});
  };
}

}  // namespace

DispatchRoom::DispatchRoom(DispatchGround ground, const HostConfig& config)
    : ground_(std::move(ground)),
      supervisors_(runs::supervisors_at(ground_.paths.runner_socket(), ground_.supervisor)),
      runner_(ground_.context, ground_.loop, *supervisors_, ground_.paths.runs(),
              ground_.log.redactor(), ground_.log.named("runs")),
      cages_(std::make_shared<dispatch::ItemCages>(ground_.loop, runner_, folders_of(ground_.paths),
                                                   ground_.instance)),
      git_(git_settings(ground_.paths, stop_), ground_.paths.mirrors(), ground_.paths.clones(),
           ground_.clock),
      blocking_(ground_.loop),
      workspaces_({ground_.store, ground_.gitea, git_, blocking_, cages_, access(),
                   [this] { return dispatcher_ ? dispatcher_->live() : std::vector<Item>{}; },
                   ground_.clock,
                   [this] { return dispatch::disk_limits(clones_, rules_.rules->lanes()); }}),
      runs_({ground_.loop,
             ground_.store,
             runner_,
             blocking_,
             cages_,
             ground_.meter,
             ground_.today,
             ground_.next_day,
             [paths = ground_.paths, program = ground_.supervisor] {
               return probe_cage(paths, program).bypassable();
             },
             folders_of(ground_.paths),
             {.home = ground_.paths.home, .hermes_home = ground_.paths.hermes_home},
             ground_.log.named("runs")}),
      verifier_(
          {ground_.store, git_, blocking_, cages_, access(), routes(), ground_.log.redactor()}),
      reporter_({ground_.store, ground_.gitea, git_, blocking_, routes()}),
      dispatcher_(std::make_unique<dispatch::Dispatcher>(
          dispatch::DispatchWorld{ground_.loop, ground_.store, ground_.gitea, workspaces_, runs_,
                                  verifier_, reporter_,
                                  find_by(ground_.gitea, ground_.log.named("dispatch")),
                                  ground_.held, ground_.budget_generation},
          ground_.log.named("dispatch"), ground_.instance)),
      housekeeping_({.loop = ground_.loop,
                     .store = ground_.store,
                     .git = git_,
                     .blocking = blocking_,
                     .folders = folders_of(ground_.paths),
                     .live = [this] { return dispatcher_->live(); },
                     .at_work = [this] { return runs_.in_hand(); },
                     .clock = ground_.clock,
                     .life = ground_.instance,
                     .log = ground_.log.named("housekeeping")}),
      hand_over_({.store = ground_.store,
                  .clock = ground_.clock,
                  .lanes =
                      [this] {
                        std::set<std::string> names;
                        for (const auto& [name, lane] : rules_.rules->lanes().by_name)
                          names.insert(name);
                        return names;
                      },
                  .live = [this] { return dispatcher_->live(); },
                  .hand_over =
                      [this](dispatch::HandOver order, Reply<int> reply) {
                        dispatcher_->hand_over(std::move(order), std::move(reply));
                      },
                  .log = ground_.log.named("dispatch")}),
      drain_(ground_.loop) {
  read_config(config);
}

// What waits for a cage is told first: the threads that wait are joined by `blocking_`.
DispatchRoom::~DispatchRoom() {
  dispatcher_.reset();
  stop_->pull();
  cages_->close();
  blocking_.close();
}

void DispatchRoom::read_config(const HostConfig& config) {
  host_name_ = config.host_name;
  forge_url_ = config.gitea.url;
  allow_plaintext_ = config.gitea.allow_plaintext;
  token_ = std::make_unique<TokenSource>(config.gitea.token_files, ground_.log.redactor(),
                                         "Gitea token", &ground_.clock);
  routes_ = model_routes(config);
  housekeeping_.set_bounds(
      {.most = static_cast<std::size_t>(config.runs.most), .bytes = config.runs.bytes});
  clones_ = config.clones;
  rules_ = load_rules(config, ground_.paths);
  attention_ = rules_.fault_lines();
  for (const auto& line : attention_) ground_.log.named("dispatch").error("{}", line);
  attention_.insert(attention_.end(), cage_faults_.begin(), cage_faults_.end());
}

void DispatchRoom::start() {
  look_at_cage();
  dispatcher_->start(rules_.rules, [this](const Status& started) {
    // Which items are in work is known only now.
    if (started.ok()) return housekeeping_.start();
    ground_.log.named("dispatch").error("no work is taken up: {}", started.error().what());
  });
}

void DispatchRoom::configure(const HostConfig& config) {
  read_config(config);
  dispatcher_->set_rules(rules_.rules);
}

// Off the loop, for it takes a moment.
void DispatchRoom::look_at_cage() {
  blocking_.run(
      [paths = ground_.paths, program = ground_.supervisor] {
        return runs::what_is_not_held(probe_cage(paths, program));
      },
      [this](Result<std::vector<std::string>> found) {
        if (found.ok())
          cage_faults_ = std::move(found).value();
        else
          cage_faults_ = {"no agent can be started: " + found.error().message()};
        for (const auto& fault : cage_faults_) ground_.log.named("runs").warn("{}", fault);
        attention_.insert(attention_.end(), cage_faults_.begin(), cage_faults_.end());
      });
}

dispatch::AccessForge DispatchRoom::access() {
  return [this](const std::string& repository) {
    const auto name = parse_repo_name(repository);
    const auto url = forge_url_ + "/" + name.owner + "/" + name.name + ".git";
    (void)workspaces::check_git_url(url, allow_plaintext_);
    return dispatch::ForgeAccess{
        {.repository = repository, .url = url, .allow_plaintext = allow_plaintext_}, token_->get()};
  };
}

void DispatchRoom::heard(const ForgeEvent& event) {
  if (event.number > 0) dispatcher_->look_at(event.repo, event.number);
}

void DispatchRoom::written(const std::string& target) {
  const auto hash = target.rfind('#');
  if (hash == std::string::npos) return;
  // Not all is an issue's: a label may be called "c#".
  std::int64_t number = 0;
  const char* const end = target.data() + target.size();
  const auto read = std::from_chars(target.data() + hash + 1, end, number);
  if (read.ec != std::errc() || read.ptr != end) return;
  dispatcher_->look_at(target.substr(0, hash), number);
}

std::function<std::filesystem::path()> DispatchRoom::note_of(std::string occasion) const {
  return [note = dispatch::ContinuityNote{host_name_, std::move(occasion), dispatcher_->live()},
          folder = ground_.paths.daily_notes(),
          now = ground_.clock.wall()] { return flush_continuity(folder, note, now, Zone()); };
}

void DispatchRoom::flush(Reply<Json> reply) {
  blocking_.run(note_of("asked for"),
                [count = dispatcher_->live().size(),
                 reply = std::move(reply)](Result<std::filesystem::path> file) {
                  if (!file.ok()) return reply(file.error());
                  reply(Json{{"file", file.value().string()}, {"items", count}});
                });
}

void DispatchRoom::drain(Duration grace, std::function<void()> done) {
  housekeeping_.stop();
  const auto log = ground_.log.named("dispatch");
  drain_.begin(
      grace,
      {.end_work = [this](std::function<void()> ended) { dispatcher_->drain(std::move(ended)); },
       .gives_up =
           [log] { log.warn("what is under way takes too long; the next host settles it"); },
       // Here and now: every thread may be at what takes too long.
       .write_note =
           [this, log] {
             const auto written = attempt(note_of("before shutdown"));
             if (!written.ok()) log.warn("no note of the day: {}", written.error().what());
           },
       .done = std::move(done)});
  // What it was at is begun anew by the next host.
  cages_->end();
  stop_->pull();
}

ItemSources DispatchRoom::sources() {
  ItemSources sources;
  sources.dispatcher = dispatcher_.get();
  sources.store = &ground_.store;
  sources.follow = [this](const std::string& run, std::uint64_t offset, Duration wait,
                          const Reply<Json>& reply) {
    runner_.follow(run, offset, wait, [reply](Result<runs::OutputPiece> piece) {
      if (!piece.ok()) return reply(piece.error());
      const auto& [text, next, ended] = piece.value();
      reply(Json{{"text", text}, {"next", next}, {"ended", ended}});
    });
  };
  sources.flush_continuity = [this](Reply<Json> reply) { flush(std::move(reply)); };
  return sources;
}

std::vector<std::string> DispatchRoom::attention() const {
  auto lines = attention_;
  for (auto& fault : hand_over_.faults()) lines.push_back(std::move(fault));
  for (auto& kept : housekeeping_.attention()) lines.push_back(std::move(kept));
  return lines;
}

Json DispatchRoom::report() const {
  Json lanes = Json::object();
  for (const auto& [name, load] : dispatcher_->lanes())
    lanes[name] = {{"busy", load.busy}, {"waiting", load.waiting}};
  return {{"items", dispatcher_->live().size()},
          {"running", runs_.running()},
          {"lanes", std::move(lanes)},
          {"not_held", cage_faults_}};
}

void DispatchRoom::dispatch(Order order, Reply<Json> reply) {
  dispatcher_->dispatch(order_of(std::move(order)), [reply](Result<Item> item) {
    reply(attempt([&] { return item_json(item.value()); }));
  });
}

void DispatchRoom::preview(Order order, Reply<Json> reply) {
  dispatcher_->preview(order_of(std::move(order)), [reply](Result<dispatch::DispatchPreview> seen) {
    reply(attempt([&]() -> Json {
      const auto& reasons = seen.value().reasons;
      return {{"taken", reasons.empty()}, {"reasons", reasons}};
    }));
  });
}

void DispatchRoom::status(std::int64_t item, Reply<Json> reply) {
  ground_.store.run(
      [item](Unit& unit) { return item_json(read_item(unit, dispatch::ItemId(item))); },
      std::move(reply));
}

}  // namespace host
