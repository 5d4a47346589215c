// SPDX-License-Identifier: Apache-2.0
#include <sys/resource.h>
#include "database_reader.hpp"
#include "export_reader.hpp"
#include "folder_reader.hpp"
#include "hermes_home.hpp"

#include "snapshot.hpp"
#include "store_fixture.hpp"
#include "transcript.hpp"

namespace provenance {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

class StoresFound : public testing::Test {
 protected:
  [[nodiscard]] fs::path in(const std::string& name) const { return folder_.path() / name; }
  TempFolder folder_;
};

TEST_F(StoresFound, AreFoundBelowWhatIsNamed) {
  for (const char* file : {"hermes/state.db", "hermes/profiles/work/state.db", "runs/7/state.db",
                           "runs/8/state.db", "out/a.jsonl", "out/b.txt", "single.json"})
    put_file(in(file), "x");
  for (const char* folder : {"hermes/sessions", "hermes/profiles/work/sessions", "transcripts"})
    fs::create_directories(in(folder));
  const auto stores = find_stores({.homes = {in("hermes"), in("hermes")},
                                   .runs = {in("runs")},
                                   .transcripts = {in("transcripts")},
                                   .exports = {in("out"), in("single.json")}});
  EXPECT_THAT(stores.databases,
              ElementsAre(in("hermes/state.db"), in("hermes/profiles/work/state.db"),
                          in("runs/7/state.db"), in("runs/8/state.db")));
  EXPECT_THAT(stores.exports, ElementsAre(in("out/a.jsonl"), in("single.json")));
  EXPECT_THAT(stores.folders, ElementsAre(in("hermes/sessions"),
                                          in("hermes/profiles/work/sessions"), in("transcripts")));
  EXPECT_THAT(stores.troubles, IsEmpty());
}

TEST_F(StoresFound, ThatAreNotThereAreNoTrouble) {
  const auto stores = find_stores({{in("a")}, {in("b")}, {in("c")}, {in("d")}});
  EXPECT_THAT(stores.databases, IsEmpty());
  EXPECT_THAT(stores.troubles, IsEmpty());
}

TEST_F(StoresFound, MayBeNamedByALinkButHaveNoneFollowed) {
  put_file(in("real/state.db"), "x");
  put_file(in("elsewhere/state.db"), "x");
  fs::create_directories(in("elsewhere/sessions"));
  fs::create_directory_symlink(in("real"), in("link"));
  fs::create_directory_symlink(in("elsewhere/sessions"), in("real/sessions"));
  fs::create_directories(in("runs"));
  fs::create_directory_symlink(in("elsewhere"), in("runs/7"));
  fs::create_directories(in("runs/8"));
  fs::create_symlink(in("elsewhere/state.db"), in("runs/8/state.db"));
  fs::create_directories(in("real/profiles"));
  fs::create_directory_symlink(in("elsewhere"), in("real/profiles/work"));
  const auto stores = find_stores({.homes = {in("link")}, .runs = {in("runs")}});
  EXPECT_THAT(stores.folders, IsEmpty());
  EXPECT_THAT(stores.databases, ElementsAre(in("real/state.db")));
}

// What was a folder when it was found may be a link by the time it is opened.
TEST_F(StoresFound, AreNotReadThroughALinkAnywhereInTheirPaths) {
  put_file(in("elsewhere/sessions/a.jsonl"), "{\"role\":\"user\",\"content\":\"x\"}\n");
  { StateDb(in("elsewhere/state.db")).session("b"); }
  fs::create_directories(in("profiles"));
  fs::create_directory_symlink(in("elsewhere"), in("profiles/work"));
  EXPECT_TRUE(OpenFile::folder(in("elsewhere/sessions")));
  EXPECT_FALSE(OpenFile::folder(in("profiles/work/sessions")));
  FolderReader folder(in("profiles/work/sessions"), Caps());
  EXPECT_THROW((void)read_from(folder), Unreadable);
  DatabaseReader database(in("profiles/work/state.db"), Caps());
  EXPECT_THROW((void)read_from(database), Unreadable);
}

TEST_F(StoresFound, WithNamesThatAreNoUtf8ArePassedOverAndTold) {
  put_file(in("hermes/profiles/\xff/state.db"), "x");
  put_file(in("runs/\xfe/state.db"), "x");
  put_file(in("runs/7/state.db"), "x");
  put_file(in("out/\xfd.jsonl"), "x");
  fs::create_directory_symlink(in("runs/\xfe"), in("link"));
  const auto stores = find_stores(
      {.homes = {in("hermes"), in("link")}, .runs = {in("runs")}, .exports = {in("out")}});
  EXPECT_THAT(stores.databases, ElementsAre(in("runs/7/state.db")));
  EXPECT_THAT(stores.exports, IsEmpty());
  EXPECT_THAT(stores.troubles, SizeIs(4));
  for (const auto& trouble : stores.troubles) EXPECT_NO_THROW((void)json(trouble).dump());
}

class Files : public testing::Test {
 protected:
  [[nodiscard]] fs::path in(const std::string& name) const { return folder_.path() / name; }
  Session snapshot(const std::string& text) {
    put_file(in("session_a.json"), text);
    FolderReader reader(folder_.path(), Caps());
    return reader.find("a", kNow, 0).value().session;
  }
  TempFolder folder_;
};

const char* const kSnapshot = R"({
  "session_id": "a",
  "model": "hermes-4-70b",
  "base_url": "http://127.0.0.1:8080/v1",
  "platform": "cli",
  "session_start": "2026-05-28T12:00:00.5",
  "last_updated": "2026-05-28T12:05:00",
  "system_prompt": "You are.",
  "tools": [
    {
      "type": "function",
      "message_count": 99
    }
  ],
  "message_count": 3,
  "messages": [
    {
      "role": "user",
      "content": "hello"
    },
    {
      "role": "assistant",
      "content": null,
      "reasoning": "hm",
      "finish_reason": "tool_calls",
      "tool_calls": [
        {
          "id": "c1",
          "type": "function",
          "function": {
            "name": "ls",
            "arguments": "{}"
          }
        }
      ]
    },
    {
      "role": "tool",
      "content": "out",
      "tool_call_id": "c1"
    }
  ]
})";

