// SPDX-License-Identifier: Apache-2.0
#include "condition.hpp"

#include <re2/re2.h>

#include <algorithm>
#include <memory>

#include "duration.hpp"
#include "glob.hpp"
#include "names_text.hpp"

namespace triage {
namespace {

using Pattern = std::shared_ptr<const RE2>;

Holds holds(bool yes) { return yes ? Holds::yes : Holds::no; }

Pattern compile(const timmy::Json& when, const std::string& key, const std::string& rule) {
  auto pattern = std::make_shared<RE2>(when.at(key).get<std::string>(), RE2::Quiet);
  if (!pattern->ok())
    throw timmy::Permanent("bad_pattern", "rule \"" + rule + "\": when." + key +
                                              " is no RE2 pattern: " + pattern->error());
  return pattern;
}

// What it finds; nothing if it finds nothing.
std::optional<std::string> found(const RE2& pattern, const std::string& text) {
  re2::StringPiece match;
  if (!pattern.Match(text, 0, text.size(), RE2::UNANCHORED, &match, 1)) return std::nullopt;
  return std::string(match);
}

// Where a pattern is searched for.
struct Place {
  const char* name;
  const std::string Snapshot::*text;
};

Condition in_text(const std::string& key, const Pattern& pattern, std::vector<Place> places) {
  Condition condition{.key = key, .wanted = shortened(pattern->pattern())};
  // What holds of how a body begins may not hold of all of it.
  condition.holds = [pattern, places](const Look& look) {
    bool unknown = false;
    for (const auto& place : places) {
      if (place.text == &Snapshot::body && look.issue.body_cut)
        unknown = true;
      else if (RE2::PartialMatch(look.issue.*place.text, *pattern))
        return Holds::yes;
    }
    return unknown ? Holds::unknown : Holds::no;
  };
  condition.needs = [holds = condition.holds](const Look& look, Needs& needs) {
    if (holds(look) == Holds::unknown) needs.body = true;
  };
  condition.value = [pattern, places](const Look& look) {
    std::string looked_in;
    for (const auto& place : places) {
      if (const auto match = found(*pattern, look.issue.*place.text))
        return "the " + std::string(place.name) + " has " + in_quotes(*match);
      looked_in += (looked_in.empty() ? "the " : " and the ") + std::string(place.name) + " is " +
                   in_quotes(look.issue.*place.text);
    }
    return looked_in;
  };
  return condition;
}

Condition labels(const std::string& key, const Names& wanted, bool carried) {
  Condition condition{.key = key, .wanted = listed(wanted)};
  condition.holds = [wanted, carried](const Look& look) {
    return holds(std::all_of(wanted.begin(), wanted.end(), [&](const std::string& label) {
      return contains(look.issue.labels, label) == carried;
    }));
  };
  condition.value = [](const Look& look) { return listed(look.issue.labels, "no labels"); };
  return condition;
}

Condition repository(const Names& globs) {
  Condition condition{.key = "repository", .wanted = listed(globs)};
  condition.holds = [globs](const Look& look) {
    return holds(covers_repo(globs, look.issue.repo));
  };
  condition.value = [](const Look& look) { return look.issue.repo; };
  return condition;
}

Condition author(const Names& logins) {
  Condition condition{.key = "author", .wanted = listed(logins)};
  condition.holds = [logins](const Look& look) {
    return holds(has_login(logins, look.issue.author));
  };
  condition.value = [](const Look& look) { return look.issue.author; };
  return condition;
}

Condition younger_than(std::chrono::seconds limit) {
  Condition condition{.key = "younger_than", .wanted = duration_text(limit)};
  condition.holds = [limit](const Look& look) {
    return holds(look.issue.created_at && look.now - *look.issue.created_at < limit);
  };
  condition.value = age_text;
  return condition;
}

// Facts.

// "core" is a team of the repository's owner.
std::string full_team(const std::string& team, const std::string& repo) {
  if (team.find('/') != std::string::npos) return team;
  return repo.substr(0, repo.find('/') + 1) + team;
}

Holds is_member(const Names& teams, const Look& look) {
  bool unknown = false;
  for (const auto& team : teams) {
    const auto known = look.facts.teams.find(full_team(team, look.issue.repo));
    if (known == look.facts.teams.end() || !known->second.trouble.empty())
      unknown = true;
    else if (has_login(known->second.members, look.issue.author))
      return Holds::yes;
  }
  return unknown ? Holds::unknown : Holds::no;
}

std::string membership(const Names& teams, const Look& look) {
  Names in;
  for (const auto& team : teams) {
    const auto full = full_team(team, look.issue.repo);
    const auto known = look.facts.teams.find(full);
    if (known == look.facts.teams.end()) continue;
    if (!known->second.trouble.empty()) return full + ": " + known->second.trouble;
    if (has_login(known->second.members, look.issue.author)) in.push_back(full);
  }
  return look.issue.author + " is " + (in.empty() ? "in none of them" : "in " + listed(in));
}

Condition team(const Names& teams) {
  Condition condition{.key = "team", .wanted = listed(teams)};
  condition.holds = [teams](const Look& look) { return is_member(teams, look); };
  condition.value = [teams](const Look& look) { return membership(teams, look); };
  condition.needs = [teams](const Look& look, Needs& needs) {
    for (const auto& team : teams) needs.teams.push_back(full_team(team, look.issue.repo));
  };
  return condition;
}

Condition touched(const std::string& key, const std::string& wanted,
                  std::function<bool(const std::string&)> fits) {
  Condition condition{.key = key, .wanted = wanted};
  condition.holds = [fits](const Look& look) {
    if (look.issue.kind != Kind::pull) return Holds::no;
    if (!look.facts.files) return Holds::unknown;
    return holds(std::any_of(look.facts.files->begin(), look.facts.files->end(), fits));
  };
  condition.value = [fits](const Look& look) -> std::string {
    if (look.issue.kind != Kind::pull) return "an issue touches no files";
    if (!look.facts.files) return look.facts.files_trouble;
    for (const auto& file : *look.facts.files)
      if (fits(file)) return shortened(file);
    return listed(*look.facts.files, "no files");
  };
  condition.needs = [](const Look& look, Needs& needs) {
    if (look.issue.kind == Kind::pull) needs.files = true;
  };
  return condition;
}

}  // namespace

std::optional<std::chrono::seconds> duration_of(const timmy::Json& when, const char* key,
                                                const std::string& rule) {
  if (!when.contains(key)) return std::nullopt;
  const auto text = when.at(key).get<std::string>();
  const auto duration = parse_duration(text);
  if (!duration)
    throw timmy::Permanent("bad_duration",
                           "rule \"" + rule + "\": when." + key +
                               " is no duration: " + in_quotes(text) +
                               "; expected numbers with their units (s, m, h, d), such as 36h or "
                               "1d12h, and no more than 100 years");
  return duration;
}

std::string age_text(const Look& look) {
  if (!look.issue.created_at) return "the forge did not say how old it is";
  const auto age = std::chrono::floor<std::chrono::seconds>(look.now - *look.issue.created_at);
  return duration_text(age) + " old";
}

std::vector<Condition> conditions_of(const timmy::Json& when, const std::string& rule) {
  std::vector<Condition> all;
  const auto names = [&](const char* key, const auto& make) {
    if (when.contains(key)) all.push_back(make(when.at(key).get<Names>()));
  };
  const auto pattern = [&](const char* key, std::vector<Place> places) {
    if (when.contains(key))
      all.push_back(in_text(key, compile(when, key, rule), std::move(places)));
  };
  const Place title{"title", &Snapshot::title};
  const Place body{"body", &Snapshot::body};
  names("repository", repository);
  names("labels", [](const Names& wanted) { return labels("labels", wanted, true); });
  names("without_labels",
        [](const Names& not_wanted) { return labels("without_labels", not_wanted, false); });
  names("author", author);
  if (const auto limit = duration_of(when, "younger_than", rule))
    all.push_back(younger_than(*limit));
  pattern("title", {title});
  pattern("body", {body});
  pattern("text", {title, body});
  names("team", team);
  names("files", [](const Names& globs) {
    return touched("files", listed(globs),
                   [globs](const std::string& file) { return any_matches(globs, file); });
  });
  if (when.contains("files_pattern")) {
    const auto compiled = compile(when, "files_pattern", rule);
    all.push_back(touched(
        "files_pattern", shortened(compiled->pattern()),
        [compiled](const std::string& file) { return RE2::PartialMatch(file, *compiled); }));
  }
  return all;
}

}  // namespace triage
