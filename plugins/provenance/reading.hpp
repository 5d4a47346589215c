// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <nlohmann/json.hpp>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "session.hpp"

namespace provenance {

// What is read at most, so that memory is bounded whatever a store holds. What is over it is left
// out and told.
struct Caps {
  std::size_t row = 8u << 20;       // bytes of a row, or of a line of a transcript
  std::size_t session = 16u << 20;  // bytes of the texts of one session
  std::size_t messages = 100'000;   // of one session, its tool calls included
  std::size_t record = 24u << 20;   // bytes of a snapshot, or of one session in an export
  std::size_t files = 200'000;      // of one folder
};

// A session without an end counts as live for so long after its last message.
constexpr auto kLiveFor = std::chrono::hours(1);

// Until when that is; nothing: it is not live. A last message that is further ahead of now than
// that was dated by a wrong clock, which must not keep its session back for ever.
[[nodiscard]] std::optional<Instant> live_until(std::optional<Instant> last, Instant now);

// A session as one store holds it.
struct Reading {
  Session session;
  std::size_t rows = 0;  // its messages there, those that don't count included
  std::string own;       // digest of its own row
};

// Gives the session its digest: SHA-256 over the digest of its own row and those of its messages,
// each as hexadecimal digits and a line feed.
void seal(Reading& reading);

// Notes what could not be read of a session, in `damaged`, or what is odd in it, in `remarks`: at
// most 20 each, and that there are more.
void note_damage(Session& session, const std::string& place, const std::string& what);
void remark(Session& session, const std::string& place, const std::string& what);

// A text of a session as it can be handed on; what had to be replaced in it is noted, by `place`
// and `what` it is: a NUL is odd, bytes that are no UTF-8 are lost.
[[nodiscard]] std::string clean_text(Session& session, const std::string& place, const char* what,
                                     std::string_view bytes);

// A text of a session's own row, as its id or its model: of a longer one than 64 KiB the beginning,
// which is noted as damage of `place` and `what`.
[[nodiscard]] std::string_view own_text(Session& session, std::string_view place,
                                        std::string_view what, std::string_view bytes);

// Where the reading of a source stands: JSON of less than 10 KiB, to be kept and given back as it
// is. null: nothing was read yet, and so is what isn't understood.
using Cursor = nlohmann::json;

// A store that can't be read now. Says which, why, and what to do.
class Unreadable : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// Reading was told to stop, by is_cancelled of who asked for it.
class Interrupted : public std::runtime_error {
 public:
  Interrupted() : std::runtime_error("the reading was told to stop") {}
};

// Who gets what a source holds.
class Taker {
 public:
  virtual ~Taker() = default;
  // Whether it is of use to read the session of that id from a file.
  virtual bool wants(const std::string& id) = 0;
  virtual void take(Reading&& reading) = 0;
  // Asked after each of the two: true ends the reading there, and the cursor says how far it went.
  [[nodiscard]] virtual bool has_enough() const = 0;
};

// Whose a store is.
enum class Owner {
  home,     // the operator's
  run,      // of one run, whose agent writes it in its cage, and may write anything
  unknown,  // a copy of anybody's
};

// A place where sessions are kept. For one thread. What throws, throws Unreadable, Interrupted, and
// what `Taker`'s own methods do.
class Source {
 public:
  virtual ~Source() = default;
  // By which its cursor is kept: its kind and its path.
  [[nodiscard]] virtual std::string name() const = 0;
  // Of databases what they say of a session counts before what files say.
  [[nodiscard]] virtual bool is_database() const { return false; }
  [[nodiscard]] virtual Owner owner() const { return Owner::home; }
  // The folder that it belongs to, as a database and the files of the same sessions do. Empty: to
  // none that it knows of.
  [[nodiscard]] virtual std::string home() const { return {}; }
  // Whether nothing can have changed since that cursor, by looks alone, whatever the store's size.
  [[nodiscard]] virtual bool unchanged(const Cursor& cursor, Instant now) const = 0;
  // The id of each session it holds. Fixes what it holds as far as it consists of files: what
  // changes later is not in the next cursor.
  virtual void list(const std::function<void(std::string_view id)>& each) = 0;
  // Hands over each session that is new or changed since that cursor, and some that are neither,
  // always in the same order. Returns the next cursor.
  [[nodiscard]] virtual Cursor read(const Cursor& since, Instant now, Taker& taker) = 0;
  // The session, where it has it. Files may leave it out where it has no more than `beyond`
  // messages there.
  [[nodiscard]] virtual std::optional<Reading> find(const std::string& id, Instant now,
                                                    std::size_t beyond) = 0;
  // Lets go of what it keeps open.
  virtual void close() {}
  // What of it could not be read, beside single sessions.
  std::vector<std::string> troubles;
};

}  // namespace provenance