TEST_F(Files, ASnapshotIsASession) {
  ::setenv("TZ", "Asia/Tokyo", 1);
  ::tzset();
  const auto session = snapshot(kSnapshot);
  ::unsetenv("TZ");
  ::tzset();
  EXPECT_EQ(session.store.kind, Store::Kind::snapshot);
  EXPECT_EQ(session.source, "cli");
  EXPECT_EQ(session.provider, "http://127.0.0.1:8080/v1");
  EXPECT_EQ(session.started, at(1779937200.5)) << "nine hours east";
  EXPECT_FALSE(session.tokens.known);
  EXPECT_THAT(contents_of(session), ElementsAre("hello", "", "out"));
  EXPECT_EQ(session.messages[1].finish_reason, "tool_calls");
  EXPECT_EQ(session.messages[2].tool_name, "ls");
  EXPECT_EQ(session.messages[2].anchor, "/messages/2");
  EXPECT_THAT(session.damaged, IsEmpty());
  const std::string_view text = kSnapshot;
  const auto first = text.find("{\n      \"role\": \"user\"");
  RowHash hash;
  EXPECT_EQ(
      session.messages[0].digest,
      hash.raw(text.substr(first, text.find("    {\n      \"role\": \"assistant\"") - first - 2))
          .hex())
      << "of its bytes as they stand";
}

TEST_F(Files, ASnapshotThatHasNoMoreIsNotReadFurther) {
  put_file(in("session_a.json"), kSnapshot);
  FolderReader reader(folder_.path(), Caps());
  EXPECT_TRUE(reader.find("a", kNow, 2));
  EXPECT_FALSE(reader.find("a", kNow, 3));
}

