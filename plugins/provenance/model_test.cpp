// SPDX-License-Identifier: Apache-2.0
//
// Random stores and policies, changed at random, with sessions that go, files and indexes that are
// lost and runs that end in the middle, against a plain reference: what is out is just what the
// reference allows, and nothing of what it does not stands anywhere in the folder.
#include <rapidcheck.h>

#include <set>

#include "fixture.hpp"
#include "model_reference.hpp"
#include "report.hpp"
#include "validation.hpp"

namespace provenance {
namespace {

using namespace reference;
using timmy::Json;

std::set<std::string> contents(const std::vector<Json>& pairs) {
  std::set<std::string> all;
  for (const auto& pair : pairs) {
    std::string said;
    for (const auto* part : {"prompt", "response"})
      for (const auto& message : pair.at(part))
        said += message.at("content").get<std::string>() + "|";
    RC_ASSERT(all.insert(said).second);  // each content once
  }
  return all;
}

// Whatever the size that RapidCheck is at: small stores find little.
int number(int from, int below) {
  return *rc::gen::resize(rc::kNominalSize, rc::gen::inRange(from, below));
}

template <class T>
T one_of(std::initializer_list<T> values) {
  return *rc::gen::elementOf(std::vector<T>(values));
}

Session random_session() {
  const auto id = "s" + std::to_string(number(0, 4));
  Writer writer(id, one_of<std::string>(
                        {"cli", "cli", "cli", "cli", "cron", "tool", "telegram", "slack", ""}));
  writer.of_user(one_of<std::string>({"", "u1", "u2"}));
  writer.in_chat(one_of<std::string>({"dm", "dm", "group", ""}));
  writer.child_of(one_of<std::string>({"", "", "", "", "", "s0", "s1", "s2", "gone"}));
  if (writer.raw().parent == id) writer.child_of("");
  // Words that two sessions may share, and words of their own.
  const auto whose = one_of<std::string>({"of-" + id, "of-all"});
  const int turns = number(0, 4);
  for (int turn = 0; turn < turns; ++turn)
    writer.user("q" + std::to_string(turn) + whose)
        .says("a" + std::to_string(number(0, 2)) + whose);
  if (number(0, 5) == 0) writer.live();
  auto& raw = writer.raw();
  if (number(0, 6) == 0) raw.started.reset();
  if (number(0, 6) == 0) raw.started = at("2026-03-30T14:30:00Z");
  if (number(0, 3) == 0) raw.ended = at("2026-03-30T14:11:45Z");
  if (turns > 0 && number(0, 4) == 0)
    raw.messages[2 * static_cast<std::size_t>(number(0, turns)) + 1].at.reset();
  return writer.done();
}

Json random_rule(int place) {
  Json rule{
      {"id", "r" + std::to_string(place)},
      {"consent", one_of<std::string>({"none", "internal", "internal", "internal", "public"})},
      {"recorded_by", "ada"},
      {"recorded_at", "2026-11-01T09:00:00Z"}};
  if (number(0, 2) == 0)
    rule["source"] = one_of<std::string>({"cli", "cron", "tool", "telegram", "slack"});
  if (number(0, 3) == 0) rule["user"] = one_of<std::string>({"u1", "u2"});
  if (number(0, 3) == 0) rule["session"] = "s" + std::to_string(number(0, 6));
  if (number(0, 5) == 0) rule["platform"] = one_of<std::string>({"cli", "telegram"});
  if (rule.size() == 4) rule["source"] = "cli";
  const auto instant = [] {
    return one_of<std::string>({"2026-03-30T14:11:39Z", "2026-03-30T14:11:41Z",
                                "2026-03-30T14:11:43Z", "2026-03-30T14:20:00Z"});
  };
  if (number(0, 4) == 0) rule["from"] = instant();
  if (number(0, 4) == 0) rule["until"] = instant();
  if (rule.contains("from") && rule.contains("until") && rule["from"] >= rule["until"])
    rule.erase("until");
  if (level(rule) > 0 && rule.contains("user") && !rule.contains("platform") &&
      !rule.contains("source"))
    rule["source"] = one_of<std::string>({"cli", "telegram", "slack"});
  return rule;
}

// A FolderTest outside of GoogleTest's own making.
struct House : FolderTest {
  void TestBody() override {}
  using FolderTest::allow;

  static Json own_rule() { return rule("own", "internal", {{"source", {"cli", "tool"}}}); }

  void change(Model& model) {
    if (number(0, 15) == 0) befall(model);
    if (number(0, 10) == 0) return change_policy(model);
    if (number(0, 12) == 0 && !model.sessions.empty()) return take_away(model);
    auto session = random_session();
    // Mostly the same people go on: that somebody else is there has all looked at anew.
    if (const auto* known = model.find(session.id); known != nullptr && number(0, 4) > 0) {
      session.source = known->source;
      session.user = known->user;
      session.parent = known->parent;
      session.chat = known->chat;
    }
    session.digest = digest_of(session);
    std::erase_if(model.sessions, [&](const auto& each) { return each.id == session.id; });
    model.gone.erase(session.id);
    model.sessions.push_back(session);
    unread_.insert(session.id);
    stores_.put(std::move(session));
  }

