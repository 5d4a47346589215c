// SPDX-License-Identifier: Apache-2.0
#include "new_file.hpp"

#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <timmy/failure.hpp>

#include "fixture.hpp"

namespace provenance {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kMiB = 1 << 20;

class NewFileTest : public FolderTest {
 protected:
  [[nodiscard]] fs::path path() const { return home_ / "part.new"; }
  [[nodiscard]] static std::ptrdiff_t threads() {
    return std::distance(fs::directory_iterator("/proc/self/task"), fs::directory_iterator());
  }
  // No two blocks of it are alike.
  [[nodiscard]] static std::string text(std::size_t size) {
    std::string all;
    for (std::size_t i = 0; all.size() < size; ++i) all += std::to_string(i) + "\n";
    all.resize(size);
    return all;
  }
};

TEST_F(NewFileTest, WhatIsAppendedIsThereInItsOrderWhateverItsSize) {
  for (const auto size :
       {std::size_t{0}, std::size_t{1}, kMiB - 1, kMiB, kMiB + 1, 3 * kMiB + 4095, 12 * kMiB + 5}) {
    const auto all = text(size);
    NewFile file(path());
    for (std::size_t at = 0; at < size; at += 70'001)
      file.append(std::string_view(all).substr(at, 70'001));
    const auto as = home_ / std::to_string(size);
    file.publish(as);
    EXPECT_TRUE(text_of(as) == all) << size;
    EXPECT_EQ(file.sha256(), Sha256().of(all)) << size;
    EXPECT_FALSE(fs::exists(path()));
  }
}

TEST_F(NewFileTest, ALargeOneIsWrittenByAThreadThatGoesWithIt) {
  const auto before = threads();
  NewFile sealed(path());
  sealed.append(text(3 * kMiB));
  EXPECT_EQ(threads(), before + 1);
  sealed.seal();
  EXPECT_EQ(threads(), before);
  {
    NewFile given_up(path());
    given_up.append(text(3 * kMiB));
  }
  EXPECT_EQ(threads(), before);
}

// The thread meets it; whoever appends or seals is told.
TEST_F(NewFileTest, ADiskThatTakesNoMoreIsTold) {
  const auto child = ::fork();
  if (child == 0) {
    std::signal(SIGXFSZ, SIG_IGN);
    const rlimit most{2 * kMiB, 2 * kMiB};
    int told = ::setrlimit(RLIMIT_FSIZE, &most);
    for (const auto size : {3 * kMiB, 20 * kMiB}) {
      NewFile file(path());
      try {
        file.append(text(size));
        file.seal();
      } catch (const timmy::Retryable&) {
        ++told;
      }
    }
    ::_exit(told);
  }
  int status = -1;
  ::waitpid(child, &status, 0);
  EXPECT_EQ(WEXITSTATUS(status), 2);
}

// Past the page cache only whole blocks can be written: the kernel shortens the last one to what
// the limit leaves, and what it then refuses is written as any other file is.
TEST_F(NewFileTest, WhatCannotPassThePageCacheIsWrittenThroughIt) {
  constexpr std::size_t kOdd = 100;
  const auto all = text(5 * kMiB);
  const auto child = ::fork();
  if (child == 0) {
    std::signal(SIGXFSZ, SIG_IGN);
    const rlimit most{2 * kMiB + kOdd, 2 * kMiB + kOdd};
    bool told = false;
    if (::setrlimit(RLIMIT_FSIZE, &most) != 0) ::_exit(2);
    try {
      NewFile file(path());
      file.append(all);
      file.seal();
    } catch (const timmy::Retryable&) {
      told = true;
    }
    ::_exit(told ? 0 : 1);
  }
  int status = -1;
  ::waitpid(child, &status, 0);
  EXPECT_EQ(status, 0);
  EXPECT_TRUE(text_of(path()) == all.substr(0, 2 * kMiB + kOdd)) << fs::file_size(path());
}

}  // namespace
}  // namespace provenance
