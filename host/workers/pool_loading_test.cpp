// SPDX-License-Identifier: Apache-2.0
//
// Row P1 of the fault matrix, as far as only loading tells: a library without the entry, with half
// a table, or whose constructors misbehave. Whatever it is, other plugins go on.
#include <gmock/gmock.h>

#include <map>
#include <random>

#include "workers/pool_fixture.hpp"

namespace host {
namespace {

using testing::HasSubstr;

class PoolLoading : public PoolTest {
 protected:
  // Other plugins run after whatever happened.
  ~PoolLoading() override {
    spec = make_spec();
    EXPECT_EQ(result("echo", {{"still", "here"}}), Json({{"still", "here"}}));
  }

  // What comes of a job of this library.
  Verdict load(const std::string& library) {
    const auto path = std::filesystem::path(TIMMY_BROKEN_DIR) / ("broken_" + library + ".so");
    const Fd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    spec = make_spec();
    spec->image = PluginImage::copy_of(file.get(), path.string());
    return verdict(submit("nothing"));
  }
  void expect_refused(const std::string& library, const std::string& why) {
    SCOPED_TRACE(library);
    const auto ended = load(library);
    EXPECT_EQ(name_of(ended), "failed");
    EXPECT_EQ(ended.code, "load");
    EXPECT_TRUE(ended.permanent) << "the same bytes would fail again";
    EXPECT_THAT(ended.message, HasSubstr(why));
  }
};

TEST_F(PoolLoading, P1ALibraryWithoutTheEntryIsRefused) {
  expect_refused("no_symbol", "timmy_plugin_v1");
}

TEST_F(PoolLoading, P1ALibraryThatLacksAnotherIsRefusedByTheMissingName) {
  expect_refused("undefined_symbol", "nowhere_to_be_found");
}

TEST_F(PoolLoading, P1AnIncompleteTableIsRefused) {
  expect_refused("short_table", "timmy_plugin_v1.size is 8");
  expect_refused("no_run", "lacks create, run or destroy");
}

TEST_F(PoolLoading, P1AConstructorThatThrowsIsACrash) {
  const auto ended = load("ctor_throws");
  EXPECT_EQ(name_of(ended), "crashed");
  EXPECT_EQ(ended.signal, SIGABRT);
  EXPECT_THAT(ended.message, HasSubstr("while the plugin was being made"));
  EXPECT_THAT(ended.output, HasSubstr("out of a constructor"));
}

TEST_F(PoolLoading, P1AConstructorThatEndsItsProcessIsACrash) {
  const auto aborts = load("ctor_aborts");
  EXPECT_EQ(name_of(aborts), "crashed");
  EXPECT_EQ(aborts.signal, SIGABRT);
  EXPECT_THAT(aborts.message, HasSubstr("while the plugin was being made"));
  const auto exits = load("ctor_exits");
  EXPECT_EQ(name_of(exits), "crashed");
  EXPECT_EQ(exits.exit_status, 7);
}

TEST_F(PoolLoading, P1AConstructorThatNeverReturnsIsEnded) {
  settings.start = std::chrono::seconds(2);
  EXPECT_EQ(name_of(load("ctor_hangs")), "timed_out");
}

// Real bytes, damaged: most of them where the headers and the dynamic linker's tables are.
class Damage {
 public:
  explicit Damage(std::string bytes) : bytes_(std::move(bytes)) {}

  std::string next() {
    auto damaged = bytes_;
    if (random_() % 10 == 0) {
      damaged.resize(random_() % damaged.size());
      return damaged;
    }
    for (auto left = 1 + random_() % 16; left > 0; --left) {
      const auto reach = random_() % 4 == 0 ? damaged.size() : std::size_t{4096};
      damaged[random_() % reach] ^= static_cast<char>(1u << random_() % 8);
    }
    return damaged;
  }

 private:
  std::string bytes_;
  std::mt19937 random_{20260105};
};

TEST_F(PoolLoading, P1ADamagedLibraryEndsInAVerdictWhateverTheDamage) {
  settings.start = std::chrono::seconds(2);
  Damage damage(read_file(TIMMY_HOSTILE, 256u << 20));
  const auto file = folder / "damaged.so";
  std::map<std::string, int> ends;
  for (int image = 0; image < 100; ++image) {
    SCOPED_TRACE("image " + std::to_string(image));
    write_atomically(file, damage.next());
    const Fd open_file(::open(file.c_str(), O_RDONLY | O_CLOEXEC));
    spec = make_spec();
    spec->image = PluginImage::copy_of(open_file.get(), file.string());
    const auto ended = outcome(submit("nothing", {}, {.timeout = std::chrono::seconds(2)}));
    ASSERT_FALSE(ended.not_begun);
    ++ends[name_of(ended.verdict)];
  }
  EXPECT_GT(ends["failed"], 0) << "none was refused by the linker";
  EXPECT_GT(ends["crashed"] + ends["failed"], 20) << "it is hardly damage";
}

}  // namespace
}  // namespace host
