// SPDX-License-Identifier: Apache-2.0
#include "work.hpp"

#include <algorithm>

namespace deadman {
namespace {

using timmy::Json;
using timmy::Time;

constexpr std::chrono::hours kFirstWindow{24};  // of a repository that is looked at first
constexpr std::size_t kItems = 20;              // looked into of one repository; the rest next time
constexpr std::size_t kHeads = 200;             // of pull requests, remembered
constexpr std::size_t kLongestMark = 500;
constexpr int kPatience = 5;  // looks without an answer of the forge

// An issue or a pull request that changed.
struct Item {
  std::int64_t number = 0;
  std::string user;
  std::string head;  // of a pull request
  bool has_comments = true;
  Time created_at{};
  Time updated_at{};
};

template <class Object>
Item item_of(const Object& object) {
  Item item;
  item.number = object.number;
  item.user = object.user;
  item.created_at = object.created_at.value_or(Time());
  item.updated_at = object.updated_at.value_or(Time());
  return item;
}

// What was seen so far, as it is kept.
class Seen {
 public:
  explicit Seen(Json kept) : json_(std::move(kept)) {
    for (const char* part : {"cursors", "heads"})
      if (!json_.contains(part)) json_[part] = Json::object();
  }

  [[nodiscard]] std::string mark() const { return json_.value("mark", ""); }
  [[nodiscard]] std::optional<Time> cursor(const std::string& repo) const {
    return timmy::parse_time(json_["cursors"].value(repo, ""));
  }
  void move_cursor(const std::string& repo, Time to) {
    json_["cursors"][repo] = timmy::format_time(to);
  }

  // Whether it is later than any that was seen.
  bool is_later(const char* what, Time time) {
    const auto latest = timmy::parse_time(json_.value(what, ""));
    if (latest && time <= *latest) return false;
    json_[what] = timmy::format_time(time);
    return true;
  }
  bool is_higher(const char* what, std::int64_t id) {
    if (id <= json_.value(what, std::int64_t{0})) return false;
    json_[what] = id;
    return true;
  }
  bool is_another_head(const std::string& pull, const std::string& head) {
    Json& heads = json_["heads"];
    if (heads.value(pull, "") == head) return false;
    if (heads.size() >= kHeads && !heads.contains(pull)) heads.erase(heads.begin());
    heads[pull] = head;
    return true;
  }
  void note(const std::string& mark) { json_["mark"] = mark; }
  [[nodiscard]] const Json& json() const { return json_; }

 private:
  Json json_;
};

class Look {
 public:
  Look(const timmy::Context& ctx, const timmy::Watch& watch, Seen& seen)
      : ctx_(ctx), user_(watch.user), seen_(seen) {}

  void look_at(const std::string& repo) {
    repo_ = repo;
    auto items = changed(seen_.cursor(repo).value_or(ctx_.now() - kFirstWindow));
    std::stable_sort(items.begin(), items.end(),
                     [](const Item& a, const Item& b) { return a.updated_at < b.updated_at; });
    // Of one instant all, or the next look would begin with the same again.
    for (std::size_t i = 0; i < items.size(); ++i) {
      if (i >= kItems && items[i].updated_at != items[i - 1].updated_at) break;
      ctx_.throw_if_cancelled();
      look_into(items[i]);
      seen_.move_cursor(repo, items[i].updated_at);
    }
  }

 private:
  [[nodiscard]] std::vector<Item> changed(Time since) const {
    std::vector<Item> items;
    for (const auto& issue :
         ctx_.gitea().list_issues(repo_, {.state = "all", .since = since, .body_limit = 0})) {
      items.push_back(item_of(issue));
      items.back().has_comments = issue.comments > 0;
    }
    for (const auto& pull :
         ctx_.gitea().list_prs(repo_, {.state = "all", .since = since, .body_limit = 0})) {
      items.push_back(item_of(pull));
      items.back().head = pull.head.sha;
    }
    return items;
  }

  void look_into(const Item& item) {
    const auto name = repo_ + "#" + std::to_string(item.number);
    if (item.user == user_) look_at_own(item, name);
    if (item.has_comments) look_at_comments(item, name);
    if (!item.head.empty()) look_at_reviews(item, name);
  }

  void look_at_own(const Item& item, const std::string& name) {
    if (seen_.is_later("opened", item.created_at)) seen_.note(name + " opened");
    if (!item.head.empty() && seen_.is_another_head(name, item.head))
      seen_.note(name + " at " + item.head);
  }

  void look_at_comments(const Item& item, const std::string& name) {
    for (const auto& comment : ctx_.gitea().list_comments(repo_, item.number)) {
      const auto at = comment.updated_at ? comment.updated_at : comment.created_at;
      if (comment.user == user_ && seen_.is_later("commented", at.value_or(Time())))
        seen_.note(name + " comment " + std::to_string(comment.id) + " of " +
                   timmy::format_time(at.value_or(Time())));
    }
  }

  void look_at_reviews(const Item& item, const std::string& name) {
    for (const auto& review : ctx_.gitea().list_reviews(repo_, item.number)) {
      const bool given = review.state != "REQUEST_REVIEW" && review.state != "PENDING";
      if (given && review.user == user_ && seen_.is_higher("reviewed", review.id))
        seen_.note(name + " review " + std::to_string(review.id));
    }
  }

  const timmy::Context& ctx_;
  const std::string& user_;
  Seen& seen_;
  std::string repo_;
};

// Why the forge did not answer, for so long that it is to be told.
std::optional<timmy::Sign> patience(const timmy::Context& ctx, const std::string& key,
                                    const timmy::Failure& failure) {
  if (failure.status() != TIMMY_RETRYABLE)
    return timmy::Sign::untrusted(std::string(failure.what()).substr(0, kLongestMark));
  const int away = ctx.state().get(key).value_or(0).get<int>() + 1;
  ctx.state().put_now(key, away);
  if (away < kPatience) return std::nullopt;
  // The same text each time, so that it is told once.
  return timmy::Sign::untrusted("the forge can't be asked (" + failure.code() + ")");
}

}  // namespace

std::optional<timmy::Sign> look_at_work(const timmy::Context& ctx, const timmy::Watch& watch) {
  // What was seen of one user says nothing about another who takes the watch over.
  const std::string key = "work/" + watch.name + "/" + watch.user;
  const std::string away = "away/" + watch.name;
  const Json kept = ctx.state().get(key).value_or(Json::object());
  Seen seen(kept);
  try {
    Look look(ctx, watch, seen);
    for (const auto& repo : watch.repositories) look.look_at(repo);
  } catch (const timmy::Cancelled&) {
    throw;
  } catch (const timmy::Failure& failure) {
    return patience(ctx, away, failure);
  }
  if (ctx.state().get(away)) ctx.state().put_now(away, nullptr);
  // Before the sign is handed in: a run that ends in between must not take it for another one.
  if (seen.json() != kept) ctx.state().put_now(key, seen.json());
  if (seen.mark().empty()) return timmy::Sign::missing();
  return timmy::Sign::there(seen.mark().substr(0, kLongestMark));
}

}  // namespace deadman
