// SPDX-License-Identifier: Apache-2.0
//
// Random stores and policies, changed at random, against a plain reference: what is out is just
// what the reference allows, and nothing of what it does not stands anywhere in the folder.
#include <rapidcheck.h>

#include <set>

#include "fixture.hpp"
#include "validation.hpp"

namespace provenance {
namespace {

using timmy::Json;

struct Model {
  std::vector<Session> sessions;
  std::vector<Json> rules;

  const Session* find(const std::string& id) const {
    for (const auto& session : sessions)
      if (session.id == id) return &session;
    return nullptr;
  }
};

bool own(const Session& session) {
  return session.source == "cli" || session.source == "cron" || session.source == "tool";
}

// By the words of docs/provenance.md, one rule at a time, with no thought of speed.
bool is_about(const Json& rule, const Session& session, const Session& root) {
  const auto has = [&](const char* key, const std::string& own_value) {
    if (!rule.contains(key)) return true;
    const Json& wanted = rule[key];
    return wanted.is_array() ? std::find(wanted.begin(), wanted.end(), own_value) != wanted.end()
                             : wanted == own_value;
  };
  return has("session", session.id) && has("source", session.source) && has("user", session.user) &&
         has("platform", root.source);
}

// From the session to where it all began; empty: that can't be told.
std::vector<const Session*> ancestors(const Model& model, const Session& session) {
  std::vector<const Session*> line{&session};
  while (!line.back()->parent.empty()) {
    const auto* parent = model.find(line.back()->parent);
    if (parent == nullptr || std::find(line.begin(), line.end(), parent) != line.end()) return {};
    line.push_back(parent);
  }
  return line;
}

int level(const Json& rule) {
  return rule["consent"] == "public" ? 2 : rule["consent"] == "internal" ? 1 : 0;
}

// What speaks for a session: its own rule, or what speaks for the one that it came from.
const Json* speaks_for(const Model& model, const std::vector<const Session*>& line, std::size_t at,
                       int& least) {
  const Session& session = *line[at];
  const Json* inherited = nullptr;
  if (at + 1 < line.size()) {
    inherited = speaks_for(model, line, at + 1, least);
    if (inherited == nullptr) return nullptr;
  }
  if (session.source.empty()) return nullptr;
  const Json* found = nullptr;
  for (const auto& rule : model.rules)
    if (found == nullptr && level(rule) > 0 && is_about(rule, session, *line.back()) &&
        (own(session) || (rule.contains("user") && !session.user.empty() &&
                          (session.chat == "dm" || rule.contains("session")))))
      found = &rule;
  if (found == nullptr && inherited != nullptr) {
    const Session& parent = *line[at + 1];
    const bool same_people = session.chat == "dm" && session.source == parent.source &&
                             (session.user.empty() || session.user == parent.user);
    if (own(session) || same_people) found = inherited;
  }
  if (found != nullptr) least = std::min(least, level(*found));
  return found;
}

// 0: nothing may be made of it.
int allowed(const Model& model, const Session& session) {
  const auto line = ancestors(model, session);
  if (line.empty()) return 0;
  for (const auto* each : line)
    for (const auto& rule : model.rules)
      if (level(rule) == 0 && is_about(rule, *each, *line.back())) return 0;
  int least = 2;
  return speaks_for(model, line, 0, least) == nullptr ? 0 : least;
}

// Every turn is "user: q, assistant: a" here, so a pair's content is all the texts up to it.
std::set<std::string> expected(const Model& model) {
  std::set<std::string> all;
  for (const auto& session : model.sessions) {
    if (allowed(model, session) == 0) continue;
    std::string said;
    const auto turns = session.messages.size() / 2;
    for (std::size_t turn = 0; turn < turns; ++turn) {
      said +=
          session.messages[2 * turn].content + "|" + session.messages[2 * turn + 1].content + "|";
      if (!session.live || turn + 1 < turns) all.insert(said);
    }
  }
  return all;
}

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
  const auto id = "s" + std::to_string(number(0, 5));
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
    if (number(0, 10) == 0) {
      model.rules.clear();
      for (int i = number(0, 5); i > 0; --i) model.rules.push_back(random_rule(i));
      if (number(0, 3) > 0) model.rules.push_back(own_rule());
      allow(model.rules);
      return;
    }
    auto session = random_session();
    // Mostly the same people go on: that somebody else is there has all looked at anew.
    if (const auto* known = model.find(session.id); known != nullptr && number(0, 4) > 0) {
      session.source = known->source;
      session.user = known->user;
      session.parent = known->parent;
      session.digest += known->source + "|" + known->user + "|" + known->parent;
    }
    std::erase_if(model.sessions, [&](const auto& each) { return each.id == session.id; });
    model.sessions.push_back(session);
    stores_.put(std::move(session));
  }

  // Until it no longer asks for all again.
  void settle() {
    for (int i = 0; i < 6; ++i) {
      (void)ingest();
      if (!saved_.at("cursor").is_null()) return;
    }
    RC_FAIL("it never comes to rest");
  }

  // Returns how many pairs there are.
  int check(const Model& model) {
    const auto out_now = contents(pairs());
    RC_ASSERT(out_now == expected(model));
    for (const auto& pair : pairs()) {
      const auto* session = model.find(pair.at("metadata").at("session_id").get<std::string>());
      RC_ASSERT(session != nullptr);
      const auto level = allowed(model, *session);
      RC_ASSERT(level > 0);
      RC_ASSERT(pair.at("metadata").at("consent_level") == (level == 2 ? "public" : "internal"));
    }
    const auto bytes = everything();
    for (const auto& session : model.sessions)
      if (allowed(model, session) == 0)
        RC_ASSERT(bytes.find("of-" + session.id + "\"") == std::string::npos);
    (void)validate_output(settings(), [](std::int64_t) {});
    return static_cast<int>(out_now.size());
  }
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
      house.settle();
      seen += house.check(model);
    }
  });
  EXPECT_TRUE(held);
  EXPECT_GT(seen, 500) << "stores without pairs show nothing";
}

}  // namespace
}  // namespace provenance
