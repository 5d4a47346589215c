// SPDX-License-Identifier: Apache-2.0
//
// tokens/1: the account of tokens. What holds for all of timmy/services.hpp holds here. Since SDK
// 1.1.
#pragma once

#include <timmy/model.hpp>
#include <timmy/time.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace timmy {

// What was used under one name: a pipeline, a model, an issue.
struct TokenTotal {
  std::string name;  // "nightly", "openai/gpt-4o", "owner/name#12"; of dimension "day": empty
  TokenUsage usage;
  std::int64_t calls = 0;
  std::int64_t runs = 0;
  double cost_usd = 0;  // of what has a price

  [[nodiscard]] static TokenTotal from(const Json& json) {
    return {json.at("name"), TokenUsage::from(json), json.value("calls", std::int64_t{0}),
            json.value("runs", std::int64_t{0}), json.value("cost_usd", 0.0)};
  }
};

struct TokenTotals {
  std::vector<TokenTotal> totals;  // most first
  // There is more in these days than was looked at: names are missing, or sums are too small.
  bool cut = false;
};

// A cap of token_budget.json, and how it stands.
struct TokenStanding {
  struct Amount {
    std::int64_t cap = 0;
    std::int64_t settled = 0;  // used for good
    std::int64_t left = 0;     // neither used nor held nor reserved
  };
  std::string dimension;            // "day", "pipeline", "playbook", "model", "issue", "run"
  std::string name;                 // in it
  std::string about;                // both, for people
  std::string when_reached;         // "refuse", "pause", "queue_until_reset"
  double warn_at = 0;               // the share at which it warns
  double taken = 0;                 // the share that is not left, of what it caps the most of
  bool warned = false;              // that level is passed
  bool reached = false;             // nothing is left for good
  std::optional<Amount> tokens;     // where it caps them
  std::optional<Time> begins_anew;  // of those that do

  [[nodiscard]] static TokenStanding from(const Json& json) {
    TokenStanding all{json.at("dimension"),
                      json.at("name"),
                      json.value("about", ""),
                      json.value("when_reached", ""),
                      json.value("warn_at", 0.0),
                      json.value("taken", 0.0),
                      json.value("warned", false),
                      json.value("reached", false),
                      std::nullopt,
                      std::nullopt};
    if (const auto tokens = json.find("tokens"); tokens != json.end() && tokens->is_object())
      all.tokens =
          Amount{tokens->value("cap", std::int64_t{0}), tokens->value("settled", std::int64_t{0}),
                 tokens->value("left", std::int64_t{0})};
    if (const auto anew = json.find("begins_anew"); anew != json.end() && anew->is_string())
      all.begins_anew = parse_time(anew->get<std::string>());
    return all;
  }
};

// A pipeline none of whose tasks starts before `until`.
struct TokenPause {
  std::string pipeline;
  std::string cause;
  std::string since;  // RFC 3339, as `until`
  std::string until;

  [[nodiscard]] static TokenPause from(const Json& json) {
    return {json.at("pipeline"), json.value("cause", ""), json.value("since", ""),
            json.value("until", "")};
  }
};

struct TokenStandings {
  std::vector<TokenStanding> standings;
  std::vector<TokenPause> pauses;
  std::string day;                 // "2026-01-05", in the zone of the budget
  std::optional<Time> next_reset;  // when it ends
};

// What is used through model/1 is counted by itself. This is for a plugin that reaches a model by
// another way, and for whoever looks at the account. reserve, settle, release and report need no
// grant; usage and standings need tokens.read: pipeline, for all that is about no pipeline "*".
class Tokens {
 public:
  explicit Tokens(Caller caller) : caller_(caller) {}

  // So many tokens are this run's, until it ends or releases them. Throws as Model::chat where a
  // cap is in the way. `provider` and `model`, both or neither: where there is only one, so that
  // its cap counts too. `issue` as in ModelOptions: what is used inside counts for it.
  [[nodiscard]] std::int64_t reserve(std::int64_t tokens, const std::string& provider = {},
                                     const std::string& model = {},
                                     const std::string& issue = {}) const {
    Json params{{"tokens", tokens}};
    if (!provider.empty()) params["provider"] = provider;
    if (!model.empty()) params["model"] = model;
    if (!issue.empty()) params["issue"] = issue;
    return caller_.call("tokens/1.reserve", params).at("reservation").get<std::int64_t>();
  }
  // A call was made inside the reservation and used this: charged at once, whatever becomes of the
  // run. Once for each call.
  void settle(std::int64_t reservation, const std::string& provider, const std::string& model,
              const TokenUsage& usage) const {
    Json params = reported(provider, model, usage);
    params["reservation"] = reservation;
    caller_.call("tokens/1.settle", params);
  }
  // What is left of it goes back now.
  void release(std::int64_t reservation) const {
    caller_.call("tokens/1.release", {{"reservation", reservation}});
  }
  // The run used this without the host's seeing it. Charged when it ends, however it does, and only
  // what exceeds what the host has seen of the run. `input_tokens` and `output_tokens` in a task's
  // result do the same. Kept in memory until then: a host that is killed before loses it, unlike
  // what settle() and model/1 charge.
  void report(const std::string& provider, const std::string& model,
              const TokenUsage& usage) const {
    caller_.call("tokens/1.report", reported(provider, model, usage));
  }

  // By "day", "pipeline", "playbook" or "model": what was used today, or in the last so many days,
  // most first. By "issue" or "run": of those that used any in these days, all that each ever did.
  // At most 1,000.
  [[nodiscard]] TokenTotals totals(const std::string& dimension, int days = 1) const {
    const Json answer = caller_.call("tokens/1.usage", {{"dimension", dimension}, {"days", days}});
    TokenTotals all{{}, answer.value("cut", false)};
    for (const auto& each : answer.at("usage")) all.totals.push_back(TokenTotal::from(each));
    return all;
  }
  // The same for whom it is no matter whether that is all.
  [[nodiscard]] std::vector<TokenTotal> usage(const std::string& dimension, int days = 1) const {
    return totals(dimension, days).totals;
  }
  [[nodiscard]] TokenStandings standings() const {
    const Json answer = caller_.call("tokens/1.standings", Json::object());
    TokenStandings all{{}, {}, answer.value("day", ""), parse_time(answer.value("next_reset", ""))};
    for (const auto& each : answer.at("standings"))
      all.standings.push_back(TokenStanding::from(each));
    for (const auto& each : answer.at("pauses")) all.pauses.push_back(TokenPause::from(each));
    return all;
  }
  // Has the host put token_usage.jsonl away and begin a new one; `keep` older ones stay. The name
  // of what was put away; nullopt: there was nothing. Needs the grant tokens.rotate.
  std::optional<std::string> rotate_log(int keep = 30) const {
    const Json answer = caller_.call("tokens/1.rotate_log", {{"keep", keep}});
    const auto file = answer.find("file");
    if (file == answer.end() || !file->is_string()) return std::nullopt;
    return file->get<std::string>();
  }

 private:
  static Json reported(const std::string& provider, const std::string& model,
                       const TokenUsage& usage) {
    Json params = usage.json();
    if (!provider.empty()) params["provider"] = provider;
    if (!model.empty()) params["model"] = model;
    return params;
  }

  Caller caller_;
};

}  // namespace timmy
