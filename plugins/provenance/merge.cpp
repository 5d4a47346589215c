// SPDX-License-Identifier: Apache-2.0
#include "merge.hpp"

#include <algorithm>
#include <utility>

namespace provenance {
namespace {

constexpr std::string_view kOfItsOwnRow = "sessions:";

void take_over(std::string& known, const std::string& other) {
  if (known.empty()) known = other;
}

// What `known` doesn't know.
void fill(Session& known, const Session& other) {
  take_over(known.source, other.source);
  take_over(known.user, other.user);
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
    std::erase_if(head.damaged, [](const auto& each) { return !each.starts_with(kOfItsOwnRow); });
    auto& damaged = most->session.damaged;
    damaged.insert(damaged.begin(), head.damaged.begin(), head.damaged.end());
    head.damaged = std::move(damaged);
    head.store = std::move(most->session.store);
    head.messages = std::move(most->session.messages);
    first->rows = most->rows;
  }
  seal(*first);
  return std::move(*first);
}

}  // namespace provenance
