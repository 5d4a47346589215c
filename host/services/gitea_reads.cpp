// SPDX-License-Identifier: Apache-2.0
#include "services/gitea_reads.hpp"

#include <algorithm>
#include <cctype>
#include <optional>

#include "gitea/client.hpp"
#include "services/gitea_json.hpp"

namespace host {
namespace {

constexpr std::string_view kRead = "gitea.read";

template <class T>
Reply<std::vector<T>> list_answer(const ForgeCall& call, const char* key) {
  return call.answer<std::vector<T>>(
      [key](const std::vector<T>& all) { return json_list(key, all); });
}

// An answer is of a bounded size, and how long bodies are is up to whoever writes them: the
// parameter `body_limit` has them cut.
std::optional<std::size_t> body_limit(const ForgeCall& call) {
  const auto given = call.params.find("body_limit");
  if (given == call.params.end() || given->is_null()) return std::nullopt;
  return static_cast<std::size_t>(number_parameter(call.params, "body_limit", 0, 0));
}

Reply<std::vector<std::string>> names_answer(const ForgeCall& call, const char* key) {
  return call.answer<std::vector<std::string>>([key](const std::vector<std::string>& names) {
    return Json{{key, names}};
  });
}

template <class T>
Reply<T> object_answer(const ForgeCall& call) {
  return call.answer<T>([](const T& object) { return to_json(object); });
}

// The server.

void whoami(Gitea& gitea, const ForgeCall& call) {
  gitea.whoami(call.answer<User>([](const User& user) {
    return Json{{"login", user.login}, {"id", user.id}};
  }));
}

void version(Gitea& gitea, const ForgeCall& call) {
  gitea.version(call.answer<std::string>([](const std::string& text) {
    return Json{{"version", text}};
  }));
}

// Repositories, people and teams.

void list_repos(Gitea& gitea, const ForgeCall& call) {
  gitea.list_repos(call.text("owner"), call.answer<std::vector<Repository>>(
                                           [run = call.run](std::vector<Repository> repos) {
                                             std::erase_if(repos, [&](const Repository& repo) {
                                               return !run->grants.permits(kRead, repo.full_name);
                                             });
                                             return json_list("repos", repos);
                                           }));
}

void get_repo(Gitea& gitea, const ForgeCall& call) {
  gitea.get_repo(call.repo(kRead), object_answer<Repository>(call));
}

void user_permission(Gitea& gitea, const ForgeCall& call) {
  const auto repo = call.repo(kRead);
  gitea.user_permission(repo, call.text("login"), call.answer<Permission>([](Permission what) {
    return Json{{"permission", name(what)}};
  }));
}

void list_assignable(Gitea& gitea, const ForgeCall& call) {
  gitea.list_assignable(call.repo(kRead), names_answer(call, "assignable"));
}

void list_teams(Gitea& gitea, const ForgeCall& call) {
  gitea.list_teams(call.owner_of_teams(), list_answer<Team>(call, "teams"));
}

// As the server compares the names of teams.
bool same_name(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](unsigned char x, unsigned char y) {
    return std::tolower(x) == std::tolower(y);
  });
}

// By name and owner: the server's route takes any team's id, of organisations too that nothing was
// granted of.
void list_team_members(Gitea& gitea, const ForgeCall& call) {
  const auto owner = call.owner_of_teams();
  const auto wanted = call.text("team");
  const auto members = names_answer(call, "members");
  gitea.list_teams(owner, [&gitea, owner, wanted, members](const Result<std::vector<Team>>& teams) {
    if (!teams.ok()) return members(teams.error());
    for (const auto& team : teams.value())
      if (same_name(team.name, wanted)) return gitea.list_team_members(team.id, members);
    members(Error(Code::not_found,
                  "no team \"" + wanted + "\" in " + owner + ", or the host's user can't see it"));
  });
}

// Issues.

void list_issues(Gitea& gitea, const ForgeCall& call) {
  const auto repo = call.repo(kRead);
  IssueFilter filter;
  filter.state = call.text("state", "open");
  filter.since = call.since();
  filter.body_limit = body_limit(call);
  gitea.list_issues(repo, std::move(filter), list_answer<Issue>(call, "issues"));
}

void get_issue(Gitea& gitea, const ForgeCall& call) {
  const auto repo = call.repo(kRead);
  gitea.get_issue(repo, call.number(), object_answer<Issue>(call));
}