TEST_F(Files, ASnapshotOfAnotherSessionSaysSo) {
  const auto session = snapshot(R"({"session_id":"b","messages":[{"role":"user","content":"x"}]})");
  EXPECT_EQ(session.id, "a");
  EXPECT_THAT(session.damaged, ElementsAre("/session_id: is not the one of the file's name"));
}

TEST_F(Files, ThatHaveNamesThatAreNoUtf8ArePassedOverAndTold) {
  put_file(in("session_a.json"), kSnapshot);
  put_file(in("session_\xff.json"), kSnapshot);
  put_file(in("\xfe.jsonl"), R"({"role":"user","content":"x"})"
                             "\n");
  FolderReader reader(folder_.path(), Caps());
  EXPECT_THAT(ids_of(read_from(reader).sessions), ElementsAre("a"));
  EXPECT_THAT(reader.troubles, SizeIs(2));
  for (const auto& trouble : reader.troubles) {
    EXPECT_THAT(trouble, HasSubstr("its name is no UTF-8"));
    EXPECT_NO_THROW((void)json(trouble).dump());
  }
}

// What can't be read now is not what is damaged: it may be read later.
TEST_F(Files, WhereTheDiskFailsASessionIsNotTakenForADamagedOne) {
  put_file(in("session_a.json"), kSnapshot);
  const OpenFile file(::open(in("session_a.json").c_str(), O_WRONLY | O_CLOEXEC));
  ASSERT_TRUE(file);
  RowHash hash;
  EXPECT_THROW((void)read_snapshot(file, "a", "there", Caps(), hash, 0), Unreadable);
  EXPECT_THROW((void)read_transcript(file, "a", "there", Caps(), hash, 0), Unreadable);
}

TEST_F(Files, WhatCantBeOpenedIsToldAndComesWithTheNextRun) {
  put_file(in("session_a.json"), kSnapshot);
  settle(in("session_a.json"));
  settle(folder_.path());
  FolderReader reader(folder_.path(), Caps());
  reader.list([](std::string_view) {});
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
  const rlimit none{0, before.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &none), 0);
  const auto first = read_from(reader);
  EXPECT_THROW((void)reader.find("a", kNow, 0), Unreadable);
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &before), 0);
  EXPECT_THAT(first.sessions, IsEmpty());
  EXPECT_THAT(reader.troubles, ElementsAre(HasSubstr("session_a.json can't be opened")));
  EXPECT_FALSE(reader.unchanged(first.cursor, kNow));
  reader.close();
  EXPECT_THAT(ids_of(read_from(reader, first.cursor).sessions), ElementsAre("a"));
}

// Of each text that is the session's own, as much as a database gives of one.
TEST_F(Files, OwnTextsAreCutAndTheSessionIsDamaged) {
  constexpr std::size_t kMost = 64u << 10;
  const std::string longest(kMost, 'm');
  const auto message = R"("messages":[{"role":"user","content":"x"}]})";
  const auto said = [](const std::string& place) {
    return place + ": is cut: it has more than 65536 bytes";
  };
  const std::pair<const char*, std::string Session::*> texts[] = {
      {"source", &Session::source},        {"platform", &Session::source},
      {"user_id", &Session::user},         {"chat_type", &Session::chat},
      {"model", &Session::model},          {"billing_provider", &Session::provider},
      {"base_url", &Session::provider},    {"parent_session_id", &Session::parent},
      {"end_reason", &Session::end_reason}};
  for (const auto& [key, text] : texts) {
    const std::string head = "{\"id\":\"a\",\"" + std::string(key) + "\":\"" + longest;
    const auto whole = snapshot(head + "\"," + message);
    EXPECT_EQ(whole.*text, longest) << key;
    EXPECT_THAT(whole.damaged, IsEmpty()) << key;
    const auto cut = snapshot(head + "m\"," + message);
    EXPECT_EQ(cut.*text, longest) << key;
    EXPECT_THAT(cut.damaged, ElementsAre(said("/" + std::string(key)))) << key;

    put_file(in("all.jsonl"), head + "m\"," + message + "\n");
    ExportReader reader(in("all.jsonl"), Caps());
    const auto exported = read_from(reader).sessions;
    ASSERT_THAT(exported, SizeIs(1)) << key;
    EXPECT_EQ(exported[0].*text, longest) << key;
    EXPECT_THAT(exported[0].damaged, ElementsAre(said("line:1/" + std::string(key)))) << key;
  }
  for (const std::string key : {"model", "platform"}) {
    put_file(in("t.jsonl"), R"({"role":"session_meta",")" + key + "\":\"" + longest + "m\"}\n" +
                                R"({"role":"user","content":"x"})" + "\n");
    FolderReader reader(folder_.path(), Caps());
    const auto session = reader.find("t", kNow, 0).value().session;
    EXPECT_EQ(key == "model" ? session.model : session.source, longest);
    EXPECT_THAT(session.damaged, ElementsAre(said("line:1/" + key)));
  }
}

