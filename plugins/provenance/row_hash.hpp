// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

struct evp_md_st;
struct evp_md_ctx_st;

namespace provenance {

// SHA-256 (FIPS 180-4) of rows and of bytes. For one thread at a time; used again after each end.
//
// A row of a database is hashed value by value, in the order in which a reader names its columns:
//   nothing  'n'                                       also a column that the store doesn't have
//   integer  'i' and 8 bytes, two's complement, most significant first
//   real     'r' and 8 bytes, IEEE 754, most significant first
//   text     't', its length as 8 bytes likewise, and its bytes as they are stored
//   bytes    'b', and the same
// so that no two rows that differ have the same bytes. A row of a file is its bytes as they stand.
class RowHash {
 public:
  // Throws std::runtime_error where OpenSSL has no SHA-256.
  RowHash();

  RowHash& nothing();
  RowHash& integer(std::int64_t value);
  RowHash& real(double value);
  RowHash& text(std::string_view bytes);
  RowHash& bytes(std::string_view bytes);
  // With neither a tag nor a length.
  RowHash& raw(std::string_view bytes);

  // The digest as 64 lower-case hexadecimal digits, and a new beginning.
  [[nodiscard]] std::string hex();
  // Its first 8 bytes as a number, likewise.
  [[nodiscard]] std::uint64_t number();

 private:
  RowHash& tagged(char tag, std::uint64_t value);
  void begin();
  void flush();

  std::unique_ptr<evp_md_st, void (*)(evp_md_st*)> kind_;
  std::unique_ptr<evp_md_ctx_st, void (*)(evp_md_ctx_st*)> context_;
  std::string waiting_;  // short pieces: a call of OpenSSL costs more than they do
};

}  // namespace provenance
