// SPDX-License-Identifier: Apache-2.0
#include "saved_state.hpp"

#include <utility>

#include "pair_hash.hpp"

namespace provenance {
namespace {

using timmy::Json;

constexpr const char* kHead = "ingest";
constexpr const char* kPart = "cursor:";

// A value there is bounded, and a path may have 4 KiB: of more than this the first are kept.
constexpr std::size_t kTroubleBytes = 16 << 10;

Json kept_of(const Json& troubles) {
  Json kept = Json::array();
  std::size_t bytes = 0;
  for (const auto& trouble : troubles) {
    bytes += trouble.dump(-1, ' ', false, Json::error_handler_t::replace).size();
    if (bytes > kTroubleBytes) {
      kept.push_back("and " + std::to_string(troubles.size() - kept.size()) + " more");
      break;
    }
    kept.push_back(trouble);
  }
  return kept;
}

std::string key_for(const std::string& store) { return kPart + Sha256().of(store).substr(0, 32); }

}  // namespace

// A list of keys has 1000 at most: each of these is of a sixteenth of them.
SavedState::SavedState(const timmy::Context& ctx) : ctx_(ctx) {
  const auto state = ctx.state();
  head_ = state.get(kHead).value_or(Json());
  for (const char digit : std::string_view("0123456789abcdef"))
    for (const auto& key : state.list(kPart + std::string(1, digit)))
      parts_[key] = state.get(key).value_or(Json());
  if (!head_.is_object()) return;
  Json cursors = Json::object();
  for (const auto& [key, part] : parts_)
    if (part.is_object() && part.contains("store") && part.contains("cursor"))
      cursors[part["store"].get<std::string>()] = part["cursor"];
  // Without one all is to be read again, which is not the same as a store that nobody knows.
  const bool again = head_.value("again", false);
  saved_ = {{"generation", head_.value("generation", std::int64_t{0})},
            {"cursor", again ? Json() : std::move(cursors)}};
}

Json SavedState::troubles() const {
  return head_.is_object() ? head_.value("troubles", Json::array()) : Json::array();
}

void SavedState::put(const Ingested& ingested) {
  const Json& cursors = ingested.saved.at("cursor");
  Json head{{"generation", ingested.saved.at("generation")},
            {"again", cursors.is_null()},
            {"troubles", kept_of(ingested.result.value("troubles", Json::array()))}};
  if (head != head_) ctx_.state().put(kHead, head);
  head_ = std::move(head);
  put_cursors(cursors);
}

void SavedState::put_cursors(const Json& cursors) {
  std::map<std::string, Json> next;
  if (cursors.is_object())
    for (const auto& [store, cursor] : cursors.items())
      next[key_for(store)] = {{"store", store}, {"cursor", cursor}};
  for (const auto& [key, part] : parts_)
    if (!next.contains(key)) ctx_.state().put(key, nullptr);
  for (const auto& [key, part] : next)
    if (const auto known = parts_.find(key); known == parts_.end() || known->second != part)
      ctx_.state().put(key, part);
  parts_ = std::move(next);
}

}  // namespace provenance
