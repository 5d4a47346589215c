// SPDX-License-Identifier: Apache-2.0
//
// What checks say about a commit.
#include <array>

#include "gitea/client_impl.hpp"
#include "gitea/decode_pulls.hpp"
#include "gitea/pages.hpp"
#include "gitea/settle.hpp"

namespace host {
namespace {

// The newest of each context. The server sums up no more than the page that it shows, and where
// there is none says so in three ways; only the single statuses are used.
std::vector<CommitStatus> newest(std::vector<CommitStatus> all) {
  std::sort(all.begin(), all.end(), [](const CommitStatus& a, const CommitStatus& b) {
    return std::tie(a.context, b.id) < std::tie(b.context, a.id);
  });
  const auto same = [](const CommitStatus& a, const CommitStatus& b) {
    return a.context == b.context;
  };
  all.erase(std::unique(all.begin(), all.end(), same), all.end());
  return all;
}

void read_statuses(const std::shared_ptr<Transport>& transport, const RepoName& repo,
                   const std::string& ref, Reply<std::vector<CommitStatus>> reply) {
  ApiRequest request;
  request.path = repo_path(repo) + "/commits/" + percent_encode(ref) + "/status?";
  request.what = "reading the statuses of " + ref + " in " + repo.full();
  PageShape shape;
  shape.member = "statuses";
  Pages<CommitStatus>::walk(
      transport, std::move(request),
      [](const Json& json) -> std::optional<CommitStatus> { return decode_status(json); },
      [reply = std::move(reply)](Result<std::vector<CommitStatus>> all) {
        if (!all.ok()) return reply(all.error());
        reply(newest(std::move(all).value()));
      },
      std::move(shape));
}

class SetStatus : public std::enable_shared_from_this<SetStatus> {
 public:
  SetStatus(std::shared_ptr<Transport> transport, RepoName repo, std::string sha, NewStatus wanted,
            Reply<CommitStatus> reply)
      : transport_(std::move(transport)),
        repo_(std::move(repo)),
        sha_(std::move(sha)),
        wanted_(std::move(wanted)),
        reply_(std::move(reply)) {}

  // `cause`: why a write is in doubt. The server answers 500 to a commit that it does not have, so
  // that one is found out here.
  void look(const std::optional<Error>& cause) {
    read_statuses(transport_, repo_, sha_,
                  [self = shared_from_this(), cause](const Result<std::vector<CommitStatus>>& all) {
                    if (!all.ok()) return self->reply_(cause.value_or(all.error()));
                    for (const auto& status : all.value())
                      if (self->says_it(status)) return self->reply_(status);
                    if (self->writes_ >= kWrites && cause) return self->reply_(*cause);
                    self->write();
                  });
  }

 private:
  [[nodiscard]] bool says_it(const CommitStatus& status) const {
    return status.context == wanted_.context && status.state == wanted_.state &&
           status.description == wanted_.description && status.target_url == wanted_.target_url;
  }

  void write() {
    ++writes_;
    ApiRequest request;
    request.method = "POST";
    request.path = repo_path(repo_) + "/statuses/" + percent_encode(sha_);
    request.body = to_text(Json{{"context", wanted_.context},
                                {"state", wanted_.state},
                                {"description", wanted_.description},
                                {"target_url", wanted_.target_url}});
    request.what = what_;
    transport_->call(std::move(request), [self = shared_from_this()](ApiOutcome outcome) {
      if (!outcome.response.ok()) {
        const Error& error = outcome.response.error();
        return outcome.maybe_applied ? self->look(error) : self->reply_(error);
      }
      auto status =
          attempt([&] { return decode_status(reply_json(outcome.response.value(), self->what_)); });
      if (!status.ok()) return self->look(with_context(self->what_, status.error()));
      if (self->says_it(status.value())) return self->reply_(std::move(status));
      self->reply_(Error(Code::invalid,
                         self->what_ + ": the server made \"" + status.value().state + "\" of it",
                         "Use a state that this server has, and a shorter text."));
    });
  }

  std::shared_ptr<Transport> transport_;
  RepoName repo_;
  std::string sha_;
  NewStatus wanted_;
  Reply<CommitStatus> reply_;
  const std::string what_ =
      "setting the status \"" + wanted_.context + "\" of " + sha_ + " in " + repo_.full();
  int writes_ = 0;
};

}  // namespace

void GiteaClient::combined_status(RepoName repo, std::string ref, Reply<CombinedStatus> reply) {
  guarded(impl_->transport, reply, [&] {
    must_name({ref}, "a commit");
    read_statuses(impl_->transport, repo, ref, [reply](Result<std::vector<CommitStatus>> all) {
      if (!all.ok()) return reply(all.error());
      const CheckState sum = sum_of(all.value());
      reply(CombinedStatus{sum, std::move(all).value()});
    });
  });
}

void GiteaClient::set_status(RepoName repo, std::string sha, NewStatus status,
                             Reply<CommitStatus> reply) {
  guarded(impl_->transport, reply, [&] {
    (void)repo_path(repo);
    must_name({sha, status.context}, "a commit or a context");
    // The server keeps any word, and then counts it as nothing.
    constexpr std::array kStates{"pending", "success", "error", "failure", "warning", "skipped"};
    if (std::find(kStates.begin(), kStates.end(), status.state) == kStates.end())
      throw Error(Code::usage, "\"" + status.state + "\" is no state of a commit",
                  "Use pending, success, error, failure, warning or skipped.");
    std::make_shared<SetStatus>(impl_->transport, repo, std::move(sha), std::move(status), reply)
        ->look(std::nullopt);
  });
}

}  // namespace host
