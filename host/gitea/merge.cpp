// SPDX-License-Identifier: Apache-2.0
//
// Merging. A server says "not now" and "never" with the same words, says no although it merged, and
// says yes to what it only wrote down for later; so the pull request itself decides.
#include <array>

#include "gitea/failure.hpp"
#include "gitea/pulls.hpp"
#include "gitea/settle.hpp"

namespace host {
namespace {

using std::chrono::seconds;

// How long it is asked whether it can be merged by now, and how often.
constexpr Duration kPatience = seconds(30);
constexpr std::array<Duration, 3> kPauses{seconds(1), seconds(2), seconds(4)};

// What a server says while it is looking for conflicts, and when there are some.
bool says_later(const Error& error) {
  return error.message().find("Please try again later") != std::string::npos;
}

// The base moved while the server pushed; the merge may pass when it is made again.
bool lost_race(const Error& error) {
  return error.message().find("merge push out of date") != std::string::npos;
}

class Merge : public std::enable_shared_from_this<Merge> {
 public:
  Merge(Target target, MergeOrder order, Reply<PullRequest> reply)
      : target_(std::move(target)), order_(std::move(order)), reply_(std::move(reply)) {}

  void start() {
    end_ = target_.transport->now() + kPatience;
    read([self = shared_from_this()](PullRequest pull) { self->look_at(pull); });
  }

 private:
  // Hands it to `next` unless it is merged, which ends the matter. What can't be read ends it too,
  // as the read failed, whatever the server said before: it may have merged.
  void read(std::function<void(PullRequest)> next) {
    fetch_pull(target_.transport, target_.repo, target_.number,
               [self = shared_from_this(), next = std::move(next)](Result<PullRequest> pull) {
                 if (!pull.ok()) return self->reply_(with_context(self->what_, pull.error()));
                 if (pull.value().merged) return self->merged(std::move(pull).value());
                 next(std::move(pull).value());
               });
  }

  // What somebody merged before we ordered anything is fine, as it is. After an order it may be
  // another than what was ordered: between the last look and the order the base may change, which
  // no server compares, and who was faster than a refused order may have merged another head.
  void merged(PullRequest pull) {
    if (ordered_ && pull.base.branch != order_.base)
      refuse("it was merged into " + pull.base.branch + " though, not into " + order_.base +
                 ": its base changed meanwhile",
             "Look at it, and revert the merge if it is not wanted there.");
    else if (ordered_ && !taken_ && pull.head.sha != order_.head_sha)
      refuse("it was merged into " + pull.base.branch +
                 " though, and its head is no longer the one that was looked at",
             "Look at the new commits, and revert the merge if they are not wanted there.");
    else
      reply_(std::move(pull));
  }

  void look_at(const PullRequest& pull) {
    if (pull.state != "open") return closed();
    if (pull.draft)
      return refuse("it is a draft", "Take the prefix that says so off its title first.");
    // From now on it is this head and this base, whoever left them open.
    if (order_.head_sha.empty()) order_.head_sha = pull.head.sha;
    if (order_.base.empty()) order_.base = pull.base.branch;
    if (!changed(pull)) write();
  }

  // Whether it is no longer what was ordered to be merged, which ends the matter. The server
  // compares the head only.
  bool changed(const PullRequest& pull) {
    if (pull.state != "open")
      closed();
    else if (pull.head.sha != order_.head_sha)
      refuse("its head is no longer the one that was looked at",
             "Look at the new commits, then merge again.");
    else if (pull.base.branch != order_.base)
      refuse("its base is no longer the one that was looked at",
             "Look at what it would be merged into now, then merge again.");
    else
      return false;
    return true;
  }

