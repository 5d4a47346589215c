// SPDX-License-Identifier: Apache-2.0
#include "cli/deadman_look.hpp"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <map>
#include <ostream>
#include <random>
#include <thread>
#include <utility>

#include "app/offline.hpp"
#include "base/boot.hpp"
#include "base/error.hpp"
#include "base/result.hpp"
#include "cli/table.hpp"
#include "deadman/own_fault.hpp"
#include "deadman/round.hpp"
#include "deadman/turn.hpp"
#include "deadman/unit_state.hpp"
#include "deadman/upkeep.hpp"

namespace host::cli {
namespace {

using deadman::Sign;

// A look of the running host that restarts and tells takes a minute at worst, mostly none.
constexpr Duration kLongestWait = std::chrono::seconds(30);

std::string this_machine() {
  std::array<char, 256> name{};
  return ::gethostname(name.data(), name.size() - 1) == 0 ? name.data() : "";
}

Duration awake() {
  return std::chrono::duration_cast<Duration>(SystemClock().monotonic().time_since_epoch());
}

// The host lives while it answers: one that hangs holds its socket and says nothing.
Sign look_at_host(const Session& session) {
  try {
    if (!session.client().answers(std::chrono::seconds(10))) return {Sign::Kind::missing, ""};
  } catch (const Error& error) {
    return {Sign::Kind::untrusted, "the host can't be asked: " + error.message()};
  }
  return {Sign::Kind::there, std::to_string(awake().count())};
}

deadman::Silence silence_of(const deadman::State& state, const deadman::Watch& watch) {
  const auto* kept = state.find(watch);
  return kept == nullptr ? deadman::Silence() : kept->silence;
}

// One that waited in vain for another deadman is not at fault while that one looks.
bool another_looks(const Error& error, const std::filesystem::path& state) {
  return error.code() == Code::already_running &&
         deadman::was_kept_lately(state, SystemClock().wall());
}

}  // namespace

deadman::Moment now() { return {this_boot(), awake()}; }

std::string named_host(const Session& session) {
  const auto loaded =
      attempt([&] { return load_or_default(session.config, session.host_name, session.paths); });
  if (loaded.ok()) return loaded.value().config.host_name;
  return session.host_name.empty() ? this_machine() : session.host_name;
}

Sign look_at(const Session& session, const deadman::Watch& watch, deadman::StampLooker& stamps) {
  return watch.kind == deadman::Watch::Kind::host ? look_at_host(session)
                                                  : stamps.look(watch.stamp, watch.user);
}

deadman::StateFile take_turn(const Session& session, const deadman::Settings& settings) {
  return deadman::take_turn(deadman::state_path(session.paths, settings.dry_run), kLongestWait,
                            [](Duration time) { std::this_thread::sleep_for(time); });
}

namespace {

// As a round is to judge it.
Sign as_judged(Sign sign, const deadman::Watch& watch, const deadman::State& state,
               deadman::Runner& runner) {
  return deadman::unless_at_work(std::move(sign), watch, silence_of(state, watch), now(), runner);
}

// The host first; then whoever was judged longest ago. So one that ends this process comes at the
// end, behind those that it could hold up. Those that nobody has looked at yet, as after a boot,
// come in another order each time, lest such a one be always their first.
void put_in_order(std::vector<deadman::Watch>& watches, const deadman::State& state) {
  std::shuffle(watches.begin(), watches.end(), std::mt19937(std::random_device()()));
  const auto rank = [&, at = now()](const deadman::Watch& watch) {
    const auto kept = silence_of(state, watch);
    return std::pair(watch.kind != deadman::Watch::Kind::host,
                     kept.begins_anew(at) ? Duration() : -kept.looked.at);
  };
  std::stable_sort(watches.begin(), watches.end(),
                   [&](const auto& a, const auto& b) { return rank(a) < rank(b); });
}

// What is seen of all before the lock is taken: a look that hangs, as at a file system that is
// gone, must not keep the running host from its looks.
class Signs {
 public:
  Signs(const Session& session, const std::vector<deadman::Watch>& watches,
        deadman::StampLooker& stamps)
      : session_(session), stamps_(stamps) {
    for (const auto& watch : watches) seen_[watch.name] = look(watch);
  }
  // Looks again where the lock, or what was done about others, took its time, and where another
  // deadman judged after that look. What hung before is known to hang, and not waited for.
  const Sign& fresh(const deadman::Watch& watch, const deadman::Silence& kept) {
    auto& seen = seen_[watch.name];
    if (kept.may_have_later_than(seen.began) ||
        now().at - seen.ended > deadman::longest_fresh(watch.rules.after))
      seen = look(watch);
    return seen.sign;
  }

