// SPDX-License-Identifier: Apache-2.0
//
// The policy by the words of docs/provenance.md, one rule at a time, with no thought of speed: what
// model_test.cpp holds the plugin to.
#pragma once

#include <algorithm>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "fixture.hpp"

namespace provenance::reference {

using When = std::optional<Instant>;

struct Model {
  std::vector<Session> sessions;  // as a run has read them, or will
  std::set<std::string> gone;     // that were read, and no store has any longer
  std::vector<timmy::Json> rules;

  const Session* find(const std::string& id) const {
    for (const auto& session : sessions)
      if (session.id == id) return &session;
    return nullptr;
  }
};

inline bool own(const Session& session) {
  return session.source == "cli" || session.source == "cron" || session.source == "tool";
}

inline bool is_about(const timmy::Json& rule, const Session& session, const Session& root) {
  const auto has = [&](const char* key, const std::string& own_value) {
    if (!rule.contains(key)) return true;
    const timmy::Json& wanted = rule[key];
    return wanted.is_array() ? std::find(wanted.begin(), wanted.end(), own_value) != wanted.end()
                             : wanted == own_value;
  };
  return has("session", session.id) && has("source", session.source) && has("user", session.user) &&
         has("platform", root.source);
}

// From the session to where it all began; empty: that can't be told.
inline std::vector<const Session*> ancestors(const Model& model, const Session& session) {
  std::vector<const Session*> line{&session};
  while (!line.back()->parent.empty()) {
    const auto* parent = model.find(line.back()->parent);
    if (parent == nullptr || std::find(line.begin(), line.end(), parent) != line.end()) return {};
    line.push_back(parent);
  }
  return line;
}

// The beginning, or the earliest word; nothing: nobody knows.
inline When begin_of(const Session& session) {
  When first = session.started;
  for (const auto& row : session.messages)
    if (first && row.at && *row.at < *first) first = row.at;
  return first;
}

// The latest word up to a turn's end, a turn being two rows here.
inline When end_of_turn(const Session& session, std::size_t turn) {
  const auto& rows = session.messages;
  const auto end = 2 * turn + 2;
  When last = session.started;
  for (std::size_t row = 0; row < end; ++row)
    if (rows[row].at && (!last || *rows[row].at > *last)) last = rows[row].at;
  if (rows[end - 1].at) return last;
  When next = session.ended;
  for (auto row = rows.size(); row-- > end;)
    if (rows[row].at) next = rows[row].at;
  if (!next || (last && *last > *next)) return next ? last : std::nullopt;
  return next;
}

inline Instant instant_in(const timmy::Json& rule, const char* key) {
  return at(rule[key].get<std::string>());
}

// All of the time from one to the other.
inline bool covers(const timmy::Json& rule, When from, When to) {
  if (rule.contains("from") && !(from && *from >= instant_in(rule, "from"))) return false;
  return !rule.contains("until") ||
         (from && to && *from < instant_in(rule, "until") && *to < instant_in(rule, "until"));
}
// Any of it, where none is known to be outside.
inline bool touches(const timmy::Json& rule, When from, When to) {
  if (rule.contains("from") && to && *to < instant_in(rule, "from")) return false;
  return !(rule.contains("until") && from && *from >= instant_in(rule, "until"));
}

inline int level(const timmy::Json& rule) {
  return rule["consent"] == "public" ? 2 : rule["consent"] == "internal" ? 1 : 0;
}

// What speaks for a session: its own rule, or what speaks for the one that it came from.
inline const timmy::Json* speaks_for(const Model& model, const std::vector<const Session*>& line,
                                     When until, std::size_t place, int& least) {
  const Session& session = *line[place];
  const timmy::Json* inherited = nullptr;
  if (place + 1 < line.size()) {
    inherited = speaks_for(model, line, until, place + 1, least);
    if (inherited == nullptr) return nullptr;
  }
  if (session.source.empty()) return nullptr;
  const timmy::Json* found = nullptr;
  for (const auto& rule : model.rules)
    if (found == nullptr && level(rule) > 0 && is_about(rule, session, *line.back()) &&
        covers(rule, begin_of(session), until) &&
        (own(session) || (rule.contains("user") && !session.user.empty() &&
                          (session.chat == "dm" || rule.contains("session")))))
      found = &rule;
  if (found == nullptr && inherited != nullptr) {
    const Session& parent = *line[place + 1];
    const bool same_people = session.chat == "dm" && session.source == parent.source &&
                             (session.user.empty() || session.user == parent.user);
    if (own(session) || same_people) found = inherited;
  }
  if (found != nullptr) least = std::min(least, level(*found));
  return found;
}

// 0: nothing may be made of that turn.
inline int allowed(const Model& model, const Session& session, std::size_t turn) {
  const auto line = ancestors(model, session);
  if (line.empty()) return 0;
  const auto until = end_of_turn(session, turn);
  for (const auto* each : line)
    for (const auto& rule : model.rules)
      if (level(rule) == 0 && is_about(rule, *each, *line.back()) &&
          touches(rule, begin_of(*each), until))
        return 0;
  int least = 2;
  return speaks_for(model, line, until, 0, least) == nullptr ? 0 : least;
}

inline std::size_t turns_of(const Session& session) { return session.messages.size() / 2; }

inline bool any_allowed(const Model& model, const Session& session) {
  for (std::size_t turn = 0; turn < turns_of(session); ++turn)
    if (allowed(model, session, turn) > 0) return true;
  return false;
}

// Every turn is "user: q, assistant: a" here, so a pair's content is all the texts up to it.
struct Expected {
  std::set<std::string> there;  // has to be out
  std::set<std::string> may;    // may be: what came out once can't be made anew of what is gone
};
inline Expected expected(const Model& model) {
  Expected all;
  for (const auto& session : model.sessions) {
    std::string said;
    const auto turns = turns_of(session);
    const bool gone = model.gone.contains(session.id);
    for (std::size_t turn = 0; turn < turns; ++turn) {
      said +=
          session.messages[2 * turn].content + "|" + session.messages[2 * turn + 1].content + "|";
      if (allowed(model, session, turn) == 0 || (session.live && turn + 1 == turns)) continue;
      all.may.insert(said);
      if (!gone) all.there.insert(said);
    }
  }
  return all;
}

}  // namespace provenance::reference
