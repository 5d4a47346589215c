// SPDX-License-Identifier: Apache-2.0
//
// model/1 and tokens/1 in memory. Part of timmy/testing.hpp, and what holds for all of that holds
// here. Since SDK 1.1.
#pragma once

#include <timmy/failure.hpp>
#include <timmy/job.hpp>
#include <timmy/tokens.hpp>

#include <algorithm>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace timmy::testing {

// The account of tokens, under one cap at most. Change and look at any member between runs.
class Account {
 public:
  struct Used {
    std::string provider;
    std::string model;
    TokenUsage usage;
    std::string issue{};  // "owner/name#12": that it counts for
  };

  // What the cap has left; nullopt: there is none. Calls and reservations beyond it are refused as
  // by the host.
  std::optional<std::int64_t> left;
  bool renews = true;  // whether the cap begins anew: refused as Retryable, else as Permanent
  // What caps have left that are over one issue, by "owner/name#12", over all runs. These never
  // begin anew.
  std::map<std::string, std::int64_t> left_of_issue;
  // What was charged: calls to models, what was settled, and what runs reported, in that order.
  std::vector<Used> charged;
  std::map<std::int64_t, std::int64_t> reservations;  // what is free of those that are open
  // What tokens/1.standings answers, as docs/services.md has it; see standing() and pause().
  std::vector<Json> standings;
  std::vector<Json> pauses;
  std::string day = "2026-01-05";
  std::string next_reset = "2026-01-06T00:00:00Z";
  bool usage_cut = false;    // `cut` of tokens/1.usage: there is more than it tells
  bool log_exists = true;    // there is a token_usage.jsonl to put away
  std::vector<int> rotated;  // `keep` of each rotate_log

  [[nodiscard]] std::int64_t used() const {
    std::int64_t sum = 0;
    for (const auto& each : charged) sum += each.usage.total();
    return sum;
  }

  // What tokens/1.usage tells: so much was used under this name, so many days ago.
  void spend(const std::string& dimension, const std::string& name, int days_ago,
             const TokenUsage& usage, std::int64_t calls = 1, double cost_usd = 0) {
    history_.push_back({dimension, name, days_ago, usage, calls, cost_usd});
  }

  // A cap on tokens of which so many are used.
  [[nodiscard]] static Json standing(const std::string& dimension, const std::string& name,
                                     std::int64_t cap, std::int64_t settled,
                                     const std::string& begins_anew = "2026-01-06T00:00:00Z",
                                     const std::string& when_reached = "pause") {
    const double taken = cap > 0 ? static_cast<double>(settled) / static_cast<double>(cap) : 1.0;
    return {
        {"dimension", dimension},
        {"name", name},
        {"about", name.empty() ? "each " + dimension : dimension + " \"" + name + "\""},
        {"when_reached", when_reached},
        {"warn_at", 0.8},
        {"taken", taken},
        {"warned", taken >= 0.8},
        {"reached", taken >= 1.0},
        {"begins_anew", begins_anew.empty() ? Json() : Json(begins_anew)},
        {"tokens",
         {{"cap", cap}, {"settled", settled}, {"left", std::max<std::int64_t>(cap - settled, 0)}}}};
  }
  [[nodiscard]] static Json pause(const std::string& pipeline, const std::string& cause,
                                  const std::string& until = "2026-01-06T00:00:00Z") {
    return {{"pipeline", pipeline}, {"cause", cause}, {"until", until}};
  }

  // Answers a method of tokens/1. Throws what a caller in a plugin would see.
  [[nodiscard]] Json answer(std::string_view method, const Json& params) {
    if (method == "reserve") return reserve(params);
    if (method == "settle") return settle(params);
    if (method == "release") return (void)reservation_of(params), give_back(params), Json::object();
    if (method == "report") return reports_.push_back(used_of(params)), Json::object();
    if (method == "standings")
      return {
          {"standings", standings}, {"pauses", pauses}, {"day", day}, {"next_reset", next_reset}};
    if (method == "usage") return usage_of(params);
    if (method == "rotate_log") return rotate(params);
    throw Permanent("usage", "tokens/1 has no method \"" + std::string(method) + "\"");
  }

