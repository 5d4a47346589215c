// SPDX-License-Identifier: Apache-2.0
#include "deadman/watchman.hpp"

#include <thread>

#include "base/error.hpp"
#include "deadman/turn.hpp"
#include "deadman/unit_state.hpp"
#include "deadman/upkeep.hpp"

namespace host::deadman {
namespace {

void check_sign(const Watch& watch, const LookOrder& order) {
  const bool work = watch.kind == Watch::Kind::work;
  if (work && !order.sign)
    throw Error(Code::usage, "\"" + watch.name + "\" is about work at the forge",
                "Hand in the sign that was seen there.");
  if (!work && order.sign)
    throw Error(Code::usage, "\"" + watch.name + "\" is about " + watched(watch),
                "Hand in no sign: the host looks itself.");
  if (order.sign && order.sign->mark.size() > kLongestMark)
    throw Error(Code::too_large, "the mark of a sign is longer than 500 bytes");
  if (order.sign && order.sign->kind != Sign::Kind::missing && order.sign->mark.empty())
    throw Error(Code::usage, "the sign has no mark");
}

// A run that completed in an earlier life of the host is known by the mark that was kept of it.
Sign look_at_task(const std::string& task, const std::map<std::string, std::string>& tasks,
                  const std::string& kept) {
  const auto found = tasks.find(task);
  if (found == tasks.end())
    return {Sign::Kind::untrusted, "no task \"" + task + "\" runs on this host"};
  const std::string& mark = found->second.empty() ? kept : found->second;
  return mark.empty() ? Sign{Sign::Kind::missing, ""} : Sign{Sign::Kind::there, mark};
}

Settings settings_for(const Paths& paths, bool dry_run) {
  auto settings = load_settings(settings_path(paths), paths);
  settings.dry_run = settings.dry_run || dry_run;
  return settings;
}

}  // namespace

Survey survey(const Paths& paths, bool dry_run) {
  Survey survey{.settings = settings_for(paths, dry_run)};
  survey.state = read_state(state_path(paths, survey.settings.dry_run));
  (void)carry_over(survey.state, survey.settings);
  return survey;
}

Watchman::Watchman(Paths paths, const Clock& clock, Runner& runner, std::string boot,
                   std::string host_name, StampLooker stamps, Pause pause)
    : paths_(std::move(paths)),
      clock_(clock),
      runner_(runner),
      boot_(std::move(boot)),
      host_name_(std::move(host_name)),
      stamps_(std::move(stamps)),
      pause_(std::move(pause)) {}

void Watchman::sleep(Duration time) { std::this_thread::sleep_for(time); }

Watchman::Minute& Watchman::minute() {
  const auto now = clock_.monotonic();
  if (!minute_ || now - minute_->began >= std::chrono::minutes(1)) minute_ = Minute{.began = now};
  return *minute_;
}

// A one-shot looks each minute at the same second as the plugin, and is mostly done at once.
StateFile Watchman::open_state(bool dry_run) try {
  Duration& turn = minute().turn;
  return take_turn(state_path(paths_, dry_run), turn, [&](Duration step) {
    pause_(step);
    turn -= step;
  });
} catch (const Error& error) {
  // One that is at work in another process is no failure of this one.
  if (error.code() != Code::already_running) throw;
  throw Error(Code::unavailable, error.message(), error.next_step());
}

// A run of the plugin looks at one after the other; who waits for the state must find a gap.
void Watchman::let_others() {
  constexpr Duration kGap = 2 * kTurnStep;
  if (let_go_ && clock_.monotonic() - *let_go_ < kGap) pause_(kGap);
}

Moment Watchman::now() const {
  return {boot_, std::chrono::duration_cast<Duration>(clock_.monotonic().time_since_epoch())};
}

Looked Watchman::look(const LookOrder& order) {
  const auto all = settings_for(paths_, order.dry_run);
  Watch watch = all.find(order.watch);
  check_sign(watch, order);
  if (seen_from_inside(watch)) return look_and_act(all, std::move(watch), order);
  Looked looked{.watch = std::move(watch), .dry_run = all.dry_run};
  looked.state = read_state(state_path(paths_, all.dry_run));
  (void)carry_over(looked.state, all);
  looked.standing = standing_of(looked.watch, looked.state, now(), looked.dry_run);
  return looked;
}

// What needs nothing that is kept; none for a task.
std::optional<Sign> Watchman::look_outside(const Watch& watch, const LookOrder& order) {
  if (order.sign) return order.sign;
  if (watch.kind == Watch::Kind::task) return std::nullopt;
  return stamps_.look(watch.stamp, watch.user);
}

Looked Watchman::look_and_act(const Settings& all, Watch watch, const LookOrder& order) {
  Looked looked{.watch = watch, .dry_run = all.dry_run};
  if (!order.may_restart) watch.rules.restarts = false;
  looked.withheld = watch.restart && !order.may_restart && !seen_from_outside(watch);
  const Settings one{.dry_run = all.dry_run, .alert = all.alert, .watches = {std::move(watch)}};
  // Before the lock is taken: a look that hangs, as at a file system that is gone, must not keep
  // the one-shots from theirs.
  let_others();
  const auto began = now();
  auto seen = look_outside(looked.watch, order);
  const auto at = clock_.monotonic();
  auto file = open_state(all.dry_run);
  State& state = looked.state = file.load(all, clock_.wall());
  looked.records = bring_into_line(state, all, now(), clock_.wall());
  if (state.target(looked.watch).silence.may_have_later_than(began) ||
      clock_.monotonic() - at > longest_fresh(looked.watch.rules.after))
    seen = look_outside(looked.watch, order);
  const auto sign_of = [&](const Watch& each) -> Sign {
    const Silence& kept = state.target(each).silence;
    // Its unit as declared: also who may not restart it flags nothing that is just being started.
    return unless_at_work(seen ? *seen : look_at_task(each.task, order.tasks, kept.mark),
                          looked.watch, kept, now(), runner_);
  };
  const auto records =
      Round(one, state,
            {.clock = clock_,
             .boot = boot_,
             .host_name = host_name_,
             .runner = runner_,
             .look = sign_of,
             .keep = [&](const State& kept) { file.save(kept); },
             .unit_state = [&](const Watch&) { return describe_unit(looked.watch, runner_); }})
          .run(minute().patience);
  let_go_ = clock_.monotonic();
  looked.records.insert(looked.records.end(), records.begin(), records.end());
  looked.standing = standing_of(looked.watch, state, now(), looked.dry_run);
  return looked;
}

}  // namespace host::deadman
