// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "base/error.hpp"
#include "config/document.hpp"
#include "config/json_document.hpp"
#include "config/json_schema.hpp"
#include "tokens/budget.hpp"
#include "tokens/day.hpp"

namespace host {
namespace {

const JsonSchema& schema() {
  static const JsonSchema loaded(parse_json(budget_schema_text(), "budget.schema.json"),
                                 "budget.schema.json");
  return loaded;
}

bool is_model_name(std::string_view name) {
  const auto model = model_named("", name);
  return !model.provider.empty() && !model.model.empty();
}

// As accounts are named; "*" is each that has no name of its own here.
std::string account_name(Dimension dimension, const std::string& given) {
  if (dimension == Dimension::model && given != "*") return model_named("", given).text();
  return dimension == Dimension::issue ? folded(given) : given;
}

// "owner/name#12"
bool is_issue_name(std::string_view name) {
  const auto slash = name.find('/'), hash = name.rfind('#');
  if (slash == name.npos || hash == name.npos || slash == 0 || hash <= slash + 1) return false;
  const auto number = name.substr(hash + 1);
  return !number.empty() && number.size() < 19 && number.front() != '0' &&
         std::all_of(number.begin(), number.end(), [](char c) { return c >= '0' && c <= '9'; });
}

bool has_cap(const Budget& budget, Dimension dimension, std::string_view name) {
  const Cap* cap = budget.find(dimension, name);
  return cap != nullptr && cap->cost.has_value();
}

class BudgetReader {
 public:
  BudgetReader(std::string_view text, std::string_view file)
      : document_(parse_json_document(text, std::string(file))) {}

  Budget read() {
    if (is_flat())
      read_flat();
    else if (fits_schema())
      read_whole();
    if (!problems_.empty()) refuse();
    return std::move(budget_);
  }

 private:
  void complain(const std::string& pointer, const std::string& message, bool at_key = false) {
    const auto& place = document_.place(pointer);
    const auto at = at_key ? place.key : place.value;
    const auto where = at_key ? document_.key_position(pointer) : document_.position(pointer);
    problems_.insert({{at.line, at.column}, where + ": " + dotted_path(pointer) + message});
  }

  [[noreturn]] void refuse() const {
    std::string text;
    for (const auto& [position, line] : problems_) text += (text.empty() ? "" : "\n") + line;
    throw Error(Code::invalid, text, "Correct the file; until then the last good caps hold.");
  }

  [[nodiscard]] const Json& file() const { return document_.value(); }

  // The old form: pipelines to tokens a day. One number makes it, so that what is wrong beside it
  // is explained by that form.
  [[nodiscard]] bool is_flat() const {
    return file().is_object() && std::any_of(file().begin(), file().end(),
                                             [](const Json& value) { return value.is_number(); });
  }

  void read_flat() {
    for (const auto& [name, value] : file().items()) {
      const auto at = child_pointer("", name);
      if (schema().json()["properties"].contains(name)) {
        complain(at,
                 " is a key of the new form; expected an object there, or all pipelines under "
                 "`pipelines`",
                 true);
      } else if (name.empty()) {
        complain(at, " names no pipeline", true);
      } else if (!value.is_number_integer() || value < 0 || value > kMostTokensOfARun.count()) {
        complain(at, fmt::format(": expected a number of tokens a day, 0 to {}",
                                 kMostTokensOfARun.count()));
      } else {
        budget_.caps[Dimension::pipeline][name].tokens = Tokens(value.get<std::int64_t>());
      }
    }
  }

  bool fits_schema() {
    for (const auto& violation : schema().validate(file()))
      complain(violation.pointer, " " + to_text(violation), violation.at_key);
    return problems_.empty();
  }

  void read_whole() {
    read_zone();
    if (file().contains("day")) read_cap(Dimension::day, "", "/day");
    if (file().contains("issue")) read_cap(Dimension::issue, "", "/issue");
    if (file().contains("run")) read_cap(Dimension::run, "", "/run");
    read_caps(Dimension::pipeline, "pipelines");
    read_caps(Dimension::playbook, "playbooks");
    read_caps(Dimension::model, "models");
    read_caps(Dimension::issue, "issues");
    read_prices();
    if (budget_.caps.empty())
      complain("",
               " holds no cap; expected one at least, such as {\"day\": {\"tokens\": 1000000}}");
    check_prices();
  }

