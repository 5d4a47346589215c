// SPDX-License-Identifier: Apache-2.0
#include "merge.hpp"

#include <algorithm>
#include <cstddef>
#include <string_view>
#include <utility>

#include "clean_text.hpp"

namespace provenance {
namespace {

constexpr std::size_t kShownId = 100;  // bytes

// What was noted of a session's own row, not of its messages: of "sessions" in a database, of
// "/model" in a snapshot, of "line:1/model" in a transcript or an export.
bool is_of_its_row(std::string_view note) {
  const auto place = note.substr(0, note.find(": "));
  const auto member = place.rfind('/');
  return place.starts_with("sessions") || (member != place.npos && member + 1 < place.size() &&
                                           place.find("/messages/") == place.npos);
}

// Notes of the rows that count, and those of the messages that do.
std::vector<std::string> joined_notes(std::vector<std::string> Session::*notes,
                                      const std::vector<Reading>& versions, std::size_t rows,
                                      std::size_t messages) {
  std::vector<std::string> joined;
  for (std::size_t i = 0; i < versions.size(); ++i)
    for (const auto& note : versions[i].session.*notes)
      if (is_of_its_row(note) ? i < rows : i == messages) joined.push_back(note);
  return joined;
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
  const std::size_t rows = database ? 1 : versions.size();
  const auto messages = static_cast<std::size_t>(most - first);
  auto damaged = joined_notes(&Session::damaged, versions, rows, messages);
  auto remarks = joined_notes(&Session::remarks, versions, rows, messages);
  if (!database)
    for (auto at = std::next(first); at != versions.end(); ++at) fill(first->session, at->session);
  if (most != first) {
    first->session.store = std::move(most->session.store);
    first->session.messages = std::move(most->session.messages);
    first->rows = most->rows;
  }
  first->session.damaged = std::move(damaged);
  first->session.remarks = std::move(remarks);
  seal(*first);
  return std::move(*first);
}

std::vector<Reading> of_one_owner(std::vector<Version> versions,
                                  std::vector<std::string>& troubles) {
  const auto first_of = [&](Owner owner) {
    return std::find_if(versions.begin(), versions.end(),
                        [&](const Version& version) { return version.owner == owner; });
  };
  const auto home = first_of(Owner::home), run = first_of(Owner::run);
  const auto counts = home != versions.end() ? home : run;
  const auto is_of_it = [&](const Version& version) {
    if (run == versions.end() || &version == &*counts) return true;
    return home != versions.end() && version.owner != Owner::run;
  };
  const auto path = counts != versions.end() ? counts->reading.session.store.path : "";
  std::vector<Reading> kept;
  for (auto& version : versions) {
    const auto& session = version.reading.session;
    if (is_of_it(version))
      kept.push_back(std::move(version.reading));
    else if (version.owner == Owner::run)
      troubles.push_back(session.store.path + " has a session " +
                         cleaned(session.id.substr(0, kShownId)) + " of which there is one in " +
                         path + ": it is left out, since a run's is never merged with another's");
  }
  return kept;
}

}  // namespace provenance
