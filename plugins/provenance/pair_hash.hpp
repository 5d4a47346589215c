// SPDX-License-Identifier: Apache-2.0
//
// The hashes of a pair: SHA-256, in hexadecimal, over texts that anybody can write down again from
// the pair's own line. docs/provenance.md says what each proves.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace provenance {

// One hash after the other. Throws std::runtime_error where the library has no SHA-256.
class Sha256 {
 public:
  Sha256();

  void update(std::string_view bytes);
  // Of what came since the last one, in 64 hexadecimal digits; begins anew.
  [[nodiscard]] std::string hex();

  [[nodiscard]] std::string of(std::string_view bytes) {
    update(bytes);
    return hex();
  }

 private:
  void begin();

  std::shared_ptr<void> algorithm_, context_;  // EVP_MD, EVP_MD_CTX
};

// The chain over the rows of a session: where it begins, and how each row in its order goes on.
[[nodiscard]] std::string chain_start(Sha256& hash, std::string_view session_id);
[[nodiscard]] std::string chain_next(Sha256& hash, std::string_view before,
                                     std::string_view row_digest);

// Over the digests of a pair's messages, one after the other, of which the first `prompt` are the
// prompt's.
[[nodiscard]] std::string content_hash(Sha256& hash, std::size_t prompt,
                                       std::string_view message_digests);

// Over everything that a line says but its tokens, which go on counting while the session lives.
[[nodiscard]] std::string pair_id(Sha256& hash, std::string_view content,
                                  std::string_view metadata);

// The first 16 bytes of a hash, as an index keeps them.
[[nodiscard]] std::string short_digest(std::string_view hex);

}  // namespace provenance
