// SPDX-License-Identifier: Apache-2.0
//
// Labels that exclude each other: of the exclusive ones of a scope ("kind/bug", "kind/wish") the
// forge lets an issue carry one, and puts the one that comes in the place of the one that is there.
// Where an organisation's labels can't be read, one that is not the repository's own may be
// exclusive, and is taken for it: what it might replace is a person's choice.
#pragma once

#include <string>
#include <vector>

#include "snapshot.hpp"
#include "step.hpp"

namespace triage {

// "kind" of "kind/bug"; empty: it is in none.
[[nodiscard]] std::string scope_of(const std::string& label);

// Whether, by their names alone, one of `added` may take the place of another label: only then it
// is worth to ask which are exclusive.
[[nodiscard]] bool may_clash(const Names& added, const Names& carried);

// A label that is not to be added, and the other of its scope that it would replace.
struct Clash {
  std::string label;
  std::string other;
  bool carried = false;  // the issue has the other; else an earlier step, or name, adds it
  bool unsure = false;   // that it would replace it can't be known
  Names rules;           // who asked for the label, maybe among others
};

// "it may replace "kind/wish": ..."
[[nodiscard]] std::string why_unsure(const Clash& clash);

// Those of `labels` that may exclude others for all that is known; nullptr: nothing is.
[[nodiscard]] Names unsure_among(const Names& labels, const timmy::LabelNames* known);

// The steps without labels that would replace another: what the issue carries stays, unless one of
// the steps takes just that off, which then comes before; of those to be added the first counts.
// `exclusive`: those of the labels that are, or may be; `unsure`: those that may be.
[[nodiscard]] std::vector<Step> without_clashes(std::vector<Step> steps, const Snapshot& issue,
                                                const Names& exclusive, const Names& unsure,
                                                std::vector<Clash>& clashes);

}  // namespace triage
