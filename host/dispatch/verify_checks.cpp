// SPDX-License-Identifier: Apache-2.0
#include "dispatch/verify_checks.hpp"

#include <fmt/format.h>
#include <re2/re2.h>

#include <algorithm>

#include "base/plural.hpp"
#include "base/utf8.hpp"
#include "dispatch/playbook_paths.hpp"
#include "dispatch/verify_secrets.hpp"
#include "gitea/types.hpp"
#include "workspaces/git_path.hpp"

namespace host::dispatch {
namespace {

using workspaces::shown_path;

constexpr std::size_t kRoomForMore = 40;

re2::StringPiece piece(std::string_view text) { return {text.data(), text.size()}; }

std::string shown_commit(const WorkCommit& commit) {
  return "commit " + commit.id.text().substr(0, 12);
}

// Line feeds and tabs are what a message may hold besides text.
bool is_text(std::string_view text) {
  for (std::size_t at = 0; at < text.size();) {
    const auto [point, size] = character_at(text, at);
    if (!point || (*point < 0x20 && *point != '\n' && *point != '\t') ||
        (*point >= 0x7f && *point < 0xa0))
      return false;
    at += size;
  }
  return true;
}

// An order that the forge obeys when the commit is merged: a keyword before a reference. What it
// names: {whose, number}; whose empty: this repository.
struct Order {
  std::string whose;
  std::int64_t number = 0;
};

std::vector<Order> orders_in(std::string_view message) {
  static const RE2 kShort(
      R"((?i)(?:^|[^\w])(?:close[sd]?|fix(?:e[sd])?|resolve[sd]?|implement(?:s|ed)?|reopen(?:s|ed)?)\s*:?\s*(?:([\w.-]+/[\w.-]+)?[#!]|gh-)(\d{1,18}))");
  static const RE2 kUrl(
      R"((?i)(?:^|[^\w])(?:close[sd]?|fix(?:e[sd])?|resolve[sd]?|implement(?:s|ed)?|reopen(?:s|ed)?)\s*:?\s*https?://\S*?/([\w.-]+/[\w.-]+)/(?:issues|pulls?)/(\d{1,18}))");
  std::vector<Order> orders;
  for (const RE2* pattern : {&kShort, &kUrl}) {
    auto rest = piece(message);
    Order order;
    while (RE2::FindAndConsume(&rest, *pattern, &order.whose, &order.number))
      orders.push_back(std::exchange(order, {}));
  }
  return orders;
}

bool is_own(const Order& order, const std::string& repository, std::int64_t number) {
  return order.number == number && (order.whose.empty() || same_name(order.whose, repository));
}

std::string folded(std::string_view text) {
  std::string result(text);
  for (char& c : result)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return result;
}

bool is_test(std::string_view path) {
  static const RE2 kTest(
      R"((?i)(?:^|/)(?:tests?|specs?|__tests__|testdata)/|(?:^|/)tests?_[^/]*$|[_.-](?:tests?|spec)\.[a-z0-9]+$|(?:^|/)conftest\.py$)");
  return RE2::PartialMatch(piece(path), kTest);
}

// How test frameworks are told to leave a test out.
bool leaves_a_test_out(std::string_view line) {
  static const RE2 kSkip(
      R"(@(?:pytest\.mark\.|unittest\.)?(?:skip|skipif|skipIf|skipUnless|xfail|expectedFailure)\b|\bpytest\.skip\(|\bself\.skipTest\(|\b[tb]\.Skip(?:f|Now)?\(|\b(?:it|test|describe|context)\.(?:skip|only|todo)\b|\b(?:xit|xdescribe|xtest|fit|fdescribe)\(|\bGTEST_SKIP\b|\bDISABLED_\w|#\[ignore|@(?:Disabled|Ignore)\b|\[(?:Fact|Theory)\(Skip|\bXCTSkip\b|\bt\.skip\b)");
  return RE2::PartialMatch(piece(line), kSkip);
}

}  // namespace

void Findings::add(std::string line) {
  ++count_;
  if (lines_.size() + line.size() + kRoomForMore > kMostEvidence) return;
  ++shown_;
  lines_ += line + "\n";
}

std::string Findings::text() const {
  auto text = lines_;
  if (count_ > shown_) text += fmt::format("... and {} more\n", count_ - shown_);
  if (!text.empty()) text.pop_back();
  return text;
}

Check check_of(std::string name, const Findings& findings, std::string good, std::string bad) {
  using State = Check::State;
  if (findings.empty()) return {std::move(name), State::passed, std::move(good), {}};
  return {std::move(name), State::failed, std::move(bad), findings.text()};
}

Check check_size(const WorkFacts& work, const DiffRules& rules) {
  const auto files = static_cast<std::int64_t>(work.files.size());
  std::int64_t lines = 0;
  for (const auto& file : work.files) lines += file.added + file.removed;
  auto summary =
      fmt::format("{} and {} changed; at most {} and {}", plural(work.files.size(), "file"),
                  plural(static_cast<std::uint64_t>(lines), "line"), rules.files, rules.lines);
  if (files > 0 && files <= rules.files && lines <= rules.lines)
    return {"size", Check::State::passed, std::move(summary), {}};
  if (files == 0) summary = "its commits change nothing against the base";
  auto largest = work.files;
  std::stable_sort(largest.begin(), largest.end(), [](const auto& a, const auto& b) {
    return a.added + a.removed > b.added + b.removed;
  });
  Findings findings;
  for (const auto& file : largest)
    findings.add(
        fmt::format("{}: {} added, {} removed", shown_path(file.path), file.added, file.removed));
  return {"size", Check::State::failed, std::move(summary), findings.text()};
}

Check check_paths(const WorkFacts& work, const DiffRules& rules,
                  const std::vector<std::string>& allowed) {
  Findings findings;
  for (const auto& path : work.touched) {
    const auto denying = rules.denying(path);
    const bool in_lane =
        allowed.empty() || std::any_of(allowed.begin(), allowed.end(), [&](const auto& pattern) {
          return path_matches(pattern, path);
        });
    if (!denying.empty())
      findings.add(fmt::format("{}: may not be touched ({})", shown_path(path), denying));
    else if (!in_lane)
      findings.add(shown_path(path) + ": is not for this lane");
  }
  return check_of("paths", findings,
                  plural(work.touched.size(), "path") + " touched, none that may not be",
                  plural(findings.count(), "path") + " may not be touched");
}

Check check_messages(const WorkFacts& work, const std::string& repository, std::int64_t number) {
  static const RE2 kTrailer(R"((?im)^[ \t]*timmy-[a-z-]+[ \t]*:)");
  Findings findings;
  for (const auto& commit : work.commits) {
    const auto of = shown_commit(commit);
    if (!is_text(commit.message)) findings.add(of + ": its message has bytes that are no text");
    if (RE2::PartialMatch(piece(commit.message), kTrailer))
      findings.add(of + ": its message has a line \"Timmy-...:\", which only the host writes");
    if (commit.message.find("<!-- timmy:") != std::string::npos)
      findings.add(of + ": its message has a marker that only the host writes");
    for (const auto& order : orders_in(commit.message))
      if (!is_own(order, repository, number))
        findings.add(fmt::format("{}: its message would close or open {}#{} once it is merged", of,
                                 shown_path(order.whose), order.number));
  }
  return check_of("messages", findings, plural(work.commits.size(), "commit"),
                  "messages of its commits say what they may not; write them anew (git rebase, or "
                  "git commit --amend)");
}

Check check_models(const std::vector<std::string>& banned) {
  Findings findings;
  for (const auto& line : banned) findings.add(line);
  return check_of("models", findings, "no banned model or provider took part",
                  "a model took part that is banned");
}

void LineChecks::look_at(const std::string& where, std::string_view text) {
  if (gates_->secrets) {
    if (const auto looks_like = credential_in(text); !looks_like.empty())
      secrets_.add(fmt::format("{}: looks like {}", where, looks_like));
    else if (redactor_ != nullptr && redactor_->scrub_known(text) != text)
      secrets_.add(where + ": holds a secret of this host");
  }
  if (gates_->banned.empty()) return;
  const auto plain = folded(text);
  for (const auto& banned : gates_->banned)
    if (plain.find(folded(banned)) != std::string::npos)
      banned_.add(fmt::format("{}: holds \"{}\"", where, banned));
}

void LineChecks::look(const AddedLine& line) {
  const auto where = [&] {
    return fmt::format("{}:{} (commit {})", shown_path(line.path), line.number,
                       line.commit.substr(0, 12));
  };
  look_at(where(), line.text);
  if (leaves_a_test_out(line.text)) skips_.add(where());
}

void LineChecks::look_at_messages(const WorkFacts& work) {
  for (const auto& commit : work.commits) {
    look_at(shown_commit(commit) + ", its message", commit.message);
    look_at(shown_commit(commit) + ", its author", commit.author);
  }
}

void LineChecks::look_at_paths(const WorkFacts& work) {
  for (const auto& path : work.touched) look_at(shown_path(path) + ", its name", path);
}

std::vector<Check> LineChecks::checks(bool whole) const {
  std::vector<Check> checks;
  if (gates_->secrets)
    checks.push_back(check_of(
        "secrets", secrets_, "nothing that any commit adds looks like a credential",
        "a commit adds what looks like a credential; it has to leave every commit, not only the "
        "last (git reset --soft to the base, and commit anew)"));
  if (!gates_->banned.empty())
    checks.push_back(check_of("banned texts", banned_, "none in what any commit adds",
                              "a commit adds a text that is banned"));
  if (!whole)
    for (auto& check : checks) {
      check.state = Check::State::failed;
      check.summary = "there is too much to look through all of it";
    }
  return checks;
}

std::vector<std::string> review_notes(const WorkFacts& work, const Findings& skips,
                                      std::string_view author) {
  std::vector<std::string> notes;
  std::size_t changed = 0, gone = 0, others = 0;
  for (const auto& file : work.files) {
    if (!is_test(file.path)) continue;
    if (file.gone)
      ++gone;
    else if (file.removed > 0)
      ++changed;
  }
  for (const auto& commit : work.commits)
    if (!commit.author.ends_with(fmt::format("<{}>", author))) ++others;
  if (gone > 0) notes.push_back(fmt::format("removes {} of tests", plural(gone, "file")));
  if (changed > 0)
    notes.push_back(
        fmt::format("removes or changes lines in {} of tests", plural(changed, "file")));
  if (!skips.empty())
    notes.push_back(
        fmt::format("seems to leave tests out in {}", plural(skips.count(), "added line")));
  if (others > 0)
    notes.push_back(
        fmt::format("names another author than the host's agents in {}", plural(others, "commit")));
  return notes;
}

}  // namespace host::dispatch
