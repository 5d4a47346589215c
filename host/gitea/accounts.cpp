// SPDX-License-Identifier: Apache-2.0
//
// Who and where this is: the server, the token and its user, organisations and their teams.
#include <set>

#include "gitea/client_impl.hpp"
#include "gitea/fields.hpp"
#include "gitea/pages.hpp"

namespace host {
namespace {

constexpr const char* kCategories[] = {"issue", "organization", "repository", "user"};

// What a server asks a scope for before it looks for what the path names. Nothing can have the
// name "-": it is reserved. So the answer is 404, or 403 where the scope is missing.
ApiRequest scope_probe(const std::string& scope) {
  ApiRequest request;
  if (scope.starts_with("write:")) request.method = "POST";
  if (scope == "read:issue" || scope == "write:issue") request.path = "/repos/-/-/issues";
  if (scope == "read:repository" || scope == "write:repository") request.path = "/repos/-/-/pulls";
  if (scope == "read:organization") request.path = "/orgs/-/labels";
  if (scope == "write:organization") request.path = "/orgs/-/labels";
  if (scope == "read:user") request.path = "/user";
  if (scope == "write:user") request.path = "/user/following/-", request.method = "DELETE";
  request.what = "asking whether the token has the scope " + scope;
  return request;
}

// "all" and "write:x" as what they include; other categories than these are left out.
std::vector<std::string> spelled_out(const std::vector<std::string>& said) {
  std::set<std::string> all;
  for (const auto& scope : said)
    for (const std::string category : kCategories) {
      if (scope == "all" || scope == "write:" + category)
        all.insert({"read:" + category, "write:" + category});
      if (scope == "read:" + category) all.insert(scope);
    }
  return {all.begin(), all.end()};
}

std::vector<std::string> scopes_said(const Json& json) {
  std::vector<std::string> said;
  if (const Json* scopes = fields::find(json, "scopes")) {
    if (!scopes->is_array()) throw fields::wrong("scopes", *scopes, "an array");
    for (const Json& each : *scopes)
      if (each.is_string()) said.push_back(each.get<std::string>());
  }
  return spelled_out(said);
}

// Keeps itself alive until its reply.
class AskScopes : public std::enable_shared_from_this<AskScopes> {
 public:
  AskScopes(std::shared_ptr<Transport> transport, std::shared_ptr<Probes> probes,
            Reply<TokenScopes> reply)
      : transport_(std::move(transport)), probes_(std::move(probes)), reply_(std::move(reply)) {}

  void start() {
    if (probes_->token == false) return probe_all();
    ApiRequest request;
    request.path = "/token";
    request.what = "asking what the token may be used for";
    fetch<std::vector<std::string>>(
        transport_, std::move(request), scopes_said,
        [self = shared_from_this()](Result<std::vector<std::string>> said) {
          if (said.ok()) return self->reply_(TokenScopes{std::move(said).value()});
          if (said.error().code() != Code::unsupported) return self->reply_(said.error());
          self->probes_->token = false;
          self->probe_all();
        });
  }

 private:
  void probe_all() {
    for (const char* level : {"read:", "write:"})
      for (const char* category : kCategories) wanted_.push_back(std::string(level) + category);
    probe();
  }

  void probe() {
    if (wanted_.empty()) {
      std::sort(granted_.begin(), granted_.end());
      return reply_(TokenScopes{std::move(granted_)});
    }
    transport_->call(scope_probe(wanted_.back()), [self = shared_from_this()](ApiOutcome outcome) {
      // Past the scope there is no such thing, or, for one's own user, there is.
      const bool past = outcome.response.ok() || outcome.response.error().code() == Code::not_found;
      const bool missing =
          !past && outcome.response.error().message().find("required scope") != std::string::npos;
      if (!past && !missing) return self->reply_(outcome.response.error());
      if (past) self->granted_.push_back(self->wanted_.back());
      self->wanted_.pop_back();
      self->probe();
    });
  }

  std::shared_ptr<Transport> transport_;
  std::shared_ptr<Probes> probes_;
  Reply<TokenScopes> reply_;
  std::vector<std::string> wanted_;
  std::vector<std::string> granted_;
};

}  // namespace

void GiteaClient::Impl::login(Reply<std::string> reply) {
  if (login_of_ == transport->identity() && !login_.empty())
    return transport->post([name = login_, reply = std::move(reply)] { reply(name); });
  whoami([weak = self, reply = std::move(reply)](Result<User> user) {
    if (!user.ok()) return reply(user.error());
    if (const auto impl = weak.lock()) {
      impl->login_ = user.value().login;
      impl->login_of_ = impl->transport->identity();
    }
    reply(user.value().login);
  });
}

void GiteaClient::Impl::whoami(Reply<User> reply) {
  ApiRequest request;
  request.path = "/user";
  request.what = "asking who the token belongs to";
  fetch<User>(transport, std::move(request), decode_user, std::move(reply));
}

void GiteaClient::whoami(Reply<User> reply) { impl_->whoami(std::move(reply)); }

void GiteaClient::version(Reply<std::string> reply) {
  ApiRequest request;
  request.path = kVersionPath;
  request.what = "asking for the server's version";
  request.token_optional = true;
  fetch<std::string>(
      impl_->transport, std::move(request),
      [](const Json& json) {
        const auto at = json.is_object() ? json.find("version") : json.end();
        if (!json.is_object() || at == json.end() || !at->is_string())
          throw Error(Code::invalid, "the reply states no version",
                      "Check the Gitea URL: something else may answer there.");
        return at->get<std::string>();
      },
      std::move(reply));
}

void GiteaClient::scopes(Reply<TokenScopes> reply) {
  std::make_shared<AskScopes>(impl_->transport, impl_->probes, std::move(reply))->start();
}

void GiteaClient::list_teams(std::string organisation, Reply<std::vector<Team>> reply) {
  guarded(impl_->transport, reply, [&] {
    ApiRequest request;
    request.path =
        "/orgs/" + percent_encode(parse_repo_name(organisation + "/x").owner) + "/teams?";
    request.what = "listing the teams of " + organisation;
    Pages<Team>::walk(
        impl_->transport, std::move(request),
        [](const Json& json) -> std::optional<Team> { return decode_team(json); }, reply);
  });
}

void GiteaClient::list_team_members(std::int64_t team, Reply<std::vector<std::string>> reply) {
  guarded(impl_->transport, reply, [&] {
    ApiRequest request;
    request.path = "/teams/" + numbered("team", team) + "/members?";
    request.what = "listing the members of team " + std::to_string(team);
    Pages<std::string>::walk(
        impl_->transport, std::move(request),
        [](const Json& json) -> std::optional<std::string> { return decode_user(json).login; },
        reply);
  });
}

}  // namespace host