  void read_zone() {
    budget_.zone = file().value("zone", "UTC");
    try {
      (void)BudgetZone::load(budget_.zone);
    } catch (const Error& error) {
      complain("/zone", ": " + std::string(error.what()));
    }
  }

  // Whether the name is one of its kind; complains where it isn't.
  bool check_name(Dimension dimension, const std::string& name, const std::string& pointer) {
    if (name.empty()) return complain(pointer, " has no name", true), false;
    if (dimension == Dimension::model && name != "*" && !is_model_name(name))
      return complain(pointer, " is no model; expected provider/model or \"*\"", true), false;
    if (dimension == Dimension::issue && !is_issue_name(name))
      return complain(pointer, " is no issue; expected owner/name#number", true), false;
    return true;
  }

  void read_caps(Dimension dimension, const std::string& key) {
    if (!file().contains(key)) return;
    for (const auto& [given, cap] : file()[key].items()) {
      const auto pointer = child_pointer("/" + key, given);
      if (!check_name(dimension, given, pointer)) continue;
      const auto name = account_name(dimension, given);
      if (budget_.caps[dimension].contains(name))
        complain(pointer, " stands twice, in other words", true);
      else
        read_cap(dimension, name, pointer);
    }
  }

  void read_cap(Dimension dimension, const std::string& name, const std::string& pointer) {
    const Json& json = file().at(Json::json_pointer(pointer));
    Cap& cap = budget_.caps[dimension][name];
    if (json.contains("tokens")) cap.tokens = Tokens(json["tokens"].get<std::int64_t>());
    if (json.contains("runs")) cap.runs = json["runs"].get<std::int64_t>();
    if (json.contains("cost")) cap.cost = Cost(std::llround(json["cost"].get<double>() * 1e9));
    cap.warn_at = json.value("warn_at", cap.warn_at);
    const auto when = json.value("when_reached", "refuse");
    for (const auto known : {WhenReached::pause, WhenReached::queue_until_reset})
      if (when == host::name(known)) cap.when = known;
    if (!cap.tokens && !cap.runs && !cap.cost)
      complain(pointer, " caps nothing; expected tokens, runs or cost");
    if (!renews(dimension) && cap.when != WhenReached::refuse)
      complain(pointer + "/when_reached",
               fmt::format(" is {}, which would be for ever: this cap never begins anew; expected "
                           "refuse",
                           when));
  }

  void read_prices() {
    if (!file().contains("prices")) return;
    for (const auto& [given, json] : file()["prices"].items()) {
      const auto pointer = child_pointer("/prices", given);
      const auto pico = [&price = json](const char* key, const char* instead) {
        return std::llround(price.value(key, price.value(instead, 0.0)) * 1e6);
      };
      if (!is_model_name(given)) {
        complain(pointer, " is no model; expected provider/model or provider/*", true);
      } else if (!budget_.prices
                      .emplace(model_named("", given).text(),
                               Price{pico("input", "input"), pico("output", "output"),
                                     pico("cache_read", "input"), pico("cache_write", "input")})
                      .second) {
        complain(pointer, " stands twice, in other words", true);
      }
    }
  }

  // What can be known without a call: a model that the file names, under a cost cap, without a
  // price; and a cost cap where nothing has one.
  void check_prices() {
    for (const auto& [dimension, caps] : budget_.caps)
      for (const auto& [name, cap] : caps)
        if (cap.cost && budget_.prices.empty())
          return complain("",
                          fmt::format(" caps the cost of {} and has no prices; expected the price "
                                      "of each model under `prices`",
                                      describe(dimension, name)));
    if (!file().contains("models")) return;
    for (const auto& [given, json] : file()["models"].items()) {
      if (given == "*" || !is_model_name(given)) continue;
      const auto model = model_named("", given);
      const bool capped =
          has_cap(budget_, Dimension::day, "") || has_cap(budget_, Dimension::model, model.text());
      if (capped && budget_.price_of(model) == nullptr)
        complain(child_pointer("/models", given),
                 " counts for a cap on cost and has no price; expected one under `prices`", true);
    }
  }

  Document document_;
  Budget budget_;
  std::set<std::pair<std::pair<int, int>, std::string>> problems_;
};

}  // namespace

Budget parse_budget(std::string_view text, std::string_view file) {
  return BudgetReader(text, file).read();
}

}  // namespace host
