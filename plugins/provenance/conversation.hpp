// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "reading.hpp"

namespace provenance {

// A message as a store holds it, before it is judged. Views live until it is added.
struct RawMessage {
  std::string anchor;
  std::string digest;
  std::string_view role;
  std::string_view content;
  bool parts = false;      // the content is JSON: a list of parts
  std::string_view calls;  // JSON
  std::string_view call_id;
  std::string_view tool_name;
  std::string_view finish_reason;
  std::optional<double> seconds;  // since the epoch
  std::optional<Instant> at;      // the same, where the store has it as text
  bool active = true;             // false: rewound, or compacted
  bool compacted = false;         // a summary stands for it in what the model gets
  bool summary = false;           // it is such a summary
  bool observed = false;          // said in the room, but not to the agent
};

// Puts a session's messages together, in the order in which they are added. Those count that are
// active or compacted; a summary doesn't, since what it sums up is there, nor does what was only
// observed. A compaction writes the messages that it keeps a second time: the first of two that say
// the same at the same time counts.
class Conversation {
 public:
  Conversation(const Caps& caps, Reading& reading) : caps_(caps), reading_(reading) {}

  // False: the session is over its cap, and no further message is taken.
  bool add(RawMessage raw);
  // Notes what could not be read of a message, or that nothing could; or what is odd in it.
  void note(const std::string& anchor, const std::string& what);
  void remark(const std::string& anchor, const std::string& what);
  // Gives each tool's result the call that it answers and the tool's name.
  void finish();
  [[nodiscard]] bool is_full() const { return full_; }

 private:
  void judge(RawMessage& raw, Message& message);
  void read_calls(const RawMessage& raw, Message& message);
  // Once a compacted message came.
  void expect_copies();
  [[nodiscard]] bool is_copy(const Message& message) const;
  [[nodiscard]] std::string text(const std::string& anchor, const char* what,
                                 std::string_view bytes);

  const Caps& caps_;
  Reading& reading_;
  std::size_t bytes_ = 0, calls_ = 0;
  bool full_ = false;
  bool copies_ = false;                                       // may come
  std::unordered_multimap<std::size_t, std::size_t> places_;  // by hash, where messages stand
  std::unordered_map<std::string, std::string> other_ids_;    // of calls that have two
};

// Seconds since the epoch as an instant; nothing outside of the years 2000 to 2099.
[[nodiscard]] std::optional<Instant> instant_of(double seconds);

}  // namespace provenance