  // Takes what a call needs. Throws as the host does where a cap has less.
  void take(Used used, std::int64_t reservation = 0) {
    if (reservation != 0) {
      const auto found = reservations.find(reservation);
      if (found == reservations.end()) throw Permanent("usage", "no such reservation");
      used.issue = issue_of_[reservation];
      const auto from = std::min(found->second, used.usage.total());
      must_have(used.usage.total() - from, used.issue);
      found->second -= from;
      take_off(used.usage.total() - from, used.issue);
    } else {
      must_have(used.usage.total(), used.issue);
      take_off(used.usage.total(), used.issue);
    }
    seen_ += used.usage.total();
    charged.push_back(std::move(used));
  }

  // A job with this payload begins.
  void begin_run(const Json& payload = Json::object()) {
    reports_.clear(), seen_ = 0;
    job_issue_.clear();
    if (!payload.is_object()) return;
    const auto repo = payload.find("repo");
    const auto number = payload.find("number");
    if (repo == payload.end() || !repo->is_string() || number == payload.end() ||
        !number->is_number_integer())
      return;
    const auto issue = repo->get<std::string>() + "#" + number->dump();
    if (is_issue(issue)) job_issue_ = issue;
  }
  // The issue that a call with these parameters counts for. Throws as the host does.
  [[nodiscard]] std::string issue_of(const Json& params) const {
    const auto said = issue_in(params);
    if (said.empty()) return job_issue_;
    if (!is_issue(said))
      throw Permanent("usage", "\"" + said + "\" is no issue, expected owner/name#12");
    if (job_issue_.empty()) return said;
    if (folded(said) != folded(job_issue_))
      throw Permanent("usage", "the job is about " + job_issue_ + ", and not about " + said);
    return job_issue_;
  }
  // What the call says; empty: nothing.
  [[nodiscard]] static std::string issue_in(const Json& params) {
    const auto said = params.find("issue");
    if (said == params.end() || said->is_null()) return {};
    if (!said->is_string()) throw Permanent("usage", "parameter \"issue\" must be a text");
    return said->get<std::string>();
  }
  // What a run reported is charged however it ends, as far as nobody has seen it; what it reserved
  // goes back.
  void end_run(const Json& result) {
    if (result.is_object() && (result.contains("input_tokens") || result.contains("output_tokens")))
      reports_.push_back(used_of(result));
    for (auto& report : reports_) {
      const auto known = std::min(report.usage.total(), seen_);
      seen_ -= known;
      const auto input = std::min(report.usage.input, known);
      report.usage.input -= input;
      report.usage.output -= known - input;
      if (report.usage.total() == 0) continue;
      report.issue = job_issue_;
      take_off(report.usage.total(), report.issue);
      charged.push_back(report);
    }
    reports_.clear();
    for (const auto& [id, free] : std::exchange(reservations, {})) take_off(-free, issue_of_[id]);
  }

 private:
  struct Spent {
    std::string dimension, name;
    int days_ago;
    TokenUsage usage;
    std::int64_t calls;
    double cost_usd;
  };

  // Upper and lower case are the same to the forge.
  static std::string folded(std::string text) {
    for (auto& letter : text)
      if (letter >= 'A' && letter <= 'Z') letter = static_cast<char>(letter - 'A' + 'a');
    return text;
  }
  // "owner/name#12", the repository of 200 bytes at most.
  static bool is_issue(const std::string& text) {
    const auto hash = text.rfind('#');
    if (hash == std::string::npos || hash > 200 || text.find('/') > hash) return false;
    const auto number = std::string_view(text).substr(hash + 1);
    return !number.empty() && number.size() <= 18 &&
           number.find_first_not_of("0123456789") == number.npos &&
           number.find_first_not_of('0') != number.npos;
  }
  // The cap over an issue, however that is spelled. The end: none.
  template <class Caps>
  static auto cap_over(Caps& caps, const std::string& issue) {
    return std::find_if(caps.begin(), caps.end(),
                        [&](const auto& cap) { return folded(cap.first) == folded(issue); });
  }

