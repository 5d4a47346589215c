// SPDX-License-Identifier: Apache-2.0
#include "workspaces/mirror.hpp"

#include <fcntl.h>

#include <atomic>
#include <future>

#include "workspaces/git_fixture.hpp"
#include "workspaces/git_leaks.hpp"

namespace host::workspaces {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::Pair;

class MirrorTest : public ForgeTest {
 protected:
  [[nodiscard]] std::string refs() const {
    return plain_git(mirror_->git_dir(), {"for-each-ref", "--format=%(refname)"});
  }
};

TEST_F(MirrorTest, TakesTheForgesBranchesUnderNamesOfItsOwn) {
  const auto first = *at_forge("main");
  person_commits("second", "feature/x");
  plain_git(forge_repo(), {"tag", "v1", "main"});
  plain_git(forge_repo(), {"update-ref", "refs/pull/1/head", first.text()});
  plain_git(forge_repo(),
            {"update-ref", "refs/replace/" + first.text(), at_forge("feature/x")->text()});
  fetch();
  EXPECT_EQ(refs(), "refs/forge/heads/feature/x\nrefs/forge/heads/main\n");
  EXPECT_EQ(mirror_->forge_head("main"), first);
  EXPECT_EQ(mirror_->forge_head("none"), std::nullopt);
  EXPECT_EQ(mirror_->work_head("main"), std::nullopt);
}

TEST_F(MirrorTest, FollowsWhatMovesAndWhatGoes) {
  person_commits("second", "gone");
  fetch();
  plain_git(person(), {"commit", "--quiet", "--amend", "--allow-empty", "--message", "other"});
  plain_git(person(), {"push", "--quiet", "--force", forge_repo().string(), "HEAD:main"});
  plain_git(forge_repo(), {"branch", "-D", "gone"});
  fetch();
  EXPECT_EQ(mirror_->forge_head("main"), at_forge("main"));
  EXPECT_EQ(mirror_->forge_head("gone"), std::nullopt);
}

TEST_F(MirrorTest, KeepsItsOwnRefsWhenItFetches) {
  fetch();
  plain_git(mirror_->git_dir(), {"update-ref", "refs/timmy/work/x", at_forge("main")->text()});
  fetch();
  EXPECT_EQ(mirror_->work_head("x"), at_forge("main"));
}

TEST_F(MirrorTest, KnowsWhoDescendsFromWhom) {
  const auto first = *at_forge("main");
  const auto second = person_commits("second");
  fetch();
  EXPECT_TRUE(mirror_->is_ancestor(first, second));
  EXPECT_TRUE(mirror_->is_ancestor(first, first));
  EXPECT_FALSE(mirror_->is_ancestor(second, first));
  EXPECT_FALSE(mirror_->is_ancestor(*ObjectId::parse(std::string(40, '1')), first));
}

TEST_F(MirrorTest, IsClosedToOthersOrRefused) {
  const auto open = folder_ / "open";
  fs::create_directory(open);
  fs::permissions(open, fs::perms::owner_all | fs::perms::group_read | fs::perms::group_exec);
  const auto error = error_of([&] { return Mirror(*git_, open); });
  EXPECT_EQ(error->code(), Code::denied);
  EXPECT_THAT(error->next_step(), HasSubstr("chmod 700"));
}

TEST_F(MirrorTest, ItsConfigurationIsWrittenAnew) {
  plain_git(mirror_->git_dir(), {"config", "core.sshCommand", canary().string()});
  const Mirror again(*git_, mirror_->git_dir().parent_path());
  EXPECT_THAT(read_file(mirror_->git_dir() / "config", 4096), Not(HasSubstr("sshCommand")));
}

TEST_F(MirrorTest, AWrongTokenIsDenied) {
  const GitCredential wrong(remote().url, Secret("not-the-token"));
  const auto error = error_of([&] { return mirror_->fetch(remote(), &wrong), 0; });
  EXPECT_EQ(error->code(), Code::denied);
  EXPECT_THAT(error->next_step(), HasSubstr("token"));
  EXPECT_EQ(error_of([&] { return mirror_->fetch(remote(), nullptr), 0; })->code(), Code::denied);
}

TEST_F(MirrorTest, ARepositoryThatIsNotThereIsNotFound) {
  auto other = remote();
  other.url = server_->url("org/none");
  const GitCredential credential(other.url, Secret(std::string(kToken)));
  EXPECT_EQ(error_of([&] { return mirror_->fetch(other, &credential), 0; })->code(),
            Code::not_found);
}

TEST_F(MirrorTest, AForgeThatIsDownOrBreaksIsUnavailable) {
  for (const int status : {500, 502, 503}) {
    server_->set_look([=](const ServerRequest&) { return ServerResponse{.status = status}; });
    EXPECT_EQ(error_of([&] { return fetch(), 0; })->code(), Code::unavailable) << status;
  }
  server_->set_look([](const ServerRequest&) { return ServerResponse{.raw = ""}; });
  EXPECT_EQ(error_of([&] { return fetch(), 0; })->code(), Code::unavailable);
  server_->set_look([](const ServerRequest&) { return ServerResponse{.status = 429}; });
  EXPECT_EQ(error_of([&] { return fetch(), 0; })->code(), Code::rate_limited);
  const auto there = remote();
  server_->stop();
  EXPECT_EQ(error_of([&] { return mirror_->fetch(there, &*credential_), 0; })->code(),
            Code::unavailable);
}

TEST_F(MirrorTest, AForgeThatHangsIsGivenUp) {
  server_->fall_silent();
  EXPECT_EQ(error_of([&] { return mirror_->fetch(remote(1s), &*credential_), 0; })->code(),
            Code::timed_out);
}

TEST_F(MirrorTest, ARedirectTakesTheTokenNowhere) {
  GitHttpServer other(folder_ / "forge", std::string(kToken));
  std::atomic<int> came = 0;
  other.set_look([&](const ServerRequest&) -> std::optional<ServerResponse> {
    ++came;
    return std::nullopt;
  });
  server_->set_look([&](const ServerRequest& request) {
    return ServerResponse{
        .status = 302, .headers = {{"Location", other.url("org/app") + request.target.substr(12)}}};
  });
  EXPECT_EQ(error_of([&] { return fetch(), 0; })->code(), Code::unavailable);
  EXPECT_EQ(came, 0);
}

TEST_F(MirrorTest, PlainHttpBeyondThisMachineIsRefused) {
  auto far = remote();
  far.url = "http://git.example.org/org/app.git";
  EXPECT_EQ(error_of([&] { return mirror_->fetch(far, &*credential_), 0; })->code(), Code::denied);
}

// A tree that git never writes: its file has a mode with a zero before it.
TEST_F(MirrorTest, DamagedObjectsAreNotTakenIn) {
  const auto blob = plain_git(forge_repo(), {"hash-object", "-w", "--stdin"}, "x").substr(0, 40);
  std::string raw;
  for (std::size_t i = 0; i < 40; i += 2)
    raw += static_cast<char>(std::stoi(blob.substr(i, 2), nullptr, 16));
  const auto tree =
      plain_git(forge_repo(), {"hash-object", "-t", "tree", "-w", "--literally", "--stdin"},
                "0100644 x" + std::string(1, '\0') + raw)
          .substr(0, 40);
  const auto commit = plain_git(forge_repo(), {"commit-tree", "-m", "odd", tree}).substr(0, 40);
  plain_git(forge_repo(), {"update-ref", "refs/heads/odd", commit});
  const auto error = error_of([&] { return fetch(), 0; });
  EXPECT_EQ(error->code(), Code::corrupt) << error->what();
  EXPECT_EQ(refs(), "");
  mirror_->fetch(remote(), &*credential_, {"zeroPaddedFilemode"});
  EXPECT_EQ(mirror_->forge_head("odd")->text(), commit);
  EXPECT_THROW(mirror_->fetch(remote(), &*credential_, {"x=ignore"}), Error);
}

TEST_F(MirrorTest, TheTokenIsInNoArgumentNoEnvironmentAndNoFile) {
  Shown shown;
  server_->set_look([&](const ServerRequest&) -> std::optional<ServerResponse> {
    shown = descendants_shown();
    return std::nullopt;
  });
  fetch();
  server_->stop();
  ASSERT_TRUE(shown.saw_git) << "the look must come while git runs";
  ASSERT_TRUE(shown.saw_credential);
  EXPECT_TRUE(shown.saw_lock) << "git keeps the mirror's lock, whatever becomes of the host";
  EXPECT_FALSE(holds_token(shown.text));
  EXPECT_EQ(shown.text.find("Authorization"), std::string::npos);
  EXPECT_FALSE(holds_token(all_bytes_below(folder_ / "host") + all_bytes_below(folder_ / "home")));
}

TEST_F(MirrorTest, WhatAKilledHostLeftIsRemoved) {
  fetch();
  put(mirror_->git_dir() / "packed-refs.lock", "");
  put(mirror_->git_dir() / "refs" / "forge" / "heads" / "main.lock", "");
  put(mirror_->git_dir() / "objects" / "pack" / "tmp_pack_x", "half");
  put(mirror_->quarantines() / "import.x" / "pack" / "y", "half");
  mirror_->recover();
  const auto second = person_commits("second");
  fetch();
  EXPECT_EQ(mirror_->forge_head("main"), second);
  EXPECT_TRUE(fs::is_empty(mirror_->quarantines()));
  EXPECT_FALSE(fs::exists(mirror_->git_dir() / "objects" / "pack" / "tmp_pack_x"));
}

// A folder of branches may be named like a lock, a branch like half a pack.
TEST_F(MirrorTest, BranchesWithNamesLikeLeftoversStay) {
  person_commits("one", "tmp_pack_x");
  person_commits("two", "feature/tmp_y");
  fetch();
  fs::create_directories(mirror_->git_dir() / "refs" / "odd.lock");
  put(mirror_->git_dir() / "refs" / "odd.lock" / "x", at_forge("main")->text() + "\n");
  mirror_->recover();
  EXPECT_EQ(mirror_->forge_head("tmp_pack_x"), at_forge("tmp_pack_x"));
  EXPECT_EQ(mirror_->forge_head("feature/tmp_y"), at_forge("feature/tmp_y"));
  EXPECT_TRUE(fs::exists(mirror_->git_dir() / "refs" / "odd.lock" / "x"));
}

TEST_F(MirrorTest, LeftoversAreRemovedHoweverManyThereAre) {
  const auto objects = mirror_->git_dir() / "objects";
  for (int i = 0; i < 300; ++i) {
    const auto folder = objects / ("tmp_objdir-incoming-" + std::to_string(i));
    put(folder / "tmp_obj_x", "half");
    put(mirror_->git_dir() / "refs" / ("x" + std::to_string(i) + ".lock"), "");
  }
  mirror_->recover();
  for (const auto& entry : fs::recursive_directory_iterator(mirror_->git_dir())) {
    EXPECT_FALSE(entry.path().filename().string().starts_with("tmp_")) << entry;
    EXPECT_NE(entry.path().extension(), ".lock") << entry;
  }
}

// A forge that sends half a pack, and then nothing.
TEST_F(MirrorTest, AFetchThatIsEndedLeavesNoHalfPack) {
  std::string noise;
  unsigned state = 1;
  while (noise.size() < (1U << 20))
    noise += static_cast<char>((state = state * 1664525U + 1013904223U) >> 24);
  put(person() / "noise", noise);
  person_commits("noise");
  server_->stop_in_the_middle_of("/git-upload-pack", 300'000);
  EXPECT_EQ(error_of([&] { return mirror_->fetch(remote(1s), &*credential_), 0; })->code(),
            Code::timed_out);
  for (const auto& entry : fs::recursive_directory_iterator(mirror_->git_dir() / "objects"))
    EXPECT_FALSE(entry.is_regular_file()) << entry;
}

TEST_F(MirrorTest, ALockThatNeverComesFreeIsGivenUp) {
  const auto held = mirror_->lock();
  const auto file = mirror_->git_dir().parent_path() / "lock";
  const auto error = error_of([&] { return MirrorLock(file, nullptr, Duration(0)).fd(); });
  EXPECT_EQ(error->code(), Code::unavailable);
  EXPECT_THAT(error->next_step(), HasSubstr("fuser"));
}

// A host that stops must not wait for a lock that a git of another holds for half an hour.
TEST_F(MirrorTest, WhoWaitsForTheLockOfAHostThatStopsGivesUpAtOnce) {
  std::optional<MirrorLock> held = mirror_->lock();
  const auto stop = std::make_shared<StopLine>();
  const Git stopping(GitSettings{.home = folder_ / "home", .stop = stop});
  auto waiting = std::async(std::launch::async, [&] {
    return error_of([&] { return Mirror(stopping, mirror_->git_dir().parent_path()).lock().fd(); });
  });
  stop->pull();
  const auto ended = waiting.wait_for(10s);
  EXPECT_EQ(ended, std::future_status::ready);
  // Lets one go on that does not hear, for the test to end.
  if (ended != std::future_status::ready) held.reset();
  EXPECT_EQ(waiting.get()->code(), Code::unavailable);
}

// Its holder may be at a fetch that takes ten minutes.
TEST_F(MirrorTest, WhoReadsWaitsForNoLock) {
  fetch();
  std::optional<MirrorLock> held = mirror_->lock();
  auto reading = std::async(std::launch::async, [&] {
    return Mirror(*git_, mirror_->git_dir().parent_path()).forge_head("main");
  });
  EXPECT_EQ(reading.wait_for(20s), std::future_status::ready);
  held.reset();
  EXPECT_EQ(reading.get(), at_forge("main"));
}

TEST_F(MirrorTest, TidyingMakesOnePackAndDropsWhatNothingLeadsTo) {
  fetch();
  put(person() / "work", "x");
  const auto work = person_commits("work", "timmy/issue-12");
  fetch();
  plain_git(mirror_->git_dir(), {"update-ref", Mirror::work_ref("timmy/issue-12"), work.text()});
  plain_git(forge_repo(), {"branch", "-D", "timmy/issue-12"});
  plain_git(person(), {"reset", "--quiet", "--hard", "HEAD^"});
  person_commits("third");
  fetch();
  const auto packs = [&] {
    std::vector<fs::path> found;
    for (const auto& entry : fs::directory_iterator(mirror_->git_dir() / "objects" / "pack"))
      if (entry.path().extension() == ".pack") found.push_back(entry.path());
    return found;
  };
  const auto made_old = [&] {
    for (const auto& pack : packs())
      fs::last_write_time(pack, fs::file_time_type::clock::now() - std::chrono::hours(2));
  };
  ASSERT_EQ(packs().size(), 3u);
  mirror_->tidy(60s, 3);
  EXPECT_EQ(packs().size(), 3u) << "they are few enough";
  made_old();
  mirror_->tidy(60s, 2);
  EXPECT_EQ(packs().size(), 1u);
  EXPECT_EQ(mirror_->work_head("timmy/issue-12"), work) << "what a ref leads to stays";
  EXPECT_EQ(mirror_->forge_head("main"), at_forge("main"));

  EXPECT_THAT(mirror_->work(), ElementsAre(Pair("timmy/issue-12", work)));
  EXPECT_FALSE(mirror_->forget_work("timmy/issue-12", *at_forge("main")))
      << "what came in meanwhile is not what was to go";
  plain_git(mirror_->git_dir(), {"update-ref", Mirror::sealed_ref("timmy/issue-12"), work.text()});
  plain_git(mirror_->git_dir(), {"update-ref", Mirror::kept_ref("timmy/issue-12", 3), work.text()});
  plain_git(mirror_->git_dir(),
            {"update-ref", Mirror::sealed_ref("timmy/issue-1"), at_forge("main")->text()});
  EXPECT_TRUE(mirror_->forget_work("timmy/issue-12", work));
  EXPECT_EQ(refs(), "refs/forge/heads/main\nrefs/timmy/sealed/timmy/issue-1\n")
      << "all of it, and nothing of another's";
  EXPECT_FALSE(mirror_->forget_work("timmy/issue-12", work));
  EXPECT_THAT(mirror_->work(), IsEmpty());
  EXPECT_EQ(mirror_->work_head("timmy/issue-12"), std::nullopt);
  made_old();
  mirror_->tidy(60s, 0);
  EXPECT_THROW(plain_git(mirror_->git_dir(), {"cat-file", "-t", work.text()}), std::runtime_error);
  EXPECT_EQ(mirror_->forge_head("main"), at_forge("main"));
  EXPECT_NO_THROW(plain_git(mirror_->git_dir(), {"fsck", "--strict"}));
}

TEST_F(MirrorTest, OfWorkThatWasSetAsideTheNewestIsKept) {
  fetch();
  std::vector<ObjectId> works;
  for (int i = 0; i < 7; ++i) {
    works.push_back(person_commits("work", "feature"));
    fetch();
    plain_git(mirror_->git_dir(), {"update-ref", Mirror::work_ref("x"), works.back().text()});
    mirror_->set_work_aside("x");
    EXPECT_EQ(mirror_->work_head("x"), std::nullopt);
  }
  mirror_->set_work_aside("x");
  EXPECT_THAT(mirror_->kept_work("x"),
              ElementsAre(Pair(3, works[2]), Pair(4, works[3]), Pair(5, works[4]),
                          Pair(6, works[5]), Pair(7, works[6])));
}

bool is_locked(const fs::path& file) {
  const Fd fd(::open(file.c_str(), O_RDWR | O_CLOEXEC));
  struct flock whole {};
  whole.l_type = F_WRLCK;
  return ::fcntl(fd.get(), F_OFD_SETLK, &whole) != 0;
}

// The lock is git's too: it lasts as long as git does, whatever became of the host.
TEST_F(MirrorTest, GitHoldsTheLockAsLongAsItRuns) {
  const auto file = mirror_->git_dir().parent_path() / "lock";
  std::optional<MirrorLock> held = mirror_->lock();
  BoundedRun run;
  run.request.program = "/bin/sleep";
  run.request.arguments = {"sleep", "100"};
  run.request.descriptors = {{held->fd(), 10}};
  std::optional<Child> child = spawn(run.request);
  held.reset();
  EXPECT_TRUE(is_locked(file));
  child.reset();
  EXPECT_FALSE(is_locked(file));
}

TEST_F(MirrorTest, SaysWhoseItIs) {
  fetch();
  EXPECT_EQ(read_file(mirror_->git_dir() / "description", 100), "org/app\n");
}

}  // namespace
}  // namespace host::workspaces
