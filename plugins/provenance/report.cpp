// SPDX-License-Identifier: Apache-2.0
#include "report.hpp"

#include <algorithm>

#include "row_key.hpp"
#include "standing.hpp"

namespace provenance {

using timmy::Json;

namespace {

// The manifest has all of them; a job's result is bounded.
constexpr std::size_t kMostWithdrawals = 100;

Json latest(const Json& withdrawals) {
  Json some = Json::array();
  const auto all = withdrawals.size();
  for (auto at = all - std::min(all, kMostWithdrawals); at < all; ++at)
    some.push_back(withdrawals[at]);
  return some;
}

}  // namespace

Json report(const Settings& settings, Json troubles) {
  const auto [manifest, index] = Standing::of(settings.folder);
  const auto totals = index ? index->totals() : Index::Totals();
  const auto key = RowKey::find(settings.folder);
  const auto policy = ConsentPolicy::load(settings.policy);
  const Json terms = settings.terms(policy.sha256(), Redactor().digest(), key ? key->name() : "");
  const bool current =
      manifest.terms.is_object() && manifest.terms.value("sha256", "") == terms.at("sha256");
  return {{"folder", settings.folder.string()},
          {"generation", manifest.generation},
          {"pairs", manifest.pairs()},
          {"files", manifest.files.size()},
          {"bytes", manifest.bytes()},
          {"sessions", totals.sessions},
          {"rejected", totals.rejected},
          {"rejected_sessions", totals.rejected_sessions},
          {"redactions", redactions_json(manifest.redactions())},
          {"sources", totals.stores},
          {"troubles", std::move(troubles)},
          {"withdrawals", latest(manifest.withdrawals)},
          {"withdrawals_in_all", manifest.withdrawals.size()},
          {"policy",
           {{"file", settings.policy.string()},
            {"rules", policy.rules()},
            {"problem", policy.problem() ? Json(*policy.problem()) : Json()}}},
          // Whether the output is what policy and config of today come to; else the next run sees
          // to it.
          {"current", current && index != nullptr}};
}

}  // namespace provenance
