// SPDX-License-Identifier: Apache-2.0
//
// Reviews of pull requests.
#include "gitea/decode_pulls.hpp"
#include "gitea/marker.hpp"
#include "gitea/pages.hpp"
#include "gitea/pulls.hpp"
#include "gitea/settle.hpp"

namespace host {
namespace {

// As the server spells them: any other word makes a review that nobody sees.
std::string state_of(ReviewEvent event) {
  switch (event) {
    case ReviewEvent::approve: return "APPROVED";
    case ReviewEvent::request_changes: return "REQUEST_CHANGES";
    case ReviewEvent::comment: return "COMMENT";
  }
  throw Error(Code::internal, "no such review");
}

void list(const Target& target, Reply<std::vector<Review>> reply) {
  ApiRequest request;
  request.path = pull_path(target.repo, target.number) + "/reviews?";
  request.what = "listing the reviews of " + target.name();
  Pages<Review>::walk(
      target.transport, std::move(request),
      [](const Json& json) -> std::optional<Review> { return decode_review(json); },
      std::move(reply));
}

class WriteReview : public std::enable_shared_from_this<WriteReview> {
 public:
  WriteReview(Target target, std::string login, NewReview review, std::string line,
              Reply<Review> reply)
      : target_(std::move(target)),
        login_(std::move(login)),
        review_(std::move(review)),
        line_(std::move(line)),
        reply_(std::move(reply)) {}

  // `cause`: why a write is in doubt.
  void look(const std::optional<Error>& cause) {
    list(target_, [self = shared_from_this(), cause](const Result<std::vector<Review>>& all) {
      if (!all.ok()) return self->reply_(cause.value_or(all.error()));
      for (const auto& review : all.value())
        if (same_name(review.user, self->login_) &&
            review.body.find(self->line_) != std::string::npos)
          return self->conclude(review);
      if (self->writes_ >= kWrites && cause) return self->reply_(*cause);
      self->write();
    });
  }

 private:
  void write() {
    ++writes_;
    ApiRequest request;
    request.method = "POST";
    request.path = pull_path(target_.repo, target_.number) + "/reviews";
    Json body = {{"event", state_of(review_.event)}, {"body", marked(review_.body, line_)}};
    if (!review_.commit_sha.empty()) body["commit_id"] = review_.commit_sha;
    request.body = to_text(body);
    request.what = what_;
    target_.transport->call(std::move(request), [self = shared_from_this()](ApiOutcome outcome) {
      if (!outcome.response.ok()) {
        const Error& error = outcome.response.error();
        return outcome.maybe_applied ? self->look(error) : self->reply_(error);
      }
      auto review =
          attempt([&] { return decode_review(reply_json(outcome.response.value(), self->what_)); });
      if (!review.ok()) return self->look(with_context(self->what_, review.error()));
      self->conclude(review.value());
    });
  }

  void conclude(const Review& review) {
    if (review.state == state_of(review_.event)) return reply_(review);
    reply_(Error(Code::conflict,
                 what_ + ": it is " + review.state + " there, not " + state_of(review_.event),
                 "Use another marker for another review."));
  }

  Target target_;
  std::string login_;
  NewReview review_;
  std::string line_;
  Reply<Review> reply_;
  const std::string what_ = "reviewing " + target_.name();
  int writes_ = 0;
};

}  // namespace

void GiteaClient::list_reviews(RepoName repo, std::int64_t number,
                               Reply<std::vector<Review>> reply) {
  guarded(impl_->transport, reply, [&] { list({impl_->transport, repo, number}, reply); });
}

void GiteaClient::create_review(RepoName repo, std::int64_t number, NewReview review,
                                std::string marker, Reply<Review> reply) {
  guarded(impl_->transport, reply, [&] {
    const Target target{impl_->transport, repo, number};
    (void)pull_path(repo, number);
    if (marker.empty()) throw Error(Code::usage, "a review has no marker");
    if (review.body.empty() && review.event != ReviewEvent::approve)
      throw Error(Code::usage, "a review without text that is no approval");
    const std::string line = marker_line(marker);
    impl_->login([target, review, line, reply](const Result<std::string>& login) {
      if (!login.ok()) return reply(login.error());
      std::make_shared<WriteReview>(target, login.value(), review, line, reply)->look(std::nullopt);
    });
  });
}

void GiteaClient::request_reviewers(RepoName repo, std::int64_t number,
                                    std::vector<std::string> logins, Reply<PullRequest> reply) {
  guarded(impl_->transport, reply, [&] {
    must_name(logins, "a reviewer");
    Aim<PullRequest> aim;
    aim.what = "asking for reviews of " + issue_name(repo, number);
    aim.read.path = pull_path(repo, number);
    aim.decode = decode_pull;
    aim.reached = [logins](const PullRequest& pull) {
      return std::all_of(logins.begin(), logins.end(), [&](const std::string& login) {
        return among(pull.requested_reviewers, login);
      });
    };
    aim.write = [path = aim.read.path, logins](const PullRequest&) {
      ApiRequest request;
      request.method = "POST";
      request.path = path + "/requested_reviewers";
      request.body = to_text(Json{{"reviewers", logins}});
      return request;
    };
    aim.shown = false;  // the reply lists the requests that are new
    aim.missed = [what = aim.what](const PullRequest&) {
      return Error(Code::conflict, what + ": not all of them are asked afterwards",
                   "Look at the pull request on the server.");
    };
    Settle<PullRequest>::run(impl_->transport, std::move(aim), reply);
  });
}

}  // namespace host
