// SPDX-License-Identifier: Apache-2.0
#include "services/reported_usage.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "base/error.hpp"
#include "base/result.hpp"
#include "services/service.hpp"

namespace host {
namespace {

constexpr std::size_t kNameCap = 200;

// Each number with its place. Cache is part of the input, reasoning of the output.
struct Field {
  const char* name;
  Tokens TokenUsage::*place;
};
constexpr std::array<Field, 5> kFields = {{{"input_tokens", &TokenUsage::input},
                                           {"output_tokens", &TokenUsage::output},
                                           {"cache_read_tokens", &TokenUsage::cache_read},
                                           {"cache_write_tokens", &TokenUsage::cache_write},
                                           {"reasoning_tokens", &TokenUsage::reasoning}}};

void keep_parts_within(TokenUsage& usage) {
  usage.cache_read = std::min(usage.cache_read, usage.input);
  usage.cache_write = std::min(usage.cache_write, usage.input - usage.cache_read);
  usage.reasoning = std::min(usage.reasoning, usage.output);
}

std::string name_of(const Json& said, const char* key) {
  auto name = text_parameter(said, key, "");
  if (name.size() > kNameCap)
    throw Error(Code::usage, fmt::format("\"{}\" is longer than {} bytes", key, kNameCap));
  return name;
}

}  // namespace

Spender spender_of(const RunContext& run) {
  Spender spender;
  spender.plugin = run.plugin;
  spender.task = run.task;
  spender.pipeline = run.pipeline;
  spender.job = run.run.job;
  spender.attempt = run.attempt;
  spender.run = fmt::format("{}.{}", run.run.job.value(), run.run.lease.value());
  if (run.issue) {
    spender.repo = run.issue->repo;
    spender.issue = run.issue->number;
  }
  spender.bypassable = run.bypassable;
  return spender;
}

Report parse_report(const Json& said) {
  Report report;
  for (const auto& [name, place] : kFields)
    report.usage.*place = Tokens(number_parameter(said, name, 0, 0, kMostTokensOfACall.count()));
  keep_parts_within(report.usage);
  report.model = model_named(name_of(said, "provider"), name_of(said, "model"));
  return report;
}

std::optional<Report> reported_usage(std::string_view result) {
  // Nearly no result has any, and each is a text still.
  if (result.find("put_tokens\"") == std::string_view::npos) return std::nullopt;
  const auto parsed = attempt([&] { return parse_json(result, "a result"); });
  if (!parsed.ok() || !parsed.value().is_object()) return std::nullopt;
  const Json& said = parsed.value();
  if (!said.contains("input_tokens") && !said.contains("output_tokens")) return std::nullopt;
  Report report;
  for (const auto& [name, place] : kFields) {
    const auto number = attempt([&, name = name] {
      return number_parameter(said, name, 0, 0, kMostTokensOfACall.count());
    });
    report.usage.*place = Tokens(number.ok() ? number.value() : 0);
  }
  keep_parts_within(report.usage);
  const auto text = [&](const char* key) {
    const auto name = attempt([&] { return name_of(said, key); });
    return name.ok() ? name.value() : std::string();
  };
  report.model = model_named(text("provider"), text("model"));
  if (report.usage.total() == Tokens()) return std::nullopt;
  return report;
}

}  // namespace host
