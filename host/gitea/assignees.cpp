// SPDX-License-Identifier: Apache-2.0
//
// Who is assigned to an issue. An edit replaces the whole set, so what is there is read and kept;
// servers from Gitea 1.27 on have a route that adds and takes away.
#include "gitea/client_impl.hpp"
#include "gitea/fields.hpp"
#include "gitea/settle.hpp"

namespace host {
namespace {

void read_assignable(const std::shared_ptr<Transport>& transport, const RepoName& repo,
                     Reply<std::vector<std::string>> reply) {
  ApiRequest request;
  request.path = repo_path(repo) + "/assignees";
  request.what = "listing whom issues of " + repo.full() + " can be assigned to";
  // Not paged.
  fetch<std::vector<std::string>>(
      transport, std::move(request),
      [](const Json& json) {
        return fields::logins(Json{{"users", json}}, "users");
      },
      std::move(reply));
}

std::string joined(const std::vector<std::string>& names) {
  std::string all;
  for (const auto& name : names) all += (all.empty() ? "" : ", ") + name;
  return all;
}

struct Change {
  std::vector<std::string> logins;
  bool add = true;

  [[nodiscard]] bool reached(const Issue& issue) const {
    return std::all_of(logins.begin(), logins.end(), [&](const std::string& login) {
      return among(issue.assignees, login) == add;
    });
  }
  // The whole set, after the change.
  [[nodiscard]] std::vector<std::string> of(std::vector<std::string> assignees) const {
    std::erase_if(assignees, [&](const auto& each) { return !add && among(logins, each); });
    for (const auto& login : logins)
      if (add && !among(assignees, login)) assignees.push_back(login);
    return assignees;
  }
};

ApiRequest change_request(const Target& target, const Change& change, const Issue& issue,
                          bool by_route) {
  ApiRequest request;
  request.method = by_route ? (change.add ? "POST" : "DELETE") : "PATCH";
  request.path = target.path() + (by_route ? "/assignees" : "");
  request.body =
      to_text(Json{{"assignees", by_route ? change.logins : change.of(issue.assignees)}});
  return request;
}

void start(const Target& target, const std::shared_ptr<Probes>& probes, const Change& change,
           Reply<Issue> reply, std::optional<Issue> now = std::nullopt) {
  Aim<Issue> aim;
  aim.what = (change.add ? "assigning " + joined(change.logins) + " to "
                         : "taking " + joined(change.logins) + " from ") +
             target.name();
  aim.read.path = target.path();
  aim.decode = decode_issue;
  aim.reached = [change](const Issue& issue) { return change.reached(issue); };
  aim.write = [target, change, probes](const Issue& issue) {
    return change_request(target, change, issue, probes->assignees != false);
  };
  aim.other_way = [probes](const Error& error) {
    if (error.code() != Code::unsupported || probes->assignees == false) return false;
    probes->assignees = false;
    return true;
  };
  // An author who may not write gets 201 and no change.
  aim.missed = [what = aim.what](const Issue&) {
    return Error(Code::denied, what + ": the server left it out without a word",
                 "Give the token's user the right to write in this repository.");
  };
  Settle<Issue>::run(target.transport, std::move(aim), std::move(reply), std::move(now));
}

// The first of `logins` who is not among `known`.
std::optional<std::string> stranger(const std::vector<std::string>& logins,
                                    const std::vector<std::string>& known) {
  for (const auto& login : logins)
    if (!among(known, login)) return login;
  return std::nullopt;
}

Error not_assignable(const Target& target, const std::string& login) {
  return {Code::not_found, target.name() + " can't be assigned to " + login,
          "Mend the name, or let that user write in " + target.repo.full() + "."};
}

}  // namespace

void GiteaClient::list_assignable(RepoName repo, Reply<std::vector<std::string>> reply) {
  guarded(impl_->transport, reply, [&] { read_assignable(impl_->transport, repo, reply); });
}

// Whom the server can't assign it answers with a 500, so they are looked for first; not where all
// are assigned already.
void GiteaClient::add_assignees(RepoName repo, std::int64_t number, std::vector<std::string> logins,
                                Reply<Issue> reply) {
  guarded(impl_->transport, reply, [&] {
    const Target target{impl_->transport, repo, number};
    (void)target.path();
    must_name(logins, "whom to assign");
    const Change change{std::move(logins), true};
    fetch_issue(target.transport, repo, number,
                [target, change, probes = impl_->probes, reply](Result<Issue> issue) {
                  if (!issue.ok() || change.reached(issue.value())) return reply(std::move(issue));
                  read_assignable(target.transport, target.repo,
                                  [target, change, probes, reply, now = std::move(issue).value()](
                                      const Result<std::vector<std::string>>& all) {
                                    if (!all.ok()) return reply(all.error());
                                    if (const auto nobody = stranger(change.logins, all.value()))
                                      return reply(not_assignable(target, *nobody));
                                    start(target, probes, change, reply, now);
                                  });
                });
  });
}

void GiteaClient::remove_assignees(RepoName repo, std::int64_t number,
                                   std::vector<std::string> logins, Reply<Issue> reply) {
  guarded(impl_->transport, reply, [&] {
    const Target target{impl_->transport, repo, number};
    (void)target.path();
    must_name(logins, "whom to take away");
    start(target, impl_->probes, {std::move(logins), false}, reply);
  });
}

}  // namespace host
