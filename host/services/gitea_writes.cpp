// SPDX-License-Identifier: Apache-2.0
#include "services/gitea_writes.hpp"

#include <algorithm>

#include "gitea/client.hpp"
#include "services/forge_markers.hpp"
#include "services/gitea_json.hpp"

namespace host {
namespace {

constexpr std::string_view kWrite = "gitea.write";
// Of its own: what labels issues overnight need not be let land code.
constexpr std::string_view kMerge = "gitea.merge";

// The issue or pull request that a call names.
struct Object {
  RepoName repo;
  std::int64_t number = 0;
  [[nodiscard]] std::string target() const { return repo.full() + "#" + std::to_string(number); }
};

Object object_of(const ForgeCall& call, std::string_view grant = kWrite) {
  const auto repo = call.repo(grant);
  return {repo, call.number()};
}

// A text that becomes part of the target, which the log and the audit repeat.
std::string short_text(const ForgeCall& call, std::string_view name) {
  constexpr std::size_t kLongest = 255;
  auto text = call.text(name);
  if (text.size() > kLongest)
    throw Error(Code::usage, "parameter \"" + std::string(name) + "\" must be at most 255 bytes");
  return text;
}

// The reply that hands `T` on as JSON, for a write that is sent later.
template <class T, class Convert>
Reply<T> later(const std::shared_ptr<RunContext>& run, Reply<Json> reply, Convert convert) {
  return ForgeCall::forge_answer<T>(run, std::move(reply), std::move(convert));
}

// Rehearses on the issue as it is: what `change` makes of it.
template <class Change>
std::function<void(Reply<Json>)> on_issue(Gitea& gitea, const ForgeCall& call, const Object& object,
                                          Change change) {
  return [&gitea, run = call.run, object, change](Reply<Json> reply) {
    gitea.get_issue(object.repo, object.number,
                    later<Issue>(run, std::move(reply), [change](Issue issue) -> Json {
                      return change(std::move(issue));
                    }));
  };
}

// Issues.

// The issue that carries the marker, or one that has no number yet, with what it would say.
Issue as_kept(const std::vector<Issue>& open, const std::string& title, const std::string& body,
              const std::string& marker) {
  Issue issue;
  issue.state = "open";
  for (const auto& each : open)
    if (each.body.find("<!-- timmy:" + marker + " -->") != std::string::npos) issue = each;
  issue.title = title, issue.body = body;
  return issue;
}

ForgeWrite set_issue_state(Gitea& gitea, const ForgeCall& call) {
  const auto object = object_of(call);
  const bool open = call.flag("open");
  return {object.target(),
          [&gitea, run = call.run, object, open](Reply<Json> reply) {
            gitea.set_issue_state(object.repo, object.number, open,
                                  later<Issue>(run, std::move(reply),
                                               [](const Issue& issue) { return to_json(issue); }));
          },
          on_issue(gitea, call, object, [open](Issue issue) {
            issue.state = open ? "open" : "closed";
            return to_json(issue);
          })};
}

ForgeWrite add_assignees(Gitea& gitea, const ForgeCall& call) {
  const auto object = object_of(call);
  const auto logins = call.texts("logins");
  return {object.target(),
          [&gitea, run = call.run, object, logins](Reply<Json> reply) {
            gitea.add_assignees(object.repo, object.number, logins,
                                later<Issue>(run, std::move(reply),
                                             [](const Issue& issue) { return to_json(issue); }));
          },
          on_issue(gitea, call, object, [logins](Issue issue) {
            for (const auto& login : logins)
              if (std::find(issue.assignees.begin(), issue.assignees.end(), login) ==
                  issue.assignees.end())
                issue.assignees.push_back(login);
            return to_json(issue);
          })};
}

ForgeWrite remove_assignees(Gitea& gitea, const ForgeCall& call) {
  const auto object = object_of(call);
  const auto logins = call.texts("logins");
  return {object.target(),
          [&gitea, run = call.run, object, logins](Reply<Json> reply) {
            gitea.remove_assignees(object.repo, object.number, logins,
                                   later<Issue>(run, std::move(reply),
                                                [](const Issue& issue) { return to_json(issue); }));
          },
          on_issue(gitea, call, object, [logins](Issue issue) {
            std::erase_if(issue.assignees, [&](const std::string& login) {
              return std::find(logins.begin(), logins.end(), login) != logins.end();
            });
            return to_json(issue);
          })};
}

ForgeWrite keep_issue(Gitea& gitea, const ForgeCall& call) {
  const auto repo = call.repo(kWrite);
  const auto title = short_text(call, "title");
  const auto body = call.text("body");
  const auto name = short_text(call, "name");
  const auto marker = kept_marker(*call.run, name);
  return {repo.full() + " issue " + name,
          [&gitea, run = call.run, repo, title, body, marker](Reply<Json> reply) {
            gitea.keep_issue(repo, title, body, marker,
                             later<Issue>(run, std::move(reply),
                                          [](const Issue& issue) { return to_json(issue); }));
          },
          [&gitea, run = call.run, repo, title, body, marker](Reply<Json> reply) {
            gitea.list_issues(
                repo, {},
                later<std::vector<Issue>>(run, std::move(reply),
                                          [title, body, marker](const std::vector<Issue>& open) {
                                            return to_json(as_kept(open, title, body, marker));
                                          }));
          }};
}

// Labels.

ForgeWrite create_label(Gitea& gitea, const ForgeCall& call) {
  const auto repo = call.repo(kWrite);
  NewLabel label;
  label.name = short_text(call, "name");
  label.color = call.text("color", label.color);
  label.description = call.text("description", "");
  label.exclusive = call.flag("exclusive", false);
  const auto as_it_is = [](const Label& made) { return to_json(made); };
  return {repo.full() + " label " + label.name,
          [&gitea, run = call.run, repo, label, as_it_is](Reply<Json> reply) {
            gitea.create_label(repo, label, later<Label>(run, std::move(reply), as_it_is));
          },
          [&gitea, run = call.run, repo, label](Reply<Json> reply) {
            const auto there_or_made = [label](const std::vector<Label>& labels) {
              for (const auto& each : labels)
                if (each.name == label.name) return to_json(each);
              return to_json(Label{0, label.name, label.color, label.description, label.exclusive});
            };
            gitea.list_labels(repo,
                              later<std::vector<Label>>(run, std::move(reply), there_or_made));
          }};
}

ForgeWrite add_labels(Gitea& gitea, const ForgeCall& call) {
  const auto object = object_of(call);
  const auto names = call.texts("labels");
  return {object.target(),
          [&gitea, run = call.run, object, names](Reply<Json> reply) {
            gitea.add_labels(
                object.repo, object.number, names,
                later<std::vector<Label>>(run, std::move(reply), [](const std::vector<Label>& all) {
                  return Json{{"labels", label_names(all)}};
                }));
          },
          on_issue(gitea, call, object, [names](const Issue& issue) {
            Json all = label_names(issue.labels);
            for (const auto& name : names)
              if (std::find(all.begin(), all.end(), name) == all.end()) all.push_back(name);
            return Json{{"labels", std::move(all)}};
          })};
}

ForgeWrite remove_label(Gitea& gitea, const ForgeCall& call) {
  const auto object = object_of(call);
  const auto label = call.text("label");
  const auto nothing = [](const auto&) { return Json::object(); };
  return {object.target(),
          [&gitea, run = call.run, object, label, nothing](Reply<Json> reply) {
            gitea.remove_label(object.repo, object.number, label,
                               later<Done>(run, std::move(reply), nothing));
          },
          on_issue(gitea, call, object, nothing)};
}

// Comments.

// A comment as it will be; the forge has given it neither an id nor a time.
Json unwritten(const Object& object, const std::string& body) {
  Comment comment;
  comment.body = body, comment.number = object.number;
  return to_json(comment);
}

ForgeWrite create_comment(Gitea& gitea, const ForgeCall& call) {
  const auto object = object_of(call);
  const auto body = call.text("body");
  const auto marker = comment_marker(*call.run, object.target(), call.text("name", ""));
  return {object.target(),
          [&gitea, run = call.run, object, body, marker](Reply<Json> reply) {
            gitea.create_comment(object.repo, object.number, body, marker,
                                 later<Comment>(run, std::move(reply), [](const Comment& comment) {
                                   return to_json(comment);
                                 }));
          },
          on_issue(gitea, call, object,
                   [object, body](const Issue&) { return unwritten(object, body); })};
}

ForgeWrite keep_comment(Gitea& gitea, const ForgeCall& call) {
  const auto object = object_of(call);
  const auto body = call.text("body");
  const auto marker = kept_marker(*call.run, call.text("name"));
  return {object.target(),
          [&gitea, run = call.run, object, body, marker](Reply<Json> reply) {
            gitea.keep_comment(object.repo, object.number, body, marker,
                               later<Comment>(run, std::move(reply), [](const Comment& comment) {
                                 return to_json(comment);
                               }));
          },
          on_issue(gitea, call, object,
                   [object, body](const Issue&) { return unwritten(object, body); })};
}

// Pull requests and their reviews; statuses.

// What it comes to, or the refusal, as far as the pull request tells.
PullRequest merged(const MergeOrder& order, PullRequest pull) {
  if (pull.merged) return pull;
  const auto refuse = [](const char* why) { throw Error(Code::conflict, why); };
  if (pull.state != "open") refuse("it is closed");
  if (pull.draft) refuse("it is a draft");
  if (!order.head_sha.empty() && order.head_sha != pull.head.sha)
    refuse("its head is no longer the one that was looked at");
  if (!order.base.empty() && order.base != pull.base.branch)
    refuse("its base is no longer the one that was looked at");
  pull.merged = true, pull.mergeable = false, pull.state = "closed";
  return pull;
}

ForgeWrite merge_pr(Gitea& gitea, const ForgeCall& call) {
  const auto object = object_of(call, kMerge);
  MergeOrder order;
  order.style = call.text("style", order.style);
  require_merge_style(order.style);
  order.title = call.text("title", "");
  order.message = call.text("message", "");
  order.delete_branch = call.flag("delete_branch", false);
  order.head_sha = call.text("head_sha", "");
  order.base = call.text("base", "");
  return {object.target(),
          [&gitea, run = call.run, object, order](Reply<Json> reply) {
            gitea.merge_pr(object.repo, object.number, order,
                           later<PullRequest>(run, std::move(reply),
                                              [](const auto& pull) { return to_json(pull); }));
          },
          [&gitea, run = call.run, object, order](Reply<Json> reply) {
            gitea.get_pr(object.repo, object.number,
                         later<PullRequest>(run, std::move(reply), [order](PullRequest pull) {
                           return to_json(merged(order, std::move(pull)));
                         }));
          }};
}

ReviewEvent event_of(const ForgeCall& call) {
  const auto event = call.text("event");
  if (event == "approve") return ReviewEvent::approve;
  if (event == "request_changes") return ReviewEvent::request_changes;
  if (event == "comment") return ReviewEvent::comment;
  throw Error(Code::usage,
              "parameter \"event\" must be approve, request_changes or comment, not \"" +
                  event.substr(0, 100) + "\"");
}

Review unwritten(const NewReview& wanted, const PullRequest& pull) {
  Review review;
  review.state = wanted.event == ReviewEvent::approve           ? "APPROVED"
                 : wanted.event == ReviewEvent::request_changes ? "REQUEST_CHANGES"
                                                                : "COMMENT";
  review.body = wanted.body;
  review.commit_sha = wanted.commit_sha.empty() ? pull.head.sha : wanted.commit_sha;
  return review;
}

ForgeWrite create_review(Gitea& gitea, const ForgeCall& call) {
  const auto object = object_of(call);
  NewReview review;
  review.event = event_of(call);
  review.body = call.text("body", "");
  review.commit_sha = call.text("commit_sha", "");
  const auto marker = review_marker(*call.run, object.target(), call.text("name", ""));
  return {object.target(),
          [&gitea, run = call.run, object, review, marker](Reply<Json> reply) {
            gitea.create_review(
                object.repo, object.number, review, marker,
                later<Review>(run, std::move(reply), [](const Review& it) { return to_json(it); }));
          },
          [&gitea, run = call.run, object, review](Reply<Json> reply) {
            gitea.get_pr(object.repo, object.number,
                         later<PullRequest>(run, std::move(reply), [review](const auto& pull) {
                           return to_json(unwritten(review, pull));
                         }));
          }};
}

ForgeWrite set_status(Gitea& gitea, const ForgeCall& call) {
  const auto repo = call.repo(kWrite);
  const auto sha = short_text(call, "sha");
  const NewStatus status{call.text("context"), call.text("state"), call.text("description", ""),
                         call.text("target_url", "")};
  return {repo.full() + "@" + sha,
          [&gitea, run = call.run, repo, sha, status](Reply<Json> reply) {
            gitea.set_status(repo, sha, status,
                             later<CommitStatus>(run, std::move(reply),
                                                 [](const auto& made) { return to_json(made); }));
          },
          [status](const Reply<Json>& reply) {
            reply(to_json(CommitStatus{0, status.context, status.state, status.description,
                                       status.target_url}));
          }};
}

}  // namespace

const std::map<std::string_view, PrepareWrite>& forge_writes() {
  static const std::map<std::string_view, PrepareWrite> all{
      {"set_issue_state", set_issue_state},
      {"add_assignees", add_assignees},
      {"remove_assignees", remove_assignees},
      {"create_label", create_label},
      {"add_labels", add_labels},
      {"remove_label", remove_label},
      {"create_comment", create_comment},
      {"keep_comment", keep_comment},
      {"keep_issue", keep_issue},
      {"merge_pr", merge_pr},
      {"create_review", create_review},
      {"set_status", set_status},
  };
  return all;
}

}  // namespace host