struct LabelsTold {
  std::vector<Label> all;
  std::optional<bool> organisation;  // where asked for: whether its own are among them
};

Json labels_json(LabelsTold labels) {
  Json names = label_names(labels.all);
  std::erase_if(labels.all, [](const Label& label) { return !label.exclusive; });
  Json told{{"labels", std::move(names)}, {"exclusive", label_names(labels.all)}};
  if (labels.organisation) told["organisation"] = *labels.organisation;
  return told;
}

// A token that may not read organisations is no reason to withhold the repository's own labels,
// but whoever acts by what is missing must know. A user has none to read.
Result<LabelsTold> with_organisations(std::vector<Label> own,
                                      const Result<std::vector<Label>>& shared) {
  if (shared.ok()) {
    own.insert(own.end(), shared.value().begin(), shared.value().end());
    return LabelsTold{std::move(own), true};
  }
  if (shared.error().transient()) return shared.error();
  return LabelsTold{std::move(own), shared.error().code() == Code::not_found};
}

void list_labels(Gitea& gitea, const ForgeCall& call) {
  const auto repo = call.repo(kRead);
  const bool organisation = call.flag("organisation", false);
  const auto told = call.answer<LabelsTold>(labels_json);
  gitea.list_labels(repo, [&gitea, repo, organisation, told](Result<std::vector<Label>> own) {
    if (!own.ok()) return told(own.error());
    if (!organisation) return told(LabelsTold{std::move(own).value(), std::nullopt});
    gitea.list_organisation_labels(
        repo.owner, [told, own = std::move(own).value()](const Result<std::vector<Label>>& shared) {
          told(with_organisations(own, shared));
        });
  });
}

void list_comments(Gitea& gitea, const ForgeCall& call) {
  const auto repo = call.repo(kRead);
  gitea.list_comments(repo, call.number(), list_answer<Comment>(call, "comments"));
}

// Pull requests.

void list_prs(Gitea& gitea, const ForgeCall& call) {
  const auto repo = call.repo(kRead);
  PullFilter filter;
  filter.state = call.text("state", "open");
  filter.base = call.text("base", "");
  filter.head = call.text("head", "");
  filter.since = call.since();
  filter.body_limit = body_limit(call);
  gitea.list_prs(repo, std::move(filter), list_answer<PullRequest>(call, "prs"));
}

void get_pr(Gitea& gitea, const ForgeCall& call) {
  const auto repo = call.repo(kRead);
  gitea.get_pr(repo, call.number(), object_answer<PullRequest>(call));
}

void list_pr_files(Gitea& gitea, const ForgeCall& call) {
  const auto repo = call.repo(kRead);
  gitea.list_pr_files(repo, call.number(), list_answer<ChangedFile>(call, "files"));
}

void list_pr_commits(Gitea& gitea, const ForgeCall& call) {
  const auto repo = call.repo(kRead);
  gitea.list_pr_commits(repo, call.number(), list_answer<Commit>(call, "commits"));
}

void list_reviews(Gitea& gitea, const ForgeCall& call) {
  const auto repo = call.repo(kRead);
  gitea.list_reviews(repo, call.number(), list_answer<Review>(call, "reviews"));
}

void combined_status(Gitea& gitea, const ForgeCall& call) {
  const auto repo = call.repo(kRead);
  gitea.combined_status(repo, call.text("ref"), object_answer<CombinedStatus>(call));
}

}  // namespace

const std::map<std::string_view, ForgeRead>& forge_reads() {
  static const std::map<std::string_view, ForgeRead> all{
      {"whoami", whoami},
      {"version", version},
      {"list_repos", list_repos},
      {"get_repo", get_repo},
      {"user_permission", user_permission},
      {"list_assignable", list_assignable},
      {"list_teams", list_teams},
      {"list_team_members", list_team_members},
      {"list_issues", list_issues},
      {"get_issue", get_issue},
      {"list_labels", list_labels},
      {"list_comments", list_comments},
      {"list_prs", list_prs},
      {"get_pr", get_pr},
      {"list_pr_files", list_pr_files},
      {"list_pr_commits", list_pr_commits},
      {"list_reviews", list_reviews},
      {"combined_status", combined_status},
  };
  return all;
}

}  // namespace host
