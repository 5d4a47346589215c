// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace provenance {

// What a raw row's hash is sealed with before it comes out: whoever knows nearly all of a row could
// else try what was redacted in it, a telephone number say, until the hash fits. The key stays in
// the output's folder, beside the pairs and never in them. For one thread at a time.
class RowKey {
 public:
  // That of a folder, which is there; made where it has none, 0600. Throws Permanent "damaged"
  // where the file is no key.
  [[nodiscard]] static RowKey of(const std::filesystem::path& folder);
  // Likewise, but nothing where it has none.
  [[nodiscard]] static std::optional<RowKey> find(const std::filesystem::path& folder);

  // Of a file's text: 64 hexadecimal digits, in lower case, and what follows them.
  explicit RowKey(std::string_view text);

  // HMAC-SHA256 of a row's hash, both in hexadecimal.
  [[nodiscard]] std::string seal(std::string_view digest);
  // Which key it is, without giving it away.
  [[nodiscard]] const std::string& name() const { return name_; }

 private:
  std::shared_ptr<void> context_;  // EVP_MAC_CTX, which has the key
  std::string name_;
};

}  // namespace provenance
