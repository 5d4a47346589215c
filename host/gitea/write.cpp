// SPDX-License-Identifier: Apache-2.0
#include "gitea/write.hpp"

#include <algorithm>
#include <cctype>
#include <deque>

#include "base/error.hpp"
#include "gitea/api.hpp"

namespace host {
namespace {

constexpr std::size_t kMarkerCap = 200;
// A write that may not have been applied is made once more, never a third time.
constexpr int kWrites = 2;

bool carries(const std::vector<Label>& labels, const std::string& name) {
  return std::any_of(labels.begin(), labels.end(),
                     [&](const Label& label) { return label.name == name; });
}

std::string lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return text;
}

// Servers answer 200 and leave out names that they don't know.
Error skipped(const WriteTarget& target, const std::string& name,
              const std::vector<Label>& labels) {
  std::string hint;
  for (const auto& label : labels)
    if (lower(label.name) == lower(name)) hint = "; it carries \"" + label.name + "\"";
  return {Code::not_found,
          "adding labels to " + issue_name(target.repo, target.number) + ": the label \"" + name +
              "\" is not on it afterwards" + hint,
          "Create the label in " + target.repo.full() + ", or mend the name."};
}

class AddLabels : public std::enable_shared_from_this<AddLabels> {
 public:
  AddLabels(WriteTarget target, std::vector<std::string> names, Reply<std::vector<Label>> reply)
      : target_(std::move(target)), names_(std::move(names)), reply_(std::move(reply)) {}

  void write() {
    ++writes_;
    ApiRequest request;
    request.method = "POST";
    request.path = issue_path(target_.repo, target_.number) + "/labels";
    request.body = to_text(Json{{"labels", names_}});
    request.what = what_;
    target_.transport->call(std::move(request), [self = shared_from_this()](ApiOutcome outcome) {
      if (outcome.response.ok()) return self->written(outcome.response.value());
      const Error& error = outcome.response.error();
      if (outcome.maybe_applied) return self->read_back(error);
      // Names in place of numbers came with Gitea 1.22 and Forgejo 7; the decoder's words are all
      // that tells.
      if (error.code() == Code::invalid &&
          error.message().find("cannot unmarshal") != std::string::npos)
        return self->reply_(Error(Code::unsupported, error.message(),
                                  "Use Gitea 1.22 or Forgejo 7 or a later version."));
      self->reply_(error);
    });
  }

 private:
  void written(const HttpResponse& response) {
    auto labels = attempt([&] { return decode_labels(reply_json(response, what_)); });
    if (!labels.ok()) return read_back(labels.error());
    conclude(std::move(labels).value());
  }

  void conclude(std::vector<Label> labels) {
    for (const auto& name : names_)
      if (!carries(labels, name)) return reply_(skipped(target_, name, labels));
    reply_(std::move(labels));
  }

  void read_back(const Error& cause) {
    fetch_issue(target_.transport, target_.repo, target_.number,
                [self = shared_from_this(), cause](Result<Issue> issue) {
                  if (!issue.ok()) return self->reply_(cause);
                  self->compare(std::move(issue.value().labels), cause);
                });
  }

  void compare(std::vector<Label> labels, const Error& cause) {
    const bool all = std::all_of(names_.begin(), names_.end(),
                                 [&](const std::string& name) { return carries(labels, name); });
    if (all) return reply_(std::move(labels));
    if (writes_ >= kWrites) return reply_(cause);
    write();
  }

  WriteTarget target_;
  std::vector<std::string> names_;
  Reply<std::vector<Label>> reply_;
  const std::string what_ = "adding labels to " + issue_name(target_.repo, target_.number);
  int writes_ = 0;
};

// By number, since a name in the path is understood by Forgejo alone; names are not unique.
class RemoveLabel : public std::enable_shared_from_this<RemoveLabel> {
 public:
  RemoveLabel(WriteTarget target, std::string name, Reply<Done> reply)
      : target_(std::move(target)), name_(std::move(name)), reply_(std::move(reply)) {}

  void read() {
    fetch_issue(target_.transport, target_.repo, target_.number,
                [self = shared_from_this()](Result<Issue> issue) {
                  if (!issue.ok()) return self->reply_(issue.error());
                  self->compare(issue.value().labels);
                });
  }

 private:
  void compare(const std::vector<Label>& labels) {
    const auto label = std::find_if(labels.begin(), labels.end(),
                                    [&](const Label& each) { return each.name == name_; });
    if (label == labels.end()) return reply_(Done{});
    if (label->id == last_) return reply_(last_error_);
    remove(label->id);
  }

  void remove(std::int64_t id) {
    last_ = id;
    ApiRequest request;
    request.method = "DELETE";
    request.path = issue_path(target_.repo, target_.number) + "/labels/" + std::to_string(id);
    request.what = what_;
    target_.transport->call(std::move(request), [self = shared_from_this()](ApiOutcome outcome) {
      if (!outcome.response.ok()) {
        self->last_error_ = outcome.response.error();
        // Gone already, or possibly: what the issue shows decides.
        const Code code = self->last_error_.code();
        const bool look = outcome.maybe_applied || code == Code::not_found || code == Code::invalid;
        if (!look) return self->reply_(self->last_error_);
      }
      self->read();
    });
  }

