// SPDX-License-Identifier: Apache-2.0
//
// Labels that exclude each other: of the exclusive ones of a scope ("kind/bug", "kind/wish") the
// forge lets an issue carry one, and puts the one that comes in the place of the one that is there.
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
  Names rules;           // who asked for the label, maybe among others
};

// The steps without labels that would replace another: what the issue carries stays, unless one of
// the steps takes just that off, which then comes before; of those to be added the first counts.
// `exclusive`: those of the repository's labels that are.
[[nodiscard]] std::vector<Step> without_clashes(std::vector<Step> steps, const Snapshot& issue,
                                                const Names& exclusive,
                                                std::vector<Clash>& clashes);

}  // namespace triage
