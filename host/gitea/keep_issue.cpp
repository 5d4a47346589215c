// SPDX-License-Identifier: Apache-2.0
//
// One issue that is kept up to date, found by an invisible line of its body.
#include <algorithm>

#include "gitea/client_impl.hpp"
#include "gitea/marker.hpp"
#include "gitea/pages.hpp"
#include "gitea/settle.hpp"
#include "gitea/text_edit.hpp"

namespace host {
namespace {

class KeepIssue : public std::enable_shared_from_this<KeepIssue> {
 public:
  KeepIssue(std::shared_ptr<Transport> transport, RepoName repo, std::string login, TextEdit text,
            std::string line, Reply<Issue> reply)
      : transport_(std::move(transport)),
        repo_(std::move(repo)),
        login_(std::move(login)),
        text_(std::move(text)),
        line_(std::move(line)),
        reply_(std::move(reply)) {}

  void start() { look(std::nullopt); }

 private:
  // `cause`: why a write is in doubt. Somebody else's issue may quote the marker.
  void look(const std::optional<Error>& cause) {
    ApiRequest request;
    request.path = repo_path(repo_) +
                   "/issues?type=issues&state=open&created_by=" + percent_encode(login_) + "&";
    request.what = what_;
    Pages<Issue>::walk(
        transport_, std::move(request),
        [login = login_, line = line_](const Json& json) -> std::optional<Issue> {
          Issue issue = decode_issue(json);
          const bool is_ours = !issue.is_pull && issue.state == "open" && issue.user == login &&
                               issue.body.find(line) != std::string::npos;
          if (!is_ours) return std::nullopt;
          return issue;
        },
        [self = shared_from_this(), cause](Result<std::vector<Issue>> all) {
          if (!all.ok()) return self->reply_(cause.value_or(all.error()));
          self->take(std::move(all).value(), cause);
        });
  }

  void take(std::vector<Issue> all, const std::optional<Error>& cause) {
    const auto first = std::min_element(
        all.begin(), all.end(), [](const Issue& a, const Issue& b) { return a.number < b.number; });
    if (first != all.end()) return bring_up_to_date(std::move(*first));
    if (writes_ >= kWrites && cause) return reply_(*cause);
    make();
  }

  void bring_up_to_date(Issue issue) {
    const Target target{transport_, repo_, issue.number};
    Aim<Issue> aim;
    aim.what = "editing " + target.name();
    aim.read.path = target.path();
    aim.decode = decode_issue;
    set_text(aim, target.path(), text_);
    Settle<Issue>::run(transport_, std::move(aim), reply_, std::move(issue));
  }

  void make() {
    ++writes_;
    ApiRequest request;
    request.method = "POST";
    request.path = repo_path(repo_) + "/issues";
    request.body =
        to_text(Json{{"title", std::string(trimmed(*text_.title))}, {"body", *text_.body}});
    request.what = what_;
    transport_->call(std::move(request), [self = shared_from_this()](ApiOutcome outcome) {
      if (outcome.response.ok()) return self->made(outcome.response.value());
      const Error& error = outcome.response.error();
      if (outcome.maybe_applied) return self->look(error);
      self->reply_(error);
    });
  }

  void made(const HttpResponse& response) {
    auto issue = attempt([&] { return decode_issue(reply_json(response, what_)); });
    if (issue.ok()) return reply_(std::move(issue));
    look(with_context(what_, issue.error()));
  }

  std::shared_ptr<Transport> transport_;
  RepoName repo_;
  std::string login_;
  TextEdit text_;
  std::string line_;
  Reply<Issue> reply_;
  const std::string what_ = "keeping an issue of " + repo_.full();
  int writes_ = 0;
};

}  // namespace

void GiteaClient::keep_issue(RepoName repo, std::string title, std::string body, std::string marker,
                             Reply<Issue> reply) {
  guarded(impl_->transport, reply, [&] {
    (void)repo_path(repo);
    if (marker.empty()) throw Error(Code::usage, "an issue that is kept has no marker");
    const std::string line = marker_line(marker);
    const TextEdit text{std::move(title), marked(std::move(body), line)};
    Aim<Issue> aim;  // says what is wrong with a title before anything is asked
    aim.what = "keeping an issue of " + repo.full();
    set_text(aim, "", text);
    impl_->login(
        [transport = impl_->transport, repo, text, line, reply](const Result<std::string>& login) {
          if (!login.ok()) return reply(login.error());
          std::make_shared<KeepIssue>(transport, repo, login.value(), text, line, reply)->start();
        });
  });
}

}  // namespace host
