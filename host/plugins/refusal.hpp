// SPDX-License-Identifier: Apache-2.0
//
// Why a plugin does not run, as one word: what scripts go by and what docs/why-refused.md is sorted
// by. The words are stable; what a reason says in full is not.
#pragma once

#include <array>
#include <string>
#include <string_view>

#include "base/error.hpp"

namespace host {

enum class Refusal {
  none,
  // The file.
  symbolic_link,
  not_a_file,
  unreadable,
  untrusted,
  changing,
  too_large,
  not_a_library,
  damaged,
  other_machine,
  // Its manifest.
  no_manifest,
  invalid_manifest,
  host_too_old,
  plugin_too_old,
  unschedulable,
  // Who vouches for it.
  other_bytes,
  unsigned_file,
  foreign_signature,
  malformed_signature,
  // Other plugins.
  duplicate_id,
  duplicate_task,
  shadowed,
  // host.yaml.
  disabled,
  missing,
  no_folder,
  not_granted,
  invalid_config,
  not_judged,
  // What it did.
  quarantined,
};
inline constexpr int kRefusals = static_cast<int>(Refusal::quarantined) + 1;

// "symbolic_link", "unsigned" for unsigned_file, ...; "" for none. Static storage.
[[nodiscard]] std::string_view name(Refusal refusal) noexcept;

// An error that knows for which of these a plugin is refused.
class RefusedError : public Error {
 public:
  RefusedError(Refusal refusal, Code code, std::string message, std::string next_step = {})
      : Error(code, std::move(message), std::move(next_step)), refusal_(refusal) {}
  RefusedError(Refusal refusal, const Error& error)
      : RefusedError(refusal, error.code(), error.message(), error.next_step()) {}
  [[nodiscard]] Refusal refusal() const noexcept { return refusal_; }

 private:
  Refusal refusal_;
};

// `error` with what it refuses a plugin for: what it knows itself, else that the file can't be
// read.
[[nodiscard]] RefusedError refused(const Error& error);

}  // namespace host
