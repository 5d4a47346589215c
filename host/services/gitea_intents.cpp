// SPDX-License-Identifier: Apache-2.0
//
// What became of writes whose answer was not seen.
#include "gitea/client.hpp"
#include "services/audit.hpp"
#include "services/gitea_service.hpp"
#include "store/store.hpp"

namespace host {
namespace {

// "org/app#12" as repository and number.
std::pair<RepoName, std::int64_t> parse_target(const std::string& target) {
  const auto hash = target.rfind('#');
  if (hash == std::string::npos) throw Error(Code::invalid, "\"" + target + "\" names no issue");
  return {parse_repo_name(target.substr(0, hash)), std::stoll(target.substr(hash + 1))};
}

std::string joined(const std::vector<std::string>& names, const char* none) {
  std::string text;
  for (const auto& name : names) text += (text.empty() ? "" : ", ") + name;
  return text.empty() ? none : text;
}

std::string carried(const Issue& issue) {
  std::vector<std::string> names;
  for (const auto& label : issue.labels) names.push_back(label.name);
  return "carries " + joined(names, "no label");
}

std::string assigned(const Issue& issue) {
  return "is assigned to " + joined(issue.assignees, "nobody");
}

std::string standing(const Issue& issue) { return "is " + issue.state; }

std::string merging(const PullRequest& pull) {
  return "is " + (pull.merged ? "merged as " + pull.merge_commit_sha : pull.state + ", not merged");
}

// Asks the forge for what a write was on, and hands over what that says of it.
using Tell = std::function<void(Gitea&, const RepoName&, std::int64_t, Reply<std::string>)>;

template <class T>
Reply<T> telling(std::string (*tell)(const T&), Reply<std::string> reply) {
  return [tell, reply = std::move(reply)](const Result<T>& found) {
    if (!found.ok()) return reply(found.error());
    reply(tell(found.value()));
  };
}

Tell by_issue(std::string (*tell)(const Issue&)) {
  return [tell](Gitea& gitea, const RepoName& repo, std::int64_t number, Reply<std::string> reply) {
    gitea.get_issue(repo, number, telling(tell, std::move(reply)));
  };
}

// By the method; empty for those of which nothing tells.
Tell teller(std::string_view method) {
  if (method == "gitea/1.add_labels" || method == "gitea/1.remove_label") return by_issue(carried);
  if (method == "gitea/1.add_assignees" || method == "gitea/1.remove_assignees")
    return by_issue(assigned);
  if (method == "gitea/1.set_issue_state") return by_issue(standing);
  if (method == "gitea/1.merge_pr")
    return [](Gitea& gitea, const RepoName& repo, std::int64_t number, Reply<std::string> reply) {
      gitea.get_pr(repo, number, telling(merging, std::move(reply)));
    };
  return nullptr;
}

// Of comments, reviews, new labels and statuses. There the client reads before each write: it looks
// for the marker, the name or the context, and writes nothing where what it is to bring about is
// there. So the next run of the job can do no harm, and what is to be read back hangs on its
// parameters, which the intent does not keep.
constexpr const char* kLookAtIt =
    "may have been written, or not: look at it; a run that tries again finds what is there";

// Goes through the open intents one after another; keeps itself alive while it does.
class Resolution : public std::enable_shared_from_this<Resolution> {
 public:
  Resolution(Gitea& gitea, Store& store, const Clock& clock, Log log, bool last,
             Reply<ResolvedIntents> done)
      : gitea_(&gitea),
        store_(&store),
        clock_(&clock),
        log_(std::move(log)),
        last_(last),
        done_(std::move(done)) {}

  void begin() {
    store_->run([](Unit& unit) { return open_intents(unit); },
                [self = shared_from_this()](Result<std::vector<Intent>> open) {
                  if (!open.ok()) return self->done_(open.error());
                  self->open_ = std::move(open).value();
                  self->next();
                });
  }

 private:
  void next() {
    if (at_ == open_.size()) return done_(resolved_);
    const Intent& intent = open_[at_++];
    const auto tell = teller(intent.method);
    if (tell == nullptr) return close(intent, kLookAtIt);
    try {
      const auto [repo, number] = parse_target(intent.target);
      tell(*gitea_, repo, number,
           [self = shared_from_this(), &intent](const Result<std::string>& told) {
             self->found(intent, told);
           });
    } catch (...) {
      close(intent, current_error().message());
    }
  }

  void found(const Intent& intent, const Result<std::string>& told) {
    if (!told.ok() && told.error().transient())
      return last_ ? ask_for_the_forge(intent, told.error().message()) : leave_open(intent);
    if (!told.ok()) return close(intent, told.error().message());
    close(intent, "read back: " + intent.target + " " + told.value());
  }

  // Whether it is this object alone that it does not answer for.
  void ask_for_the_forge(const Intent& intent, const std::string& why) {
    gitea_->version([self = shared_from_this(), &intent, why](const Result<std::string>& version) {
      if (!version.ok()) return self->leave_open(intent);
      self->close(intent, "can't be read back (" + why + "); " + kLookAtIt);
    });
  }

  void leave_open(const Intent& intent) {
    if (resolved_.open++ == 0) resolved_.first_open = intent.method + " on " + intent.target;
    next();
  }

  void close(const Intent& intent, const std::string& result) {
    log_.info("the answer to {} on {} ({}) was not seen: {}", intent.method, intent.target,
              intent.who, result);
    store_->run(
        [result, now = clock_->wall(), intent](Unit& unit) {
          if (close_intent(unit, intent.id, "lost", result, now))
            write_audit(unit, {now, intent.who, intent.method, intent.target,
                               "its answer was not seen; " + result});
        },
        [self = shared_from_this()](Status stored) {
          if (!stored.ok()) return self->done_(stored.error());
          ++self->resolved_.closed;
          self->next();
        });
  }

  Gitea* gitea_;
  Store* store_;
  const Clock* clock_;
  Log log_;
  bool last_;
  Reply<ResolvedIntents> done_;
  std::vector<Intent> open_;
  std::size_t at_ = 0;
  ResolvedIntents resolved_;
};

}  // namespace

void resolve_intents(Gitea& gitea, Store& store, const Clock& clock, Log log, bool last,
                     Reply<ResolvedIntents> done) {
  std::make_shared<Resolution>(gitea, store, clock, std::move(log), last, std::move(done))->begin();
}

}  // namespace host
