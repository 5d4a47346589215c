// SPDX-License-Identifier: Apache-2.0
//
// A repository's labels, and those that an issue carries.
#include <algorithm>
#include <cctype>

#include "base/error.hpp"
#include "gitea/client_impl.hpp"
#include "gitea/pages.hpp"
#include "gitea/settle.hpp"
#include "http/url.hpp"

namespace host {
namespace {

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
Error skipped(const Target& target, const std::string& name, const std::vector<Label>& labels) {
  std::string hint;
  for (const auto& label : labels)
    if (lower(label.name) == lower(name)) hint = "; it carries \"" + label.name + "\"";
  return {Code::not_found,
          "adding labels to " + target.name() + ": the label \"" + name +
              "\" is not on it afterwards" + hint,
          "Create the label in " + target.repo.full() + ", or mend the name."};
}

class AddLabels : public std::enable_shared_from_this<AddLabels> {
 public:
  AddLabels(Target target, std::vector<std::string> names, Reply<std::vector<Label>> reply)
      : target_(std::move(target)), names_(std::move(names)), reply_(std::move(reply)) {}

  void write() {
    ++writes_;
    ApiRequest request;
    request.method = "POST";
    request.path = target_.path() + "/labels";
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

  Target target_;
  std::vector<std::string> names_;
  Reply<std::vector<Label>> reply_;
  const std::string what_ = "adding labels to " + target_.name();
  int writes_ = 0;
};

// By number, since a name in the path is understood by Forgejo alone; names are not unique.
class RemoveLabel : public std::enable_shared_from_this<RemoveLabel> {
 public:
  RemoveLabel(Target target, std::string name, Reply<Done> reply)
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
    request.path = target_.path() + "/labels/" + std::to_string(id);
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

  Target target_;
  std::string name_;
  Reply<Done> reply_;
  const std::string what_ = "removing \"" + name_ + "\" from " + target_.name();
  std::int64_t last_ = 0;  // the label that was deleted last
  Error last_error_{Code::conflict, what_ + ": it is still there afterwards"};
};

// The lowest id, since names are not unique.
std::optional<Label> named(const std::vector<Label>& labels, const std::string& name) {
  std::optional<Label> found;
  for (const auto& label : labels)
    if (label.name == name && (!found || label.id < found->id)) found = label;
  return found;
}

void list_all(const std::shared_ptr<Transport>& transport, std::string path, std::string what,
              Reply<std::vector<Label>> reply) {
  ApiRequest request;
  request.path = std::move(path);
  request.what = std::move(what);
  Pages<Label>::walk(
      transport, std::move(request),
      [](const Json& json) -> std::optional<Label> { return decode_label(json); },
      std::move(reply));
}
void list_all(const std::shared_ptr<Transport>& transport, const RepoName& repo,
              Reply<std::vector<Label>> reply) {
  list_all(transport, repo_path(repo) + "/labels?", "listing the labels of " + repo.full(),
           std::move(reply));
}

// The server makes a second label of a name without a word, so the list is read first, and again
// when a reply was lost.
class CreateLabel : public std::enable_shared_from_this<CreateLabel> {
 public:
  CreateLabel(std::shared_ptr<Transport> transport, RepoName repo, NewLabel label,
              Reply<Label> reply)
      : transport_(std::move(transport)),
        repo_(std::move(repo)),
        label_(std::move(label)),
        reply_(std::move(reply)) {}

  void look(const std::optional<Error>& cause) {
    list_all(transport_, repo_, [self = shared_from_this(), cause](Result<std::vector<Label>> all) {
      if (!all.ok()) return self->reply_(cause.value_or(all.error()));
      if (auto there = named(all.value(), self->label_.name)) return self->reply_(*there);
      if (self->writes_ >= kWrites && cause) return self->reply_(*cause);
      self->write();
    });
  }

 private:
  void write() {
    ++writes_;
    ApiRequest request;
    request.method = "POST";
    request.path = repo_path(repo_) + "/labels";
    request.body = to_text(Json{{"name", label_.name},
                                {"color", "#" + label_.color},
                                {"description", label_.description},
                                {"exclusive", label_.exclusive}});
    request.what = what_;
    transport_->call(std::move(request), [self = shared_from_this()](ApiOutcome outcome) {
      if (!outcome.response.ok()) {
        const Error& error = outcome.response.error();
        return outcome.maybe_applied ? self->look(error) : self->reply_(error);
      }
      auto label =
          attempt([&] { return decode_label(reply_json(outcome.response.value(), self->what_)); });
      if (!label.ok()) return self->look(with_context(self->what_, label.error()));
      if (label.value().name != self->label_.name)
        return self->reply_(Error(
            Code::invalid, self->what_ + ": the server named it \"" + label.value().name + "\"",
            "Use that name."));
      self->reply_(std::move(label));
    });
  }

  std::shared_ptr<Transport> transport_;
  RepoName repo_;
  NewLabel label_;
  Reply<Label> reply_;
  const std::string what_ = "creating the label \"" + label_.name + "\" in " + repo_.full();
  int writes_ = 0;
};

}  // namespace

void GiteaClient::list_labels(RepoName repo, Reply<std::vector<Label>> reply) {
  guarded(impl_->transport, reply, [&] { list_all(impl_->transport, repo, reply); });
}

void GiteaClient::list_organisation_labels(std::string organisation,
                                           Reply<std::vector<Label>> reply) {
  guarded(impl_->transport, reply, [&] {
    list_all(impl_->transport,
             "/orgs/" + percent_encode(parse_repo_name(organisation + "/x").owner) + "/labels?",
             "listing the labels of the organisation " + organisation, reply);
  });
}

void GiteaClient::create_label(RepoName repo, NewLabel label, Reply<Label> reply) {
  guarded(impl_->transport, reply, [&] {
    (void)repo_path(repo);
    if (label.name.empty()) throw Error(Code::usage, "the label to create has no name");
    std::make_shared<CreateLabel>(impl_->transport, repo, std::move(label), reply)
        ->look(std::nullopt);
  });
}

void GiteaClient::add_labels(RepoName repo, std::int64_t number, std::vector<std::string> names,
                             Reply<std::vector<Label>> reply) {
  guarded(impl_->transport, reply, [&] {
    (void)issue_path(repo, number);
    must_name(names, "a label to add");
    std::make_shared<AddLabels>(Target{impl_->transport, repo, number}, std::move(names), reply)
        ->write();
  });
}

void GiteaClient::remove_label(RepoName repo, std::int64_t number, std::string name,
                               Reply<Done> reply) {
  guarded(impl_->transport, reply, [&] {
    if (name.empty()) throw Error(Code::usage, "the label to remove has no name");
    (void)issue_path(repo, number);
    std::make_shared<RemoveLabel>(Target{impl_->transport, repo, number}, std::move(name), reply)
        ->read();
  });
}

}  // namespace host
