// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "conversation.hpp"
#include "json_walk.hpp"
#include "row_hash.hpp"

namespace provenance {

// A message that a file holds as an object: what was read of it so far.
class MessageMembers {
 public:
  void take(const std::string& key, JsonValue& value);
  // The message, whose bytes are `raw`; its views are good until the next begins with clear().
  [[nodiscard]] RawMessage message(std::string anchor, std::string_view raw, RowHash& hash) const;
  void clear();

  [[nodiscard]] const std::string& role() const { return role_; }
  [[nodiscard]] const std::string& model() const { return model_; }
  [[nodiscard]] const std::string& platform() const { return platform_; }
  // What is unusual about it; empty: nothing.
  [[nodiscard]] const std::string& trouble() const { return trouble_; }

 private:
  bool take_text(const std::string& key, JsonValue& value);
  void take_time(const JsonValue& value);

  std::string role_, content_, calls_text_, call_id_, tool_name_, finish_reason_, model_, platform_,
      trouble_;
  std::string_view parts_, calls_;
  std::optional<double> seconds_;
  std::optional<Instant> at_;
  bool active_ = true, compacted_ = false, summary_ = false, observed_ = false;
};

// An instant as Hermes writes it into files: ISO 8601, and without an offset the local time of this
// machine. Nothing where it isn't one.
[[nodiscard]] std::optional<Instant> instant_in(std::string_view text);

}  // namespace provenance
