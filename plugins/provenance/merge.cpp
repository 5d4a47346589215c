// SPDX-License-Identifier: Apache-2.0
#include "merge.hpp"

#include <algorithm>
#include <utility>

namespace provenance {
namespace {

// What was noted of a session's own row, not of its messages.
bool is_of_its_row(const std::string& note) { return note.starts_with("sessions:"); }

// Notes of one version's own row, and of another's messages.
void join_notes(std::vector<std::string>& own, std::vector<std::string>& others) {
  std::erase_if(own, [](const auto& note) { return !is_of_its_row(note); });
  own.insert(own.end(), others.begin(), others.end());
}

void take_over(std::string& known, const std::string& other) {
  if (known.empty()) known = other;
}

// What `known` doesn't know.
void fill(Session& known, const Session& other) {
  take_over(known.source, other.source);
  take_over(known.user, other.user);
  take_over(known.chat, other.chat);
  take_over(known.provider, other.provider);
  take_over(known.model, other.model);
  take_over(known.end_reason, other.end_reason);
  if (known.parent.empty()) {
    known.parent = other.parent;
    known.descent = other.descent;
  }
  if (!known.started) known.started = other.started;
  if (!known.ended) known.ended = other.ended;
  if (!known.tokens.known) known.tokens = other.tokens;
  known.live = known.live || other.live;
}

}  // namespace

Reading merge(std::vector<Reading> versions) {
  const auto most =
      std::max_element(versions.begin(), versions.end(),
                       [](const Reading& a, const Reading& b) { return a.rows < b.rows; });
  const auto first = versions.begin();
  const bool database = first->session.store.kind == Store::Kind::database;
  if (!database)
    for (auto at = std::next(first); at != versions.end(); ++at) fill(first->session, at->session);
  if (most != first) {
    auto& head = first->session;
    join_notes(head.damaged, most->session.damaged);
    join_notes(head.remarks, most->session.remarks);
    head.store = std::move(most->session.store);
    head.messages = std::move(most->session.messages);
    first->rows = most->rows;
  }
  seal(*first);
  return std::move(*first);
}

}  // namespace provenance
