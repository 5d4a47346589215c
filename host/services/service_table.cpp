// SPDX-License-Identifier: Apache-2.0
#include "services/service_table.hpp"

#include <algorithm>

#include "base/kept_json.hpp"

namespace host {
namespace {

// Different denials of one plugin in the log. The value is the plugin's own text, so that there may
// be any number of them.
constexpr std::size_t kAnnouncedCap = 100;

// "gitea/1.list_issues" -> {"gitea/1", "list_issues"}.
std::pair<std::string_view, std::string_view> split(std::string_view method) {
  const auto dot = method.find('.');
  if (dot == std::string_view::npos || dot == 0 || dot + 1 == method.size())
    throw Error(Code::usage, "\"" + std::string(method.substr(0, 100)) + "\" is not a method",
                "Name it as service/revision.method, such as gitea/1.list_issues.");
  return {method.substr(0, dot), method.substr(dot + 1)};
}

Json parse_params(const ServiceCall& call) {
  Json params = call.params.empty()
                    ? Json::object()
                    : parse_kept_json(call.params, "the parameters of " + call.method);
  if (!params.is_object())
    throw Error(Code::usage, "the parameters of " + call.method + " must be a JSON object");
  return params;
}

}  // namespace

ServiceTable::ServiceTable(Log log) : log_(std::move(log)) {}

void ServiceTable::add(std::unique_ptr<Service> service) {
  services_.push_back(std::move(service));
}

void ServiceTable::open(std::shared_ptr<RunContext> run) {
  const RunId id = run->run;
  runs_[id] = std::move(run);
}

void ServiceTable::begin(RunId run) {
  if (const auto found = runs_.find(run); found != runs_.end()) found->second->begun = true;
}

std::shared_ptr<RunContext> ServiceTable::close(RunId run) {
  const auto found = runs_.find(run);
  if (found == runs_.end()) return nullptr;
  auto context = std::move(found->second);
  runs_.erase(found);
  context->over = true;
  for (const auto& [call, give_up] : std::exchange(context->give_up, {})) give_up();
  return context;
}

void ServiceTable::call(ServiceCall call, Reply<std::string> reply) {
  const auto found = runs_.find(call.run);
  if (found == runs_.end() || !found->second->begun) {
    ++stale_calls_;
    reply(Error(Code::stale, "run " + std::to_string(call.run.lease.value()) + " of job " +
                                 std::to_string(call.run.job.value()) + " is not under way"));
    return;
  }
  const auto run = found->second;
  const auto answer = [this, run, reply](Result<Json> result) {
    if (!result.ok()) {
      // A service that writes asks the database whose run it is.
      if (result.error().code() == Code::stale) ++stale_calls_;
      announce_refusal(*run, result.error());
    }
    reply(attempt([&] { return to_text(std::move(result).value()); }));
  };
  try {
    const auto [service, method] = split(call.method);
    find(service).call(run, method, parse_params(call), answer);
  } catch (...) {
    answer(current_error());
  }
}

void ServiceTable::announce_refusal(const RunContext& run, const Error& error) {
  if (error.code() != Code::not_granted) return;
  auto& known = announced_[run.plugin];
  if (known.size() >= kAnnouncedCap || !known.insert(error.message()).second) return;
  log_.warn("{}", error.what());
  if (known.size() == kAnnouncedCap)
    log_.warn(
        "plugin {} was denied {} different things: no more are shown until its grants change or "
        "this host starts again",
        run.plugin, kAnnouncedCap);
}

void ServiceTable::log(RunId run, std::string_view plugin, Level level, std::string_view text) {
  const auto log = log_.named(std::string(plugin));
  if (run.job == JobId()) return log.write(level, text);
  log.write(level, "job " + std::to_string(run.job.value()) + ": " + std::string(text));
}

std::vector<std::string> ServiceTable::names() const {
  std::vector<std::string> names;
  for (const auto& service : services_) names.emplace_back(service->id());
  std::sort(names.begin(), names.end());
  return names;
}

Service& ServiceTable::find(std::string_view id) const {
  for (const auto& service : services_)
    if (service->id() == id) return *service;
  std::string known;
  for (const auto& name : names()) known += (known.empty() ? "" : ", ") + name;
  throw Error(Code::unsupported, "this host has no service \"" + std::string(id) + "\"",
              "It has " + known + "; build the plugin for these, or upgrade timmy-host.");
}

}  // namespace host