  void write() {
    ordered_ = true;
    ApiRequest request;
    request.method = "POST";
    request.path = pull_path(target_.repo, target_.number) + "/merge";
    // These names, in this case, are understood by every server.
    Json body = {{"Do", order_.style},
                 {"head_commit_id", order_.head_sha},
                 {"delete_branch_after_merge", order_.delete_branch}};
    if (!order_.title.empty()) body["MergeTitleField"] = order_.title;
    if (!order_.message.empty()) body["MergeMessageField"] = order_.message;
    request.body = to_text(body);
    request.what = what_;
    target_.transport->call(std::move(request), [self = shared_from_this()](ApiOutcome outcome) {
      if (!outcome.response.ok()) return self->refused(outcome.response.error(), outcome);
      // 201: to be merged once its checks pass.
      if (outcome.response.value().status == 201) return self->scheduled();
      self->taken_ = true;
      self->poll(Error(Code::conflict, self->what_ + ": it is not merged afterwards",
                       "Look at the pull request on the server."),
                 false);
    });
  }

  void refused(const Error& error, const ApiOutcome& outcome) {
    if (says_later(error)) return poll(error, true);
    read([self = shared_from_this(), error,
          again = outcome.maybe_applied || lost_race(error)](const PullRequest& pull) {
      if (self->changed(pull)) return;
      if (again && ++self->repeats_ < kWrites) return self->write();
      self->reply_(explained(self->what_, error));
    });
  }

  // Reads until it is merged or, with `then_write`, can be; at most until the end, then it failed
  // by `cause`.
  void poll(const Error& cause, bool then_write) {
    read([self = shared_from_this(), cause, then_write](const PullRequest& pull) {
      if (self->changed(pull)) return;
      if (then_write && pull.mergeable && self->polled_) {
        self->polled_ = false;
        return self->write();
      }
      self->wait(cause, then_write);
    });
  }

  void wait(const Error& cause, bool then_write) {
    const Duration pause = kPauses.at(std::min(polls_, kPauses.size() - 1));
    if (target_.transport->now() + pause > end_) return reply_(explained(what_, cause));
    ++polls_;
    polled_ = true;
    target_.transport->later(
        pause, [self = shared_from_this(), cause, then_write] { self->poll(cause, then_write); });
  }

  // We never ask for it, but a server may do so by itself.
  void scheduled() {
    read([self = shared_from_this()](const PullRequest&) {
      self->refuse("the server only took it down, to merge once its checks pass",
                   "Wait for the checks, or take the order back on the server.");
    });
  }

  void closed() { refuse("it is closed", "Open it first, or leave it."); }

  void refuse(const std::string& why, const std::string& next_step) {
    reply_(Error(Code::conflict, what_ + ": " + why, next_step));
  }

  static Error explained(const std::string& what, const Error& error) {
    if (says_later(error))
      return {Code::conflict, what + ": it conflicts with its base, or the server still looks",
              "Look at the pull request; if there are conflicts, mend them in its branch."};
    // What says no without a word about authority is about this pull request, and stays so.
    if (error.code() == Code::invalid) {
      const bool authority = error.message().find("not allowed to merge PR") != std::string::npos;
      return {authority ? Code::denied : Code::conflict, error.message(),
              authority ? "Let the token's user merge in this repository."
                        : "Do what the server asks for, then merge again."};
    }
    // This one refusal comes without words.
    if (error.message() == what + ": 409")
      return {Code::conflict, what + ": it conflicts with its base",
              "Mend the conflicts in its branch."};
    if (error.message().starts_with(what + ": 500"))
      return {Code::conflict,
              error.message() +
                  "; so servers answer where an open dependency is in "
                  "the way",
              "Look at what it depends on, else at the server's log."};
    return error;
  }

  Target target_;
  MergeOrder order_;
  Reply<PullRequest> reply_;
  const std::string what_ = "merging " + target_.name();
  MonotonicTime end_{};
  int repeats_ = 0;
  std::size_t polls_ = 0;
  bool ordered_ = false;  // the server may have been told to merge
  bool taken_ = false;    // it said that it did, of the head that it compared
  bool polled_ = false;   // a pause has passed since the last order
};

}  // namespace

void GiteaClient::merge_pr(RepoName repo, std::int64_t number, MergeOrder order,
                           Reply<PullRequest> reply) {
  guarded(impl_->transport, reply, [&] {
    (void)pull_path(repo, number);
    require_merge_style(order.style);
    std::make_shared<Merge>(Target{impl_->transport, repo, number}, std::move(order), reply)
        ->start();
  });
}

}  // namespace host