// What a snapshot says of itself counts beside a transcript's messages, and so does its damage.
TEST_F(Files, WhatWasCutIsToldThoughTheMessagesAreAnothers) {
  put_file(in("session_a.json"), R"({"model":")" + std::string(70'000, 'm') +
                                     R"(","messages":[{"role":"user","content":"x"}]})");
  put_file(in("a.jsonl"), R"({"role":"user","content":"x"})"
                          "\n"
                          R"({"role":"user","content":"y"})"
                          "\n");
  FolderReader reader(folder_.path(), Caps());
  const auto session = reader.find("a", kNow, 0).value().session;
  EXPECT_THAT(contents_of(session), ElementsAre("x", "y"));
  EXPECT_THAT(session.damaged, ElementsAre(HasSubstr("/model: is cut")));
}

TEST_F(Files, ASnapshotThatIsTornHasNoMessages) {
  const auto session = snapshot(std::string(kSnapshot).substr(0, 700));
  EXPECT_EQ(session.id, "a");
  EXPECT_THAT(session.messages, IsEmpty());
  EXPECT_THAT(session.damaged, ElementsAre(HasSubstr("/: no JSON at byte")));
}

TEST_F(Files, ATranscriptLosesTornLinesAndNothingElse) {
  put_file(
      in("t.jsonl"),
      R"({"role":"session_meta","tools":[],"model":"m","platform":"telegram","timestamp":"2026-05-28T12:00:00Z"})"
      "\n\n"
      R"({"role":"user","content":"one","timestamp":"2026-05-28T12:00:01.25+00:00"})"
      "\r\n{\"role\":\"user\",\"con\n"
      R"({"role":"assistant","content":[{"type":"text","text":"two"}]})"
      "\n"
      R"({"role":"user","content":"being wri)");
  FolderReader reader(folder_.path(), Caps());
  const auto session = reader.find("t", kNow, 0).value().session;
  EXPECT_EQ(session.model, "m");
  EXPECT_EQ(session.source, "telegram");
  EXPECT_THAT(contents_of(session), ElementsAre("one", "two"));
  EXPECT_EQ(session.messages[0].at, at(1779969601.25));
  EXPECT_THAT(session.damaged, ElementsAre(HasSubstr("line:4: no JSON")));
}

TEST_F(Files, OfASnapshotAndATranscriptWhatHasMoreCounts) {
  put_file(in("session_a.json"), kSnapshot);
  std::string transcript = R"({"role":"session_meta","platform":"telegram"})"
                           "\n";
  for (int i = 0; i < 4; ++i)
    transcript += R"({"role":"user","content":"line"})"
                  "\n";
  put_file(in("a.jsonl"), transcript);
  FolderReader reader(folder_.path(), Caps());
  const auto session = reader.find("a", kNow, 0).value().session;
  EXPECT_THAT(session.messages, SizeIs(4));
  EXPECT_EQ(session.store.kind, Store::Kind::transcript);
  EXPECT_EQ(session.source, "cli") << "the snapshot knows";
  EXPECT_EQ(session.model, "hermes-4-70b");
}

