// SPDX-License-Identifier: Apache-2.0
//
// Random histories of a target, its machine and its deadman, against a plain list of what truly
// happened: agents that die, hang, flap and recover, suspends, boots, snapshots, clocks, a deadman
// that does not look, or dies between decision and action.
#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "deadman/target.hpp"

namespace host::deadman {
namespace {

using namespace std::chrono_literals;

class History {
 public:
  explicit History(unsigned seed) : random_(seed) {
    rules_ = {.after = std::chrono::minutes(pick(1, 30)),
              .restarts = true,
              .max_retries = pick(1, 4),
              .window = std::chrono::minutes(pick(5, 300)),
              .pause = std::chrono::minutes(pick(1, 60)),
              .healthy_after = std::chrono::minutes(pick(1, 60))};
  }

  void step() {
    switch (pick(0, 39)) {
      case 0: boot(); break;
      case 1: living_ = !living_; break;
      case 2: awake(std::chrono::minutes(pick(1, 600))); break;  // nobody looks
      case 3: snapshot(); break;
      case 4: trusted_ = !trusted_; break;
      case 5: present_ = false; break;
      case 6: cures_ = pick(0, 1) == 0; break;
      case 7:
        if (pick(0, 9) == 0) person_clears();
        break;
      default: minute(); break;
    }
  }

  [[nodiscard]] const std::vector<Duration>& restarts() const { return begun_; }
  [[nodiscard]] int handed_off() const { return told_off_; }

 private:
  int pick(int least, int most) { return std::uniform_int_distribution<int>(least, most)(random_); }

  // The truth's own clock: time awake, over all boots. A suspend is none of it.
  void awake(Duration by) {
    now_ += by, clock_ += by;
    if (!living_) return;
    present_ = true;
    ++stamp_;
    last_stamp_ = now_;
  }
  void boot() {
    boot_ = "boot " + std::to_string(++boots_);
    clock_ = std::chrono::minutes(pick(0, 10));
  }
  void snapshot() {
    if (clock_ > 1h) clock_ -= 1h;
  }
  void person_clears() {
    clear(target_, "was cleared");
    begun_.clear();
    off_ = false;
    silent_ = 0min;
  }

  void minute() {
    awake(1min);
    look();
  }

  // What the silence is, told from the beginning of it each time.
  void follow_silence(const Sign& sign) {
    const auto gap = first_ ? Duration() : std::min(clock_ - looked_at_, rules_.after / 2);
    looked_in_ = boot_;
    looked_at_ = clock_;
    if (first_) silent_ = Duration();
    if (sign.kind == Sign::Kind::untrusted || sign.kind == Sign::Kind::at_work) return;
    const bool there = !sign.mark.empty();
    const bool changed = there ? sign.mark != last_mark_ : ever_ && !gone_;
    silent_ = changed ? Duration() : silent_ + gap;
    gone_ = there ? gone_ && !changed : ever_;
    if (there) last_mark_ = sign.mark;
    ever_ = ever_ || there;
  }

  void look() {
    first_ = looked_in_ != boot_ || clock_ < looked_at_;
    const Sign sign =
        !trusted_  ? Sign{pick(0, 1) == 0 ? Sign::Kind::untrusted : Sign::Kind::at_work, "why"}
        : present_ ? Sign{Sign::Kind::there, std::to_string(stamp_)}
                   : Sign{Sign::Kind::missing, ""};
    follow_silence(sign);
    // What is not told to anybody here stays to be told while it holds.
    ASSERT_EQ(target_.handed_off, target_.telling.find(Event::handed_off) != nullptr);
    ASSERT_EQ(target_.active, target_.telling.find(Event::died) != nullptr);
    const auto decision = judge(target_, rules_, sign, {boot_, clock_});
    ASSERT_EQ(target_.silence.silent, silent_);
    for (const auto& each : decision.happenings) {
      if (each.event == Event::handed_off) ++told_off_;
    }
    check_hand_off(decision);
    const bool dead = trusted_ && ever_ && silent_ >= rules_.after;
    ASSERT_TRUE(target_.active || !dead) << "a death goes unseen";
    if (decision.restart) begin(dead);
    // A silent give-up: dead, and neither told off nor soon to be restarted.
    if (dead && !decision.restart && !off_) {
      ASSERT_LT(target_.restarts.back(), pause_after(rules_, target_.tries));
    }
  }

  void check_hand_off(const Decision& decision) {
    ASSERT_TRUE(target_.handed_off || !off_) << "a hand-off went without a person's word";
    if (!off_ && target_.handed_off) {
      const auto said =
          std::any_of(decision.happenings.begin(), decision.happenings.end(),
                      [](const Happening& each) { return each.event == Event::handed_off; });
      ASSERT_TRUE(said) << "it was not told";
    }
    off_ = target_.handed_off;
  }

  void begin(bool dead) {
    ASSERT_FALSE(first_) << "a first sight kills";
    ASSERT_TRUE(dead);
    ASSERT_FALSE(off_);
    ASSERT_GE(now_ - last_stamp_, rules_.after) << "a living one is restarted";
    begun_.push_back(now_);
    const auto within = std::count_if(begun_.begin(), begun_.end(),
                                      [&](Duration each) { return now_ - each < rules_.window; });
    ASSERT_LE(within, rules_.max_retries);
    begin_restart(target_, {});
    silent_ = Duration();
    const bool dies_before_it_acts = pick(0, 3) == 0;
    if (!dies_before_it_acts && cures_) living_ = true;
  }

  std::mt19937 random_;
  Rules rules_;
  Target target_;
  // The truth.
  Duration now_{}, clock_ = 1min, last_stamp_ = -1000h, looked_at_{};
  std::string boot_ = "boot 0", looked_in_;
  int boots_ = 0, stamp_ = 0, told_off_ = 0;
  bool living_ = true, present_ = false, trusted_ = true, cures_ = true;
  bool first_ = true, ever_ = false, gone_ = false, off_ = false;
  std::string last_mark_;
  Duration silent_{};
  std::vector<Duration> begun_;  // since a person's word
};

TEST(TargetModel, NeverActsBeyondItsRulesAndNeverGivesUpInSilence) {
  std::size_t restarts = 0;
  int handed_off = 0;
  for (unsigned seed = 0; seed < 400; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    History history(seed);
    for (int i = 0; i < 2000; ++i) {
      history.step();
      if (::testing::Test::HasFatalFailure()) return;
    }
    restarts += history.restarts().size();
    handed_off += history.handed_off();
  }
  EXPECT_GT(restarts, 300u) << "these histories prove little";
  EXPECT_GT(handed_off, 200) << "these histories prove little";
}

}  // namespace
}  // namespace host::deadman
