// SPDX-License-Identifier: Apache-2.0
//
// Repositories, who may do what in them, and their branches.
#include "gitea/client_impl.hpp"
#include "gitea/fields.hpp"
#include "gitea/pages.hpp"

namespace host {
namespace {

Permission decode_permission(const Json& json) {
  const std::string said = fields::text(json, "permission");
  if (said == "none") return Permission::none;
  if (said == "read") return Permission::read;
  if (said == "write") return Permission::write;
  if (said == "admin") return Permission::admin;
  if (said == "owner") return Permission::owner;
  throw Error(Code::invalid, "\"" + said + "\" is no permission that this host knows");
}

void list_all(const std::shared_ptr<Transport>& transport, std::string path, std::string what,
              Reply<std::vector<Repository>> reply) {
  ApiRequest request;
  request.path = std::move(path);
  request.what = std::move(what);
  Pages<Repository>::walk(
      transport, std::move(request),
      [](const Json& json) -> std::optional<Repository> { return decode_repository(json); },
      std::move(reply));
}

}  // namespace

void GiteaClient::get_repo(RepoName repo, Reply<Repository> reply) {
  guarded(impl_->transport, reply, [&] {
    ApiRequest request;
    request.path = repo_path(repo);
    request.what = "reading the repository " + repo.full();
    fetch<Repository>(impl_->transport, std::move(request), decode_repository, reply);
  });
}

void GiteaClient::list_repos(std::string owner, Reply<std::vector<Repository>> reply) {
  guarded(impl_->transport, reply, [&] {
    // Organisations are users to this route.
    list_all(impl_->transport,
             "/users/" + percent_encode(parse_repo_name(owner + "/x").owner) + "/repos?",
             "listing the repositories of " + owner, reply);
  });
}

void GiteaClient::list_my_repos(Reply<std::vector<Repository>> reply) {
  list_all(impl_->transport, "/user/repos?", "listing the repositories of the token's user",
           std::move(reply));
}

void GiteaClient::user_permission(RepoName repo, std::string login, Reply<Permission> reply) {
  guarded(impl_->transport, reply, [&] {
    ApiRequest request;
    request.path = repo_path(repo) + "/collaborators/" +
                   percent_encode(parse_repo_name(login + "/x").owner) + "/permission";
    request.what = "asking what " + login + " may do in " + repo.full();
    fetch<Permission>(impl_->transport, std::move(request), decode_permission, reply);
  });
}

void GiteaClient::list_branches(RepoName repo, Reply<std::vector<Branch>> reply) {
  guarded(impl_->transport, reply, [&] {
    ApiRequest request;
    request.path = repo_path(repo) + "/branches?";
    request.what = "listing the branches of " + repo.full();
    Pages<Branch>::walk(
        impl_->transport, std::move(request),
        [](const Json& json) -> std::optional<Branch> { return decode_branch(json); }, reply);
  });
}

void GiteaClient::get_branch(RepoName repo, std::string branch, Reply<Branch> reply) {
  guarded(impl_->transport, reply, [&] {
    ApiRequest request;
    request.path = branch_path(repo, branch);
    request.what = "reading the branch " + branch + " of " + repo.full();
    fetch<Branch>(impl_->transport, std::move(request), decode_branch, reply);
  });
}

// The transport repeats a DELETE by itself; one that was applied is then not found, which is fine.
// But so is what the token can't see: only a repository that it sees is believed.
void GiteaClient::delete_branch(RepoName repo, std::string branch, Reply<Done> reply) {
  guarded(impl_->transport, reply, [&] {
    ApiRequest request;
    request.method = "DELETE";
    request.path = branch_path(repo, branch);
    request.what = "deleting the branch " + branch + " of " + repo.full();
    ApiRequest look;
    look.path = repo_path(repo);
    look.what = request.what;
    impl_->transport->call(
        std::move(request), [transport = impl_->transport, look, reply](ApiOutcome outcome) {
          if (outcome.response.ok()) return reply(Done{});
          if (outcome.response.error().code() != Code::not_found)
            return reply(outcome.response.error());
          transport->call(look, [reply](ApiOutcome seen) {
            reply(seen.response.ok() ? Result<Done>(Done{}) : seen.response.error());
          });
        });
  });
}

}  // namespace host
