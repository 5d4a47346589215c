// SPDX-License-Identifier: Apache-2.0
//
// A session of an agent, as it was read, whichever store it came from.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace provenance {

using Instant = std::chrono::sys_time<std::chrono::microseconds>;

// Where a session was read.
struct Store {
  enum class Kind {
    database,    // $HERMES_HOME/state.db, or a run's own
    snapshot,    // sessions/session_*.json
    transcript,  // sessions/<id>.jsonl of the gateway, transcripts/
    export_,     // a file of `hermes sessions export`
  };
  Kind kind = Kind::database;
  std::string path;
};

struct ToolCall {
  std::string id;
  std::string name;
  std::string arguments;  // the text that the store holds, JSON or not
};

struct Message {
  enum class Role { system, user, assistant, tool };
  Role role = Role::user;
  std::string content;
  std::vector<ToolCall> calls;  // of an assistant
  std::string call_id;          // of a tool's result: whose it is; "" where the store lost it
  std::string tool_name;
  std::string finish_reason;
  bool partial = false;  // there was more in it than text, such as an image
  std::optional<Instant> at;
  std::string anchor;  // where it stands in its store: "messages:17", "line:3", "/messages/4"
  std::string digest;  // SHA-256 of the raw row, in hexadecimal
};

// What a session is to its parent.
enum class Descent {
  none,          // it has none
  continuation,  // the same conversation after a compression
  branch,        // somebody went another way from a point of it
  reset,         // somebody began anew after it
  subagent,      // the parent's agent asked for it: its user is no person
};

struct Tokens {
  std::int64_t input = 0, output = 0, cache_read = 0, cache_write = 0, reasoning = 0;
  bool known = false;  // all of them 0 beside messages: nobody counted
};

struct Session {
  std::string id;
  Store store;
  std::string source;  // "cli", "telegram", ...: who was on the other side; "" where unknown
  std::string user;
  std::string chat;  // who could write in it: "dm", "group", "channel", ...; "" where unknown
  std::string provider;
  std::string model;
  std::string parent;  // the session that this one descends from
  Descent descent = Descent::none;
  std::string end_reason;
  std::optional<Instant> started, ended;
  bool live = false;  // somebody may still be writing it
  Tokens tokens;
  std::vector<Message> messages;  // in their order; those that count, see docs
  // What of it could not be read, each with its place: some of its words are missing.
  std::vector<std::string> damaged;
  std::vector<std::string> remarks;  // what is odd in it, though all its words are there; likewise
  std::string digest;                // SHA-256 over its own row and the digests of its messages
};

}  // namespace provenance