  static Used used_of(const Json& params) {
    const auto usage = TokenUsage::from(params);
    if (usage.input < 0 || usage.output < 0)
      throw Permanent("usage", "a number of tokens is not negative");
    Used used{params.value("provider", ""), params.value("model", ""), usage};
    // "openai/gpt-4o" of no provider is both.
    const auto slash = used.model.find('/');
    if (used.provider.empty() && slash != std::string::npos && slash > 0) {
      used.provider = used.model.substr(0, slash);
      used.model.erase(0, slash + 1);
    }
    return used;
  }

  void must_have(std::int64_t tokens, const std::string& issue) const {
    if (const auto cap = cap_over(left_of_issue, issue);
        cap != left_of_issue.end() && tokens > cap->second)
      throw Permanent("denied", "the cap over " + issue + " has " + std::to_string(cap->second) +
                                    " tokens left and " + std::to_string(tokens) +
                                    " were asked for; it never begins anew");
    if (!left || tokens <= *left) return;
    const auto text = "the cap has " + std::to_string(*left) + " tokens left and " +
                      std::to_string(tokens) + " were asked for";
    if (renews) throw Retryable("rate_limited", text + "; it begins anew at " + next_reset);
    throw Permanent("denied", text + "; it never begins anew");
  }
  // What a cap lacks already it can't have less of: what was used is used.
  void take_off(std::int64_t tokens, const std::string& issue) {
    if (left) *left = std::max<std::int64_t>(*left - tokens, 0);
    if (const auto cap = cap_over(left_of_issue, issue); cap != left_of_issue.end())
      cap->second = std::max<std::int64_t>(cap->second - tokens, 0);
  }

  [[nodiscard]] std::int64_t reservation_of(const Json& params) const {
    const auto id = params.at("reservation").get<std::int64_t>();
    if (!reservations.contains(id))
      throw Permanent("usage", "the run has no open reservation " + std::to_string(id));
    return id;
  }
  void give_back(const Json& params) {
    const auto found = reservations.find(params.at("reservation").get<std::int64_t>());
    take_off(-found->second, issue_of_[found->first]);
    reservations.erase(found);
  }
  static void must_name_model(const Used& used, const std::string& method) {
    if (used.provider.empty() || used.model.empty())
      throw Permanent("usage", "tokens/1." + method + R"(: expected "provider" and "model")");
  }
  Json reserve(const Json& params) {
    const auto model = used_of(params);
    if (!model.provider.empty() || !model.model.empty()) must_name_model(model, "reserve");
    const auto tokens = params.at("tokens").get<std::int64_t>();
    if (tokens < 1) throw Permanent("usage", "parameter \"tokens\" must be 1 at least");
    const auto issue = issue_of(params);
    must_have(tokens, issue);
    take_off(tokens, issue);
    reservations[++last_reservation_] = tokens;
    issue_of_[last_reservation_] = issue;
    return {{"reservation", last_reservation_}};
  }
  Json settle(const Json& params) {
    const auto id = reservation_of(params);
    auto& free = reservations.at(id);
    auto used = used_of(params);
    must_name_model(used, "settle");
    used.issue = issue_of_[id];
    const auto from = std::min(free, used.usage.total());
    free -= from;
    take_off(used.usage.total() - from, used.issue);
    charged.push_back(used);
    seen_ += used.usage.total();
    return Json::object();
  }