  void change_policy(Model& model) {
    model.rules.clear();
    for (int i = number(0, 5); i > 0; --i) model.rules.push_back(random_rule(i));
    if (number(0, 3) > 0) model.rules.push_back(own_rule());
    allow(model.rules);
  }

  // From its store. What was read of it is out, and may be taken back.
  void take_away(Model& model) {
    const auto id =
        model.sessions
            .at(static_cast<std::size_t>(number(0, static_cast<int>(model.sessions.size()))))
            .id;
    // Of one that no run has read as it is, nobody would know who it was.
    if (unread_.contains(id)) return;
    stores_.erase(id);
    model.gone.insert(id);
  }

  // A reader's digest is of the times, too.
  static std::string digest_of(const Session& session) {
    std::string all = session.digest + session.source + "|" + session.user + "|" + session.parent;
    for (const auto& row : session.messages)
      all += "|" + (row.at ? std::to_string(row.at->time_since_epoch().count()) : "");
    return Sha256().of(all);
  }

  // What may befall an output between two runs, or in one.
  void befall(Model& model) {
    switch (number(0, 8)) {
      case 0:
        if (const auto files = manifest().files; !files.empty())
          std::filesystem::remove(out() / "pairs" / files.front().name);
        return;
      case 1:
        for (const auto* end : {"", "-wal", "-shm"})
          std::filesystem::remove(out() / (std::string("index.db") + end));
        std::erase_if(model.sessions,
                      [&](const auto& each) { return model.gone.contains(each.id); });
        model.gone.clear();
        return;
      case 2:
        (void)ingest(true);
        unread_.clear();
        return;
      case 3: return end_in_the_middle();
      default: return;
    }
  }

  // Until it no longer asks for all again.
  void settle() {
    for (int i = 0; i < 6; ++i) {
      (void)ingest();
      unread_.clear();
      if (!saved_.at("cursor").is_null()) return;
    }
    RC_FAIL("it never comes to rest");
  }

  // Returns how many pairs there are.
  int check(const Model& model) {
    const auto all = pairs();
    const auto out_now = contents(all);
    const auto wanted = expected(model);
    RC_ASSERT(
        std::includes(out_now.begin(), out_now.end(), wanted.there.begin(), wanted.there.end()));
    RC_ASSERT(std::includes(wanted.may.begin(), wanted.may.end(), out_now.begin(), out_now.end()));
    std::set<std::string> hashes;
    for (const auto& pair : all) {
      const auto& metadata = pair.at("metadata");
      const auto* session = model.find(metadata.at("session_id").get<std::string>());
      RC_ASSERT(session != nullptr);
      const auto level = allowed(model, *session, metadata.at("turn").get<std::size_t>() - 1);
      RC_ASSERT(level > 0);
      RC_ASSERT(metadata.at("consent_level") == (level == 2 ? "public" : "internal"));
      hashes.insert(metadata.at("chain").at("content_sha256").get<std::string>());
    }
    check_traces(model, hashes);
    RC_ASSERT(report(settings()).at("pairs") == all.size());
    (void)validate_output(settings(), [](std::int64_t) {});
    return static_cast<int>(out_now.size());
  }

 private:
  // Of what is not out nothing is left, in files and index: no words, and no hash of them by which
  // they could be tried.
  void check_traces(const Model& model, const std::set<std::string>& hashes) {
    const auto bytes = everything();
    for (const auto& session : model.sessions)
      if (!any_allowed(model, session))
        RC_ASSERT(bytes.find("of-" + session.id + "\"") == std::string::npos);
    for (const auto& hash : seen_) {
      if (hashes.contains(hash)) continue;
      RC_ASSERT(bytes.find(hash) == std::string::npos);
      RC_ASSERT(bytes.find(short_digest(hash)) == std::string::npos);
    }
    seen_.insert(hashes.begin(), hashes.end());
  }

  void end_in_the_middle() {
    struct Ended {};
    int left = number(0, 9);
    try {
      (void)ingest(false, [&](std::string_view) {
        if (left-- == 0) throw Ended();
      });
      unread_.clear();
    } catch (const Ended&) {
      // What it read counts for nothing, or for all: both may be.
    }
  }

  std::set<std::string> unread_;  // that no run has read as they are now
  std::set<std::string> seen_;    // hashes of contents that were ever out
};

TEST(Model, WhatIsOutIsJustWhatIsAllowed) {
  int seen = 0;
  const bool held = rc::check([&seen] {
    House house;
    Model model;
    model.rules = {House::own_rule()};
    house.allow(model.rules);
    for (int round = number(2, 6); round > 0; --round) {
      for (int changes = number(2, 14); changes > 0; --changes) house.change(model);
      house.befall(model);
      house.settle();
      seen += house.check(model);
    }
  });
  EXPECT_TRUE(held);
  EXPECT_GT(seen, 200) << "stores without pairs show nothing";
}

}  // namespace
}  // namespace provenance
