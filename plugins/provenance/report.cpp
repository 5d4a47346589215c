// SPDX-License-Identifier: Apache-2.0
#include "report.hpp"

#include "index.hpp"
#include "output.hpp"
#include "row_key.hpp"

namespace provenance {

using timmy::Json;

Json report(const Settings& settings, Json troubles) {
  const FolderLock lock(settings.folder);
  const Output output(settings, [](std::string_view) {});
  const Manifest& manifest = output.manifest();
  Index index(settings.folder / "index.db");
  const bool whole = index.roll_back(manifest.generation);
  const auto totals = index.totals();
  const auto policy = ConsentPolicy::load(settings.policy);
  const Json terms =
      settings.terms(policy.sha256(), Redactor().digest(), RowKey::of(settings.folder).name());
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
          {"withdrawals", manifest.withdrawals},
          {"policy",
           {{"file", settings.policy.string()},
            {"rules", policy.rules()},
            {"problem", policy.problem() ? Json(*policy.problem()) : Json()}}},
          // Whether the output is what policy and config of today come to; else the next run sees
          // to it.
          {"current", current && whole}};
}

}  // namespace provenance
