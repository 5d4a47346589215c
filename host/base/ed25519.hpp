// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <compare>
#include <cstddef>
#include <span>
#include <string>
#include <string_view>

namespace host {

// As Ed25519 of RFC 8032 has it: R and S, 64 raw bytes.
using Ed25519Signature = std::array<unsigned char, 64>;

// A public key of Ed25519 (RFC 8032, PureEdDSA). A value; any thread.
class Ed25519Key {
 public:
  // Takes the key as people write it: base64 of its 32 bytes (44 characters) or of its DER (60),
  // or the PEM that `openssl pkey -pubout` prints; white space around each is fine. Throws
  // Error{invalid} that says what was expected and never repeats the text, which may be a private
  // key by mistake. Refused, besides what is of none of these forms: a key by which anybody could
  // sign, such as a placeholder of zeros (the points of small order).
  [[nodiscard]] static Ed25519Key parse(std::string_view text);

  // Whether `signature` is one of these bytes by this key. A signature that is no such thing at all
  // is just not one of them. Reads `message` twice. Throws Error{internal} when OpenSSL can't work.
  [[nodiscard]] bool verifies(std::span<const std::byte> message,
                              const Ed25519Signature& signature) const;

  // Base64, as parse() takes it.
  [[nodiscard]] std::string base64() const;

  auto operator<=>(const Ed25519Key&) const = default;

 private:
  using Bytes = std::array<unsigned char, 32>;
  explicit Ed25519Key(const Bytes& bytes) : bytes_(bytes) {}

  Bytes bytes_;
};

}  // namespace host
