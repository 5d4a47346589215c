// SPDX-License-Identifier: Apache-2.0
#include "report.hpp"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>

#include "fixture.hpp"

namespace provenance {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using timmy::Json;

class ReportTest : public FolderTest {
 protected:
  // A run in a process of its own, which waits at each of its steps until it is told to go on.
  class Run {
   public:
    explicit Run(const std::function<void(const StepHook&)>& ingest) {
      if (::pipe2(steps_.data(), O_CLOEXEC) != 0 || ::pipe2(words_.data(), O_CLOEXEC) != 0)
        std::abort();
      child_ = ::fork();
      if (child_ != 0) {
        ::close(steps_[1]);
        ::close(words_[0]);
        return;
      }
      ::close(steps_[0]);
      ::close(words_[1]);
      try {
        ingest([&](std::string_view step) {
          const std::string line = std::string(step) + "\n";
          if (::write(steps_[1], line.data(), line.size()) < 0) ::_exit(2);
          char word = 0;
          if (::read(words_[0], &word, 1) != 1) ::_exit(3);
        });
      } catch (...) {
        ::_exit(1);
      }
      ::_exit(0);
    }
    ~Run() {
      ::close(words_[1]);
      ::close(steps_[0]);
      if (child_ > 0) ::waitpid(child_, nullptr, 0);
    }
    Run(const Run&) = delete;
    Run& operator=(const Run&) = delete;

    // The step that it is at; "" when it has ended.
    std::string step() {
      std::string text;
      for (char c = 0; ::read(steps_[0], &c, 1) == 1 && c != '\n';) text += c;
      return text;
    }
    void go_on() { ASSERT_EQ(::write(words_[1], "g", 1), 1); }
    int status() {
      int status = 0;
      ::waitpid(std::exchange(child_, -1), &status, 0);
      return WEXITSTATUS(status);
    }

   private:
    std::array<int, 2> steps_{}, words_{};
    pid_t child_ = -1;
  };

  std::vector<std::string> verdicts(const std::string& id) {
    std::vector<std::string> all;
    const auto answer = explain(settings(), stores_, id);
    for (const auto& turn : answer.at("turns")) all.push_back(turn.at("verdict"));
    return all;
  }
  [[nodiscard]] std::vector<std::string> files() const {
    std::vector<std::string> all;
    if (!std::filesystem::exists(out())) return all;
    for (const auto& each : std::filesystem::recursive_directory_iterator(out()))
      all.push_back(each.path().string());
    std::sort(all.begin(), all.end());
    return all;
  }
};

TEST_F(ReportTest, IsOfWhatStandsWhileARunGoesOn) {
  stores_.put(simple("s", "a", "A"));
  stores_.put(simple("u", "u", "U"));
  ingest();
  stores_.put(simple("u", "u", "changed"));
  stores_.put(simple("t", "b", "B"));
  Run run([&](const StepHook& hook) { (void)ingest(false, hook); });
  std::vector<std::string> steps;
  bool published = false;
  for (auto step = run.step(); !step.empty(); step = run.step()) {
    steps.push_back(step);
    published = published || step == "sweep";
    const auto said = report(settings());
    EXPECT_EQ(said.at("pairs"), published ? 3 : 2) << step;
    EXPECT_EQ(said.at("generation"), published ? 2 : 1) << step;
    EXPECT_EQ(said.at("current"), true) << step;
    EXPECT_THAT(verdicts("s"), ElementsAre("emitted")) << step;
    EXPECT_THAT(verdicts("t"), ElementsAre(published ? "emitted" : "next_run")) << step;
    EXPECT_THAT(verdicts("u"), ElementsAre(published ? "emitted" : "next_run")) << step;
    run.go_on();
  }
  EXPECT_THAT(steps, testing::IsSupersetOf({"index", "manifest", "sweep"}));
  EXPECT_EQ(run.status(), 0) << "nobody was in its way";
}

TEST_F(ReportTest, OfNothingSaysSoAndMakesNothing) {
  std::filesystem::remove_all(out());
  stores_.put(simple("s", "a", "A"));
  EXPECT_EQ(report(settings()).at("pairs"), 0);
  EXPECT_THAT(verdicts("s"), ElementsAre("next_run"));
  EXPECT_THAT(files(), IsEmpty()) << "least of all a key that a run beside it has not";
}

TEST_F(ReportTest, WritesNothing) {
  stores_.put(simple("s", "a", "A"));
  ingest();
  const auto before = files();
  const auto index = text_of(out() / "index.db");
  (void)report(settings());
  (void)verdicts("s");
  EXPECT_EQ(text_of(out() / "index.db"), index);
  auto after = files();
  // What SQLite needs to read beside a writer.
  std::erase_if(after,
                [](const auto& path) { return path.ends_with("-wal") || path.ends_with("-shm"); });
  EXPECT_EQ(after, before);
}

TEST_F(ReportTest, OfAnIndexThatIsLostSaysThatTheNextRunSeesToIt) {
  stores_.put(simple("s", "a", "A"));
  ingest();
  std::filesystem::remove(out() / "index.db");
  const auto said = report(settings());
  EXPECT_EQ(said.at("pairs"), 1);
  EXPECT_EQ(said.at("current"), false);
}

}  // namespace
}  // namespace provenance