  WriteTarget target_;
  std::string name_;
  Reply<Done> reply_;
  const std::string what_ =
      "removing \"" + name_ + "\" from " + issue_name(target_.repo, target_.number);
  std::int64_t last_ = 0;  // the label that was deleted last
  Error last_error_{Code::conflict, what_ + ": it is still there afterwards"};
};

class WriteComment : public std::enable_shared_from_this<WriteComment> {
 public:
  WriteComment(WriteTarget target, std::string login, std::string body, std::string marker,
               Reply<Comment> reply)
      : target_(std::move(target)),
        login_(std::move(login)),
        marker_(marker.empty() ? "" : "<!-- timmy:" + marker + " -->"),
        body_(std::move(body) + (marker_.empty() ? "" : "\n\n" + marker_)),
        reply_(std::move(reply)) {}

  // Gitea answers 500 for a comment on an issue that does not exist, so that is asked first.
  void start() {
    fetch_issue(target_.transport, target_.repo, target_.number,
                [self = shared_from_this()](const Result<Issue>& issue) {
                  if (!issue.ok()) return self->reply_(with_context(self->what_, issue.error()));
                  if (self->marker_.empty()) return self->write();
                  self->look(std::nullopt);
                });
  }

 private:
  void look(const std::optional<Error>& cause) {
    ApiRequest request;
    request.path = issue_path(target_.repo, target_.number) + "/comments";
    request.what = "reading the comments of " + issue_name(target_.repo, target_.number);
    fetch<std::optional<Comment>>(
        target_.transport, std::move(request),
        [self = shared_from_this()](const Json& json) { return self->find(json); },
        [self = shared_from_this(), cause](Result<std::optional<Comment>> found) {
          if (!found.ok()) return self->reply_(cause.value_or(found.error()));
          if (found.value()) return self->reply_(std::move(*found.value()));
          if (self->writes_ >= kWrites && cause) return self->reply_(*cause);
          self->write();
        });
  }

  // Somebody else's comment may quote the marker.
  [[nodiscard]] std::optional<Comment> find(const Json& json) const {
    if (!json.is_array() && !json.is_null()) throw Error(Code::invalid, "the reply is not a list");
    for (const Json& each : json) {
      if (each.is_null()) continue;
      Comment comment = decode_comment(each);
      if (comment.user == login_ && comment.body.find(marker_) != std::string::npos) return comment;
    }
    return std::nullopt;
  }

  void write() {
    ++writes_;
    ApiRequest request;
    request.method = "POST";
    request.path = issue_path(target_.repo, target_.number) + "/comments";
    request.body = to_text(Json{{"body", body_}});
    request.what = what_;
    target_.transport->call(std::move(request), [self = shared_from_this()](ApiOutcome outcome) {
      if (outcome.response.ok()) return self->written(outcome.response.value());
      const Error& error = outcome.response.error();
      if (outcome.maybe_applied && !self->marker_.empty()) return self->look(error);
      self->reply_(outcome.maybe_applied ? self->unclear(error) : error);
    });
  }

  void written(const HttpResponse& response) {
    auto comment = attempt([&] { return decode_comment(reply_json(response, what_)); });
    if (comment.ok()) return reply_(std::move(comment));
    if (marker_.empty()) return reply_(unclear(with_context(what_, comment.error())));
    look(with_context(what_, comment.error()));
  }

  [[nodiscard]] Error unclear(const Error& error) const {
    return {error.code(), error.message() + "; it may be there all the same",
            "Look at " + issue_name(target_.repo, target_.number) + " before you try again."};
  }

  WriteTarget target_;
  std::string login_;
  std::string marker_;
  std::string body_;
  Reply<Comment> reply_;
  const std::string what_ = "commenting on " + issue_name(target_.repo, target_.number);
  int writes_ = 0;
};

}  // namespace

void start_add_labels(const WriteTarget& target, std::vector<std::string> names,
                      Reply<std::vector<Label>> reply) {
  (void)issue_path(target.repo, target.number);
  const bool blank =
      std::any_of(names.begin(), names.end(), [](const std::string& name) { return name.empty(); });
  if (names.empty() || blank) throw Error(Code::usage, "a label to add has no name");
  std::make_shared<AddLabels>(target, std::move(names), std::move(reply))->write();
}

void start_remove_label(const WriteTarget& target, std::string name, Reply<Done> reply) {
  if (name.empty()) throw Error(Code::usage, "the label to remove has no name");
  (void)issue_path(target.repo, target.number);
  std::make_shared<RemoveLabel>(target, std::move(name), std::move(reply))->read();
}

void start_comment(const WriteTarget& target, std::string login, std::string body,
                   std::string marker, Reply<Comment> reply) {
  (void)issue_path(target.repo, target.number);
  if (body.empty()) throw Error(Code::usage, "a comment without text");
  const bool fits =
      marker.size() <= kMarkerCap &&
      std::all_of(marker.begin(), marker.end(),
                  [](unsigned char c) {
                    return c < 0x80 && (std::isalnum(c) != 0 || c == '.' || c == '_' || c == ':' ||
                                        c == '/' || c == '#' || c == '-');
                  }) &&
      marker.find("--") == std::string::npos;
  if (!fits)
    throw Error(Code::usage,
                "the marker of a comment must be at most 200 letters, digits and "
                "\".\", \"_\", \":\", \"/\", \"#\", \"-\"");
  std::make_shared<WriteComment>(target, std::move(login), std::move(body), std::move(marker),
                                 std::move(reply))
      ->start();
}

}  // namespace host
