// SPDX-License-Identifier: Apache-2.0
#include "dispatch/dispatcher_guard.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <utility>

#include "base/error.hpp"

namespace host::dispatch {
namespace {

constexpr std::size_t kPullBodyLooked = 20'000;  // of a pull request's text, in bytes

bool is_name_byte(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '-' || c == '_' || c == '.';
}

// Whether what stands before a '#' is another repository's name: "org/other" in "org/other#12".
bool of_another(std::string_view before, std::string_view repository) {
  auto begin = before.size();
  while (begin > 0 && (is_name_byte(before[begin - 1]) || before[begin - 1] == '/')) --begin;
  const auto word = before.substr(begin);
  return word.find('/') != std::string_view::npos && !same_name(word, repository);
}

bool ends_number(std::string_view text, std::size_t at) {
  return at >= text.size() || std::isdigit(static_cast<unsigned char>(text[at])) == 0;
}

bool by_hash(std::string_view text, std::string_view repository, std::int64_t number) {
  const auto wanted = fmt::format("#{}", number);
  for (auto at = text.find(wanted); at != text.npos; at = text.find(wanted, at + 1)) {
    if (ends_number(text, at + wanted.size()) && !of_another(text.substr(0, at), repository))
      return true;
  }
  return false;
}

bool by_page(std::string_view text, std::string_view repository, std::int64_t number) {
  for (const char* kind : {"issues", "pulls"}) {
    const auto page = fmt::format("/{}/{}", kind, number);
    for (auto at = text.find(page); at != text.npos; at = text.find(page, at + 1)) {
      const auto before = text.substr(0, at);
      if (!ends_number(text, at + page.size()) || before.size() <= repository.size()) continue;
      const auto path = before.substr(before.size() - repository.size());
      if (same_name(path, repository) && before[before.size() - repository.size() - 1] == '/')
        return true;
    }
  }
  return false;
}

std::string shown(const PullRequest& pull) {
  return fmt::format("pull request {} by {}", pull.number, pull.user);
}

// A commit that the host pushed for the item, or is about to.
bool is_own(const Item& item, const std::string& sha) {
  return !sha.empty() && (sha == item.pushed || sha == item.sealed);
}

}  // namespace

bool names_issue(std::string_view text, std::string_view repository, std::int64_t number) {
  return by_hash(text, repository, number) || by_page(text, repository, number);
}

GuardVerdict judge(const Item& item, const std::string& branch, const GuardFacts& facts) {
  GuardVerdict verdict;
  Json looked = Json::array();
  for (const auto& pull : facts.pulls) {
    // An item that is a pull request is no duplicate of itself, and may be named by others.
    if (item.is_pull) break;
    const bool from_branch =
        pull.head.branch == branch && same_name(pull.head.repo, item.repository);
    const bool names = names_issue(pull.title, item.repository, item.number) ||
                       names_issue(pull.body, item.repository, item.number);
    const bool open = pull.state == "open";
    if ((!from_branch && !names) || (!open && !pull.merged)) continue;
    looked.push_back({{"pull", pull.number},
                      {"state", pull.merged ? "merged" : pull.state},
                      {"user", pull.user},
                      {"head", pull.head.branch},
                      {"names", names}});
    const bool ours = from_branch && open && same_name(pull.user, item.own_login) &&
                      (pull.number == item.pull || is_own(item, pull.head.sha));
    if (ours && !verdict.own) {
      verdict.own = pull;
      continue;
    }
    if (!open && item.source == kByOperator) continue;
    verdict.reasons.push_back(fmt::format("{} {} {}", shown(pull),
                                          open ? "is open and" : "was merged and",
                                          from_branch ? "comes from " + branch : "names it"));
  }
  const auto& there = facts.branch;
  if (there && !is_own(item, there->sha))
    verdict.reasons.push_back(fmt::format("branch {} is at the forge already", branch));
  verdict.evidence = {{"pulls", std::move(looked)},
                      {"branch", {{"name", branch}, {"at", there ? Json(there->sha) : Json()}}},
                      {"reasons", verdict.reasons}};
  return verdict;
}

namespace {

// Three questions, one after another; keeps itself alive while it asks.
class Asking : public std::enable_shared_from_this<Asking> {
 public:
  Asking(Gitea& gitea, const Item& item, std::string branch, std::optional<WallTime> since,
         Reply<GuardFacts> reply)
      : gitea_(gitea),
        repo_(parse_repo_name(item.repository)),
        branch_(std::move(branch)),
        since_(since),
        reply_(std::move(reply)) {}

  void begin() {
    PullFilter filter;
    filter.body_limit = kPullBodyLooked;
    gitea_.list_prs(repo_, filter, [self = shared_from_this()](auto open) {
      if (!open.ok()) return self->reply_(open.error());
      self->facts_.pulls = std::move(open).value();
      self->ask_changed();
    });
  }

 private:
  // Those that were closed in the meantime. Open ones come from the list above: the forge orders
  // this one by change, and one that changes while it is read could be left out.
  void ask_changed() {
    PullFilter filter;
    filter.state = "closed";
    filter.since = since_;
    filter.body_limit = kPullBodyLooked;
    gitea_.list_prs(repo_, filter, [self = shared_from_this()](auto closed) {
      if (!closed.ok()) return self->reply_(closed.error());
      for (auto& pull : closed.value()) self->facts_.pulls.push_back(std::move(pull));
      self->ask_branch();
    });
  }

  void ask_branch() {
    gitea_.get_branch(repo_, branch_, [self = shared_from_this()](Result<Branch> branch) {
      if (branch.ok()) {
        self->facts_.branch = std::move(branch).value();
      } else if (branch.error().code() != Code::not_found) {
        return self->reply_(branch.error());
      }
      self->reply_(std::move(self->facts_));
    });
  }

  Gitea& gitea_;
  RepoName repo_;
  std::string branch_;
  std::optional<WallTime> since_;
  Reply<GuardFacts> reply_;
  GuardFacts facts_;
};

}  // namespace

void ask_guard_facts(Gitea& gitea, const Item& item, const std::string& branch,
                     std::optional<WallTime> since, Reply<GuardFacts> reply) {
  std::make_shared<Asking>(gitea, item, branch, since, std::move(reply))->begin();
}

}  // namespace host::dispatch
