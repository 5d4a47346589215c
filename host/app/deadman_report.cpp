// SPDX-License-Identifier: Apache-2.0
#include "app/deadman_report.hpp"

#include "base/boot.hpp"

namespace host {

Json deadman_report(const Result<deadman::Survey>& survey, const deadman::Moment& now) {
  if (!survey.ok() && survey.error().code() == Code::not_found) return {{"configured", false}};
  Json report{{"configured", true},        {"fault", ""},         {"dry_run", false},
              {"deadman_active", false},   {"handed_off", false}, {"watches", Json::array()},
              {"attention", Json::array()}};
  if (!survey.ok()) {
    report["fault"] = survey.error().what();
    report["attention"].push_back("the deadman can't be asked: " +
                                  std::string(survey.error().what()));
    return report;
  }
  const auto& settings = survey.value().settings;
  report["dry_run"] = settings.dry_run;
  for (const auto& each : deadman::standings(settings, survey.value().state, now)) {
    if (each.active) report["deadman_active"] = true;
    if (each.handed_off) report["handed_off"] = true;
    if (deadman::needs_a_person(each)) report["attention"].push_back(deadman::attention(each));
    report["watches"].push_back(deadman::to_json(each));
  }
  return report;
}

Json stored_deadman_report(const Paths& paths) {
  const auto awake = SystemClock().monotonic().time_since_epoch();
  return deadman_report(attempt([&] { return deadman::survey(paths); }),
                        {this_boot(), std::chrono::duration_cast<Duration>(awake)});
}

std::vector<std::string> deadman_attention(const Json& report) {
  return report.value("attention", std::vector<std::string>());
}

}  // namespace host
