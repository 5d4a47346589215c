// SPDX-License-Identifier: Apache-2.0
//
// Making a pull request, once. The server refuses a second one from head to base with 409 and its
// number, but two requests at the same time may both pass.
#include <charconv>

#include "gitea/decode_pulls.hpp"
#include "gitea/pulls.hpp"
#include "gitea/settle.hpp"
#include "gitea/text_edit.hpp"

namespace host {
namespace {

// The number in "pull request already exists for these targets [id: 890, issue_id: 2, ...]", the
// only place where a server says it; 0 without one.
std::int64_t existing(const std::string& message) {
  constexpr std::string_view kMark = "issue_id: ";
  const auto at = message.find(kMark);
  if (at == std::string::npos) return 0;
  std::int64_t number = 0;
  const char* from = message.data() + at + kMark.size();
  (void)std::from_chars(from, message.data() + message.size(), number);
  return number;
}

class CreatePull : public std::enable_shared_from_this<CreatePull> {
 public:
  CreatePull(std::shared_ptr<Transport> transport, RepoName repo, NewPull wanted,
             Reply<PullRequest> reply)
      : transport_(std::move(transport)),
        repo_(std::move(repo)),
        wanted_(std::move(wanted)),
        reply_(std::move(reply)) {}

  void write() {
    ++writes_;
    ApiRequest request;
    request.method = "POST";
    request.path = repo_path(repo_) + "/pulls";
    request.body = to_text(Json{{"head", wanted_.head},
                                {"base", wanted_.base},
                                {"title", wanted_.title},
                                {"body", wanted_.body}});
    request.what = what_;
    transport_->call(std::move(request), [self = shared_from_this()](ApiOutcome outcome) {
      if (outcome.response.ok()) return self->written(outcome.response.value());
      const Error& error = outcome.response.error();
      if (outcome.maybe_applied) return self->look(error, true);
      if (error.code() == Code::conflict) return self->take(existing(error.message()), error);
      if (error.code() == Code::not_found) return self->name_missing({"base", "head"}, error);
      self->reply_(error);
    });
  }

 private:
  void written(const HttpResponse& response) {
    auto pull = attempt([&] { return decode_pull(reply_json(response, what_)); });
    if (!pull.ok()) return look(with_context(what_, pull.error()), false);
    find_open(transport_, repo_, wanted_.head, wanted_.base,
              [self = shared_from_this(),
               made = std::move(pull).value()](Result<std::vector<PullRequest>> all) {
                // What was made is known; that there is no second one could not be looked up.
                if (!all.ok() || all.value().empty() || all.value().front().number >= made.number)
                  return self->reply_(made);
                self->give_way(made, all.value().front());
              });
  }

  // Ours is the later one of two that were made at the same time.
  void give_way(const PullRequest& made, const PullRequest& first) {
    ApiRequest request = edit_request(pull_path(repo_, made.number), Json{{"state", "closed"}});
    request.what = "closing " + issue_name(repo_, made.number) + ", which is there twice";
    transport_->call(std::move(request), [self = shared_from_this(), first](ApiOutcome outcome) {
      if (!outcome.response.ok() && !outcome.maybe_applied)
        return self->reply_(outcome.response.error());
      self->reply_(first);
    });
  }

  // The one that the server named, if it is what it says.
  void take(std::int64_t number, const Error& cause) {
    if (number <= 0) return look(cause, false);
    fetch_pull(transport_, repo_, number,
               [self = shared_from_this(), cause](Result<PullRequest> pull) {
                 const bool fits = pull.ok() && pull.value().state == "open" &&
                                   goes(pull.value(), self->wanted_.head, self->wanted_.base);
                 if (fits) return self->reply_(std::move(pull));
                 self->look(cause, false);
               });
  }

  void look(const Error& cause, bool may_write) {
    find_open(transport_, repo_, wanted_.head, wanted_.base,
              [self = shared_from_this(), cause, may_write](Result<std::vector<PullRequest>> all) {
                if (!all.ok()) return self->reply_(cause);
                if (!all.value().empty()) return self->reply_(std::move(all.value().front()));
                if (!may_write || self->writes_ >= kWrites) return self->reply_(cause);
                self->write();
              });
  }

  // The server's 404 may mean the repository or either branch.
  void name_missing(std::vector<std::string> ends, const Error& cause) {
    if (ends.empty()) return reply_(cause);
    const std::string end = ends.back();
    ends.pop_back();
    const std::string branch = end == "head" ? wanted_.head : wanted_.base;
    if (branch.find(':') != std::string::npos) return name_missing(std::move(ends), cause);
    ApiRequest request;
    request.path = branch_path(repo_, branch);
    request.what = what_;
    transport_->call(std::move(request), [self = shared_from_this(), ends = std::move(ends), end,
                                          branch, cause](ApiOutcome found) {
      const bool missing = !found.response.ok() && found.response.error().code() == Code::not_found;
      if (!missing) return self->name_missing(ends, cause);
      self->reply_(Error(
          Code::not_found, self->what_ + ": there is no " + end + " branch " + branch,
          "Push it first, or mend its name; or the token may not see " + self->repo_.full() + "."));
    });
  }

  std::shared_ptr<Transport> transport_;
  RepoName repo_;
  NewPull wanted_;
  Reply<PullRequest> reply_;
  const std::string what_ =
      "making a pull request from " + wanted_.head + " to " + wanted_.base + " in " + repo_.full();
  int writes_ = 0;
};

}  // namespace

void GiteaClient::create_pr(RepoName repo, NewPull pull, Reply<PullRequest> reply) {
  guarded(impl_->transport, reply, [&] {
    must_name({pull.head, pull.base}, "a branch");
    (void)branch_path(repo, pull.base);
    (void)branch_path(repo, pull.head.substr(pull.head.find(':') + 1));
    if (trimmed(pull.title).empty()) throw Error(Code::usage, "a pull request without a title");
    std::make_shared<CreatePull>(impl_->transport, repo, std::move(pull), reply)->write();
  });
}

}  // namespace host
