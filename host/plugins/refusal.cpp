// SPDX-License-Identifier: Apache-2.0
#include "plugins/refusal.hpp"

namespace host {

std::string_view name(Refusal refusal) noexcept {
  switch (refusal) {
    case Refusal::none: return "";
    case Refusal::symbolic_link: return "symbolic_link";
    case Refusal::not_a_file: return "not_a_file";
    case Refusal::unreadable: return "unreadable";
    case Refusal::untrusted: return "untrusted";
    case Refusal::changing: return "changing";
    case Refusal::too_large: return "too_large";
    case Refusal::not_a_library: return "not_a_library";
    case Refusal::damaged: return "damaged";
    case Refusal::other_machine: return "other_machine";
    case Refusal::no_manifest: return "no_manifest";
    case Refusal::invalid_manifest: return "invalid_manifest";
    case Refusal::host_too_old: return "host_too_old";
    case Refusal::plugin_too_old: return "plugin_too_old";
    case Refusal::unschedulable: return "unschedulable";
    case Refusal::other_bytes: return "other_bytes";
    case Refusal::unsigned_file: return "unsigned";
    case Refusal::foreign_signature: return "foreign_signature";
    case Refusal::malformed_signature: return "malformed_signature";
    case Refusal::duplicate_id: return "duplicate_id";
    case Refusal::duplicate_task: return "duplicate_task";
    case Refusal::shadowed: return "shadowed";
    case Refusal::disabled: return "disabled";
    case Refusal::missing: return "missing";
    case Refusal::no_folder: return "no_folder";
    case Refusal::not_granted: return "not_granted";
    case Refusal::invalid_config: return "invalid_config";
    case Refusal::not_judged: return "not_judged";
    case Refusal::quarantined: return "quarantined";
  }
  return "";
}

RefusedError refused(const Error& error) {
  if (const auto* known = dynamic_cast<const RefusedError*>(&error)) return *known;
  return {Refusal::unreadable, error};
}

}  // namespace host
