// SPDX-License-Identifier: Apache-2.0
//
// Comments of issues and pull requests.
#include "base/error.hpp"
#include "gitea/client_impl.hpp"
#include "gitea/marker.hpp"
#include "gitea/pages.hpp"
#include "gitea/settle.hpp"

namespace host {
namespace {

std::vector<Comment> decode_comments(const Json& json) {
  if (!json.is_array() && !json.is_null()) throw Error(Code::invalid, "the reply is not a list");
  std::vector<Comment> all;
  for (const Json& each : json)
    if (!each.is_null()) all.push_back(decode_comment(each));
  return all;
}

// Not paged: the server hands over the whole list.
void read_comments(const Target& target, Reply<std::vector<Comment>> reply) {
  ApiRequest request;
  request.path = target.path() + "/comments";
  request.what = "reading the comments of " + target.name();
  fetch<std::vector<Comment>>(target.transport, std::move(request), decode_comments,
                              std::move(reply));
}

// Writes a comment, or, with `keep`, sees to it that the one with the marker reads as it should.
class WriteComment : public std::enable_shared_from_this<WriteComment> {
 public:
  WriteComment(Target target, std::string login, const std::string& body, std::string line,
               bool keep, Reply<Comment> reply)
      : target_(std::move(target)),
        login_(std::move(login)),
        line_(std::move(line)),
        body_(marked(body, line_)),
        keep_(keep),
        reply_(std::move(reply)) {}

  // Gitea answers 500 for a comment on an issue that does not exist, so that is asked first.
  void start() {
    fetch_issue(target_.transport, target_.repo, target_.number,
                [self = shared_from_this()](const Result<Issue>& issue) {
                  if (!issue.ok()) return self->reply_(with_context(self->what_, issue.error()));
                  if (self->line_.empty()) return self->create();
                  self->look(std::nullopt);
                });
  }

 private:
  // `cause`: why a write is in doubt.
  void look(const std::optional<Error>& cause) {
    read_comments(target_,
                  [self = shared_from_this(), cause](const Result<std::vector<Comment>>& all) {
                    if (!all.ok()) return self->reply_(cause.value_or(all.error()));
                    self->compare(self->find(all.value()), cause);
                  });
  }

  // Somebody else's comment may quote the marker.
  [[nodiscard]] std::optional<Comment> find(const std::vector<Comment>& all) const {
    for (const Comment& comment : all)
      if (comment.user == login_ && comment.body.find(line_) != std::string::npos) return comment;
    return std::nullopt;
  }

  void compare(const std::optional<Comment>& there, const std::optional<Error>& cause) {
    if (there && (!keep_ || there->body == body_)) return reply_(*there);
    if (writes_ >= kWrites && cause) return reply_(*cause);
    if (there) return edit(there->id);
    create();
  }

  void create() { send("POST", target_.path() + "/comments"); }

  void edit(std::int64_t id) {
    send("PATCH", repo_path(target_.repo) + "/issues/comments/" + std::to_string(id));
  }

  void send(const char* method, std::string path) {
    ++writes_;
    ApiRequest request;
    request.method = method;
    request.path = std::move(path);
    request.body = to_text(Json{{"body", body_}});
    request.what = what_;
    target_.transport->call(std::move(request), [self = shared_from_this()](ApiOutcome outcome) {
      if (outcome.response.ok()) return self->written(outcome.response.value());
      const Error& error = outcome.response.error();
      if (outcome.maybe_applied && !self->line_.empty()) return self->look(error);
      self->reply_(outcome.maybe_applied ? self->unclear(error) : error);
    });
  }

  void written(const HttpResponse& response) {
    auto comment = attempt([&] { return decode_comment(reply_json(response, what_)); });
    if (comment.ok()) return reply_(std::move(comment));
    if (line_.empty()) return reply_(unclear(with_context(what_, comment.error())));
    look(with_context(what_, comment.error()));
  }

  [[nodiscard]] Error unclear(const Error& error) const {
    return {error.code(), error.message() + "; it may be there all the same",
            "Look at " + target_.name() + " before you try again."};
  }

  Target target_;
  std::string login_;
  std::string line_;
  std::string body_;
  bool keep_;
  Reply<Comment> reply_;
  const std::string what_ = "commenting on " + target_.name();
  int writes_ = 0;
};

}  // namespace

void GiteaClient::list_comments(RepoName repo, std::int64_t number,
                                Reply<std::vector<Comment>> reply) {
  guarded(impl_->transport, reply, [&] {
    const Target target{impl_->transport, repo, number};
    read_comments(target, [target, reply](Result<std::vector<Comment>> all) {
      if (all.ok()) {
        for (auto& comment : all.value()) comment.number = target.number;
        return reply(std::move(all));
      }
      if (all.error().code() != Code::unavailable) return reply(all.error());
      // Gitea's 500 for an issue that does not exist, or a server that really is in trouble.
      fetch_issue(target.transport, target.repo, target.number,
                  [reply, cause = all.error()](const Result<Issue>& issue) {
                    const bool missing = !issue.ok() && issue.error().code() == Code::not_found;
                    reply(missing ? issue.error() : cause);
                  });
    });
  });
}

void GiteaClient::list_repo_comments(RepoName repo, WallTime since,
                                     Reply<std::vector<Comment>> reply) {
  guarded(impl_->transport, reply, [&] {
    const WallTime whole = std::chrono::floor<std::chrono::seconds>(since);
    ApiRequest request;
    request.path =
        repo_path(repo) + "/issues/comments?since=" + percent_encode(format_utc(whole)) + "&";
    request.what = "listing the comments of " + repo.full();
    Pages<Comment>::walk(
        impl_->transport, std::move(request),
        [whole](const Json& json) -> std::optional<Comment> {
          Comment comment = decode_comment(json);
          if (comment.updated_at && *comment.updated_at < whole) return std::nullopt;
          return comment;
        },
        reply);
  });
}

void GiteaClient::create_comment(RepoName repo, std::int64_t number, std::string body,
                                 std::string marker, Reply<Comment> reply) {
  guarded(impl_->transport, reply, [&] {
    const Target target{impl_->transport, repo, number};
    (void)target.path();
    if (body.empty()) throw Error(Code::usage, "a comment without text");
    const std::string line = marker_line(marker);
    if (line.empty())
      return std::make_shared<WriteComment>(target, "", body, line, false, reply)->start();
    impl_->login([target, body, line, reply](const Result<std::string>& login) {
      if (!login.ok()) return reply(login.error());
      std::make_shared<WriteComment>(target, login.value(), body, line, false, reply)->start();
    });
  });
}

void GiteaClient::keep_comment(RepoName repo, std::int64_t number, std::string body,
                               std::string marker, Reply<Comment> reply) {
  guarded(impl_->transport, reply, [&] {
    const Target target{impl_->transport, repo, number};
    (void)target.path();
    if (body.empty()) throw Error(Code::usage, "a comment without text");
    if (marker.empty()) throw Error(Code::usage, "a comment that is kept has no marker");
    const std::string line = marker_line(marker);
    impl_->login([target, body, line, reply](const Result<std::string>& login) {
      if (!login.ok()) return reply(login.error());
      std::make_shared<WriteComment>(target, login.value(), body, line, true, reply)->start();
    });
  });
}

}  // namespace host
