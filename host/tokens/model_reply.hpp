// SPDX-License-Identifier: Apache-2.0
//
// What came back of a call, judged: what it used, and whether a client may see it. Upstreams are
// believed where they can be: a count that no call could have is none, and a call whose count is
// not known is charged its hold. Pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "base/json.hpp"
#include "tokens/banned.hpp"
#include "tokens/hold.hpp"
#include "tokens/wire_error.hpp"

namespace host {

// No call takes more: a count above it is no count.
inline constexpr Tokens kMostUsage{100'000'000};

// A stream may be this much longer than its hold's output before it is cut: no text of any length
// has so many bytes a token, and no event so much around them. Nor is a count believed that is so
// much smaller than its text.
inline constexpr std::size_t kTextBytesOfToken = 16;
inline constexpr std::size_t kTextSlack = 4096;
inline constexpr std::size_t kWireBytesOfToken = 4096;
inline constexpr std::size_t kWireSlack = std::size_t{256} << 10;

// The member "usage" of a reply; nothing where there is none to be believed.
[[nodiscard]] std::optional<TokenUsage> usage_of(const Json& reply);
// Bytes of text that the choices of a reply or of a piece of a stream hold.
[[nodiscard]] std::size_t text_bytes_of(const Json& reply);

// What the judging of a reply needs of its request.
struct ReplyTerms {
  std::string provider;
  std::int64_t choices = 1;
  bool usage_wanted = false;
  Hold hold;
};

// How a call that was not streamed ended.
struct CallEnd {
  bool sent = false;                  // a byte of the request may have left
  bool declined = false;              // the upstream answered, whole, that it did no work
  std::optional<TokenUsage> usage{};  // that it told
};
// Of a whole reply with a status that is no success. Declined are requests that are the client's
// fault (4xx), and those that the upstream had no room for (503, 529), where the body is an error
// and nothing else. Any other may have come in the middle of the work. Nothing is declined beside a
// count of tokens.
[[nodiscard]] CallEnd failed_end(int status, std::string_view text);
// What the ledger is told; nothing: the call used nothing, and its hold is dropped.
[[nodiscard]] std::optional<Settlement> settlement_of(const CallEnd& end);

// The reply of a call that was not streamed. Throws Error{invalid} unless it is a JSON object.
// `usage` is believed only where it fits the text beside it.
struct WholeReply {
  Json body;
  std::optional<TokenUsage> usage;
};
[[nodiscard]] WholeReply read_reply(std::string_view text);

// Why a client may not see a reply that says it is this model's, or nothing.
[[nodiscard]] std::optional<WireError> reply_refusal(const Json& reply, std::string_view provider,
                                                     const BannedModels& banned);

// Watches a stream go by, event by event.
class StreamWatch {
 public:
  // `banned` outlives it.
  StreamWatch(ReplyTerms terms, const BannedModels& banned);

  struct Verdict {
    bool pass = true;              // the client is to see the event
    bool done = false;             // that was the last one
    std::optional<WireError> cut;  // the stream ends here, with this instead of the rest
  };
  // The data of the next event.
  [[nodiscard]] Verdict take(std::string_view data);
  // The upstream closed the stream. An error unless that was its end.
  [[nodiscard]] std::optional<WireError> finish();

  // What the ledger is told, if nothing more comes.
  [[nodiscard]] Settlement settlement() const;

 private:
  [[nodiscard]] Verdict cut(WireError error);
  void note(const Json& piece);
  [[nodiscard]] bool finished() const;
  [[nodiscard]] std::optional<WireError> changed_model_refusal(const Json& piece);

  ReplyTerms terms_;
  const BannedModels* banned_;
  std::optional<TokenUsage> usage_;
  std::set<std::int64_t> finished_;  // choices
  std::string model_;
  std::size_t text_bytes_ = 0;
  std::size_t wire_bytes_ = 0;
  bool last_usage_ = false;  // it came with or after the end of the last choice
  bool done_ = false;
  bool failed_ = false;
  bool too_long_ = false;
};

}  // namespace host