TEST_F(Files, AnExportHasASessionALine) {
  const auto line = [](const std::string& id, const std::string& more) {
    return R"({"id":")" + id +
           R"(","source":"cli","started_at":1780000000.5,"ended_at":1780000060,)" + more +
           R"("messages":[{"id":1,"role":"user","content":"of )" + id +
           R"(","timestamp":1780000001,"active":1},{"role":"user","content":"rewound","active":0}]})"
           "\n";
  };
  put_file(
      in("all.jsonl"),
      line(
          "a",
          R"("input_tokens":5,"parent_session_id":"z","model_config":"{\"_branched_from\":\"z\"}",)") +
          "no session\n{\"x\":1}\n" + line("b", R"("parent_session_id":"z",)") +
          "{\"id\":\"c\",\"messages\":[}\n");
  ExportReader reader(in("all.jsonl"), Caps());
  const auto all = read_from(reader).sessions;
  ASSERT_THAT(ids_of(all), ElementsAre("a", "b", "c"));
  EXPECT_THAT(contents_of(all[0]), ElementsAre("of a"));
  EXPECT_EQ(all[0].started, at(1780000000.5));
  EXPECT_EQ(all[0].tokens.input, 5);
  EXPECT_EQ(all[0].descent, Descent::branch);
  EXPECT_EQ(all[1].descent, Descent::subagent);
  EXPECT_EQ(all[1].messages[0].anchor, "line:4/messages/0");
  EXPECT_THAT(all[2].messages, IsEmpty());
  EXPECT_THAT(all[2].damaged, ElementsAre(HasSubstr("line:5: no JSON")));
  EXPECT_THAT(reader.troubles,
              ElementsAre(HasSubstr("line 2 is left out"), HasSubstr("line 3 is left out")));
  EXPECT_EQ(reader.find("b", kNow, 0).value().session.digest, all[1].digest);
  EXPECT_FALSE(reader.find("x", kNow, 0));
}

TEST_F(Files, TheirListingEndsWhenItIsToldTo) {
  const auto line = [](const std::string& id) {
    return R"({"id":")" + id + R"(","messages":[]})" + "\n";
  };
  put_file(in("all.jsonl"), line("a") + line("b") + line("c"));
  int asked = 0;
  const auto told_at_the_second = [&] { return ++asked == 2; };
  std::vector<std::string> ids;
  const auto each = [&](std::string_view id) { ids.emplace_back(id); };
  ExportReader reader(in("all.jsonl"), Caps(), told_at_the_second);
  EXPECT_THROW(reader.list(each), Interrupted);
  EXPECT_THAT(ids, ElementsAre("a"));

  for (const std::string name : {"x", "y", "z"}) put_file(in(name + ".jsonl"), "");
  asked = 0;
  FolderReader folder(folder_.path(), Caps(), told_at_the_second);
  EXPECT_THROW(folder.list(each), Interrupted);
}

TEST_F(Files, LinesAreFoundHoweverTheyLieInWhatIsRead) {
  std::string text;
  std::vector<std::size_t> sizes, offsets;
  for (std::size_t i = 0; i < 200; ++i) {
    offsets.push_back(text.size());
    sizes.push_back(i * 131 % 9000);
    text += std::string(sizes.back(), 'x') + "\n";
  }
  put_file(in("lines"), text + "tail");
  const auto folder = OpenFile::folder(folder_.path());
  const auto file = OpenFile::in(folder.get(), "lines");
  LineReader lines(file, 8000);
  for (std::size_t i = 0; i < 200; ++i) {
    ASSERT_TRUE(lines.next());
    EXPECT_EQ(lines.is_too_long(), sizes[i] > 8000) << i;
    EXPECT_EQ(lines.line().size(), sizes[i] > 8000 ? 0 : sizes[i]) << i;
    EXPECT_EQ(lines.offset(), offsets[i]) << i;
    EXPECT_TRUE(lines.is_whole());
  }
  ASSERT_TRUE(lines.next());
  EXPECT_EQ(lines.line(), "tail");
  EXPECT_FALSE(lines.is_whole());
  EXPECT_FALSE(lines.next());
}

}  // namespace
}  // namespace provenance