  Json usage_of(const Json& params) const {
    const std::string dimension = params.at("dimension");
    const int days = params.value("days", 1);
    std::map<std::string, Spent> sums;
    for (const auto& spent : history_) {
      if (spent.dimension != dimension || spent.days_ago >= days) continue;
      auto& sum =
          sums.try_emplace(spent.name, Spent{dimension, spent.name, 0, {}, 0, 0}).first->second;
      sum.usage.input += spent.usage.input;
      sum.usage.output += spent.usage.output;
      sum.calls += spent.calls;
      sum.cost_usd += spent.cost_usd;
    }
    std::vector<Json> rows;
    for (const auto& [name, sum] : sums) {
      rows.push_back(sum.usage.json());
      rows.back().update({{"name", name},
                          {"total_tokens", sum.usage.total()},
                          {"calls", sum.calls},
                          {"cost_usd", sum.cost_usd}});
    }
    std::stable_sort(rows.begin(), rows.end(), [](const Json& a, const Json& b) {
      return a.at("total_tokens") > b.at("total_tokens");
    });
    return {{"usage", rows}, {"cut", usage_cut}};
  }

  Json rotate(const Json& params) {
    rotated.push_back(params.value("keep", 30));
    return {{"file", log_exists ? Json("token_usage-" + day + ".jsonl") : Json()}};
  }

  std::vector<Spent> history_;
  std::vector<Used> reports_;
  std::int64_t seen_ = 0;  // of the run, by the host
  std::int64_t last_reservation_ = 0;
  std::string job_issue_;                         // of the run's job; empty: it is about none
  std::map<std::int64_t, std::string> issue_of_;  // by reservation
};

// Models that say what the test wants.
class Models {
 public:
  // By route. Any other route is not granted.
  std::map<std::string, std::vector<std::string>> routes;
  std::string provider = "acme";  // on whose account it goes
  std::optional<double> price;    // dollars for each token; nothing: it has none
  std::vector<Json> requests;     // what was asked: {"route", "request", ...}

  // The next call is answered so, and all after it until the next answer.
  void answer_with(const std::string& text, const TokenUsage& usage = {12, 1, 0, 0, 0}) {
    Json choice;
    choice["message"] = {{"role", "assistant"}, {"content", text}};
    Json reply;
    reply["choices"] = Json::array({choice});
    reply["usage"] = {{"prompt_tokens", usage.input}, {"completion_tokens", usage.output}};
    reply_with(reply);
  }
  // The same with a reply of the test's own. One that has no usage is charged nothing.
  void reply_with(const Json& reply) { answers_.push_back(reply); }

  // Answers a method of model/1, charging the account. Throws what a caller in a plugin would see.
  [[nodiscard]] Json answer(std::string_view method, const Json& params, Account& account) {
    const std::string route = params.at("route");
    const auto found = routes.find(route);
    if (found == routes.end())
      throw Permanent("not_granted", "the plugin is not granted model for \"" + route + "\"");
    if (method == "models") return {{"models", found->second}};
    if (method != "chat" && method != "embed")
      throw Permanent("usage", "model/1 has no method \"" + std::string(method) + "\"");
    requests.push_back(params);
    const Json request = params.at("request");
    if (request.contains("stream")) throw Permanent("invalid", "\"stream\" is of no use here");
    const std::string model = request.value("model", "");
    if (std::find(found->second.begin(), found->second.end(), model) == found->second.end())
      throw Permanent("not_found", "route \"" + route + "\" has no model \"" + model + "\"");
    if (answers_.empty()) answer_with("ok");
    const ModelReply reply{answers_.front()};
    const auto usage = reply.usage().value_or(TokenUsage{});
    const auto reservation = params.value("reservation", std::int64_t{0});
    if (reservation != 0 && !Account::issue_in(params).empty())
      throw Permanent("usage", "a call counts for the issue of its reservation");
    account.take({provider, model, usage, account.issue_of(params)}, reservation);
    if (answers_.size() > 1) answers_.pop_front();
    Json charged = usage.json();
    charged["total_tokens"] = usage.total();
    charged["source"] = "meter";
    if (price) charged["cost_usd"] = static_cast<double>(usage.total()) * *price;
    return {{"reply", reply.json}, {"charged", charged}};
  }

 private:
  std::deque<Json> answers_;
};

}  // namespace timmy::testing
