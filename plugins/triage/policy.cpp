// SPDX-License-Identifier: Apache-2.0
#include "policy.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "digest.hpp"

namespace triage {
namespace {

constexpr std::array<std::pair<const char*, Place>, 5> kPlaces{{{"title", Place::title},
                                                                {"body", Place::body},
                                                                {"author", Place::author},
                                                                {"files", Place::files},
                                                                {"commits", Place::commits}}};

std::set<Place> places_in(const timmy::Json& config) {
  const auto named = config.find("in");
  std::set<Place> places;
  for (const auto& [word, place] : kPlaces)
    if (named == config.end() || std::find(named->begin(), named->end(), word) != named->end())
      places.insert(place);
  return places;
}

std::string short_sha(const std::string& sha) { return sha.substr(0, 10); }

}  // namespace

timmy::Json Hit::to_json() const { return {{"ban", ban}, {"where", where}, {"text", text}}; }

Hit Hit::from(const timmy::Json& json) {
  return {json.at("ban").get<std::string>(), json.at("where").get<std::string>(),
          json.at("text").get<std::string>()};
}

Policy::Policy(const timmy::Json& config) : fingerprint_(digest(config.dump())) {
  for (const auto& each : config) {
    const auto text = each.at("pattern").get<std::string>();
    auto pattern = std::make_unique<RE2>(text, RE2::Quiet);
    const auto name = each.at("name").get<std::string>();
    if (!pattern->ok())
      throw timmy::Permanent("bad_pattern", "reviews.banned \"" + name + "\": \"" + text +
                                                "\" is no RE2 pattern: " + pattern->error());
    bans_.push_back({name, std::move(pattern), places_in(each)});
  }
}

bool Policy::looks_at(Place place) const {
  return std::any_of(bans_.begin(), bans_.end(),
                     [&](const Ban& ban) { return ban.in.contains(place); });
}

void Policy::look(Place place, const std::string& where, const std::string& text,
                  std::vector<Hit>& hits) const {
  constexpr std::size_t kMost = 20;  // enough for anybody to see why
  for (const auto& ban : bans_) {
    re2::StringPiece found;
    if (hits.size() >= kMost || !ban.in.contains(place)) continue;
    if (!ban.pattern->Match(text, 0, text.size(), RE2::UNANCHORED, &found, 1)) continue;
    hits.push_back({ban.name, where, std::string(found.data(), found.size()).substr(0, 200)});
  }
}

std::vector<Hit> Policy::find(const timmy::PullRequest& pull) const {
  std::vector<Hit> hits;
  look(Place::title, "the title", pull.title, hits);
  look(Place::body, "the description", pull.body, hits);
  look(Place::author, "its author's login", pull.user, hits);
  return hits;
}

std::vector<Hit> Policy::find(const std::vector<timmy::ChangedFile>& files) const {
  std::vector<Hit> hits;
  for (const auto& file : files) {
    look(Place::files, "the name of a file", file.name, hits);
    if (!file.previous_name.empty())
      look(Place::files, "the former name of a file", file.previous_name, hits);
  }
  return hits;
}

std::vector<Hit> Policy::find(const std::vector<timmy::Commit>& commits) const {
  std::vector<Hit> hits;
  for (const auto& commit : commits) {
    const auto where = "commit " + short_sha(commit.sha);
    look(Place::commits, "the message of " + where, commit.message, hits);
    for (const auto* who : {&commit.author, &commit.committer})
      look(Place::commits, "who " + where + " is by", who->name + " <" + who->email + ">", hits);
  }
  return hits;
}

}  // namespace triage