 private:
  struct Seen {
    Sign sign;
    deadman::Moment began;
    Duration ended{};
  };
  [[nodiscard]] Seen look(const deadman::Watch& watch) {
    auto began = now();
    auto sign = look_at(session_, watch, stamps_);
    return {std::move(sign), std::move(began), now().at};
  }

  const Session& session_;
  deadman::StampLooker& stamps_;
  std::map<std::string, Seen> seen_;  // by watch
};

// Each by a round of its own, so that what was seen of it is kept before the next is judged.
std::vector<deadman::Record> look_and_act(const Session& session, const deadman::Settings& all,
                                          deadman::Runner& runner, deadman::StampLooker& stamps) {
  auto watches = deadman::seen_from_outside(all).watches;
  const SystemClock clock;
  const auto host_name = named_host(session);
  Signs signs(session, watches, stamps);
  auto file = take_turn(session, all);
  auto state = file.load(all, clock.wall());
  auto records = deadman::bring_into_line(state, all, now(), clock.wall());
  // A round keeps it; without one it would be carried over at each look.
  if (watches.empty()) file.save(state);
  put_in_order(watches, state);
  deadman::Patience patience;
  for (auto& watch : watches) {
    const deadman::Settings one{
        .dry_run = all.dry_run, .alert = all.alert, .watches = {std::move(watch)}};
    const auto more =
        deadman::Round(
            one, state,
            {.clock = clock,
             .boot = this_boot(),
             .host_name = host_name,
             .runner = runner,
             .look =
                 [&](const auto& each) {
                   return as_judged(signs.fresh(each, silence_of(state, each)), each, state,
                                    runner);
                 },
             .keep = [&](const deadman::State& kept) { file.save(kept); },
             .unit_state = [&](const auto& each) { return describe_unit(each, runner); }})
            .run(patience);
    records.insert(records.end(), more.begin(), more.end());
  }
  return records;
}

}  // namespace

std::vector<deadman::Record> say(const Session& session, const deadman::Settings& all) {
  auto settings = deadman::seen_from_outside(all);
  auto state = deadman::read_state(deadman::state_path(session.paths, settings.dry_run));
  (void)deadman::carry_over(state, all);
  deadman::StampLooker stamps;
  settings.dry_run = true;
  deadman::ProgramRunner runner(Environment::of_process());
  const SystemClock clock;
  return deadman::Round(settings, state,
                        {.clock = clock,
                         .boot = this_boot(),
                         .host_name = named_host(session),
                         .runner = runner,
                         .look =
                             [&](const auto& watch) {
                               return as_judged(look_at(session, watch, stamps), watch, state,
                                                runner);
                             },
                         .keep = [](const deadman::State&) {}})
      .run();
}

std::vector<deadman::Record> act(const Session& session, const deadman::Settings& settings,
                                 deadman::StampLooker stamps) {
  deadman::ProgramRunner runner(Environment::of_process());
  try {
    return look_and_act(session, settings, runner, stamps);
  } catch (...) {
    const Error error = current_error();
    if (settings.dry_run || another_looks(error, deadman::state_path(session.paths, false))) throw;
    const auto told =
        deadman::tell_own_fault({named_host(session), error.what(), SystemClock().wall()},
                                settings.alert, session.paths.run / "deadman-failed", runner);
    if (told && !told->ok) session.err << "nobody could be told: " << printable(told->text) << '\n';
    throw;
  }
}

}  // namespace host::cli
