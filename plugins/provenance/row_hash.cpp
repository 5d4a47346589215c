// SPDX-License-Identifier: Apache-2.0
#include "row_hash.hpp"

#include <openssl/evp.h>

#include <array>
#include <bit>
#include <stdexcept>

namespace provenance {
namespace {

constexpr std::size_t kWaiting = 1024;

void must(int code) {
  if (code != 1) throw std::runtime_error("computing a SHA-256 failed");
}

using Digest = std::array<unsigned char, 32>;

Digest end_of(EVP_MD_CTX* context) {
  Digest digest{};
  unsigned int length = 0;
  must(EVP_DigestFinal_ex(context, digest.data(), &length));
  return digest;
}

}  // namespace

// Fetched once: EVP_sha256() looks it up again with every beginning.
RowHash::RowHash()
    : kind_(EVP_MD_fetch(nullptr, "SHA256", nullptr), &EVP_MD_free),
      context_(EVP_MD_CTX_new(), &EVP_MD_CTX_free) {
  if (!kind_ || !context_) throw std::runtime_error("OpenSSL has no SHA-256 here");
  begin();
}

void RowHash::begin() { must(EVP_DigestInit_ex2(context_.get(), kind_.get(), nullptr)); }

void RowHash::flush() {
  must(EVP_DigestUpdate(context_.get(), waiting_.data(), waiting_.size()));
  waiting_.clear();
}

RowHash& RowHash::raw(std::string_view bytes) {
  if (waiting_.size() + bytes.size() <= kWaiting) {
    waiting_ += bytes;
    return *this;
  }
  flush();
  if (bytes.size() <= kWaiting)
    waiting_ = bytes;
  else
    must(EVP_DigestUpdate(context_.get(), bytes.data(), bytes.size()));
  return *this;
}

RowHash& RowHash::tagged(char tag, std::uint64_t value) {
  std::array<char, 9> head{tag};
  for (std::size_t i = 8; i > 0; --i, value >>= 8) head[i] = static_cast<char>(value & 0xff);
  return raw({head.data(), head.size()});
}

RowHash& RowHash::nothing() { return raw("n"); }
RowHash& RowHash::integer(std::int64_t value) {
  return tagged('i', static_cast<std::uint64_t>(value));
}
RowHash& RowHash::real(double value) { return tagged('r', std::bit_cast<std::uint64_t>(value)); }
RowHash& RowHash::text(std::string_view bytes) { return tagged('t', bytes.size()).raw(bytes); }
RowHash& RowHash::bytes(std::string_view bytes) { return tagged('b', bytes.size()).raw(bytes); }

std::string RowHash::hex() {
  flush();
  const Digest digest = end_of(context_.get());
  begin();
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string text(2 * digest.size(), '0');
  for (std::size_t i = 0; i < digest.size(); ++i) {
    text[2 * i] = kDigits[digest[i] >> 4];
    text[2 * i + 1] = kDigits[digest[i] & 15];
  }
  return text;
}

std::uint64_t RowHash::number() {
  flush();
  const Digest digest = end_of(context_.get());
  begin();
  std::uint64_t value = 0;
  for (std::size_t i = 0; i < 8; ++i) value = value << 8 | digest[i];
  return value;
}

}  // namespace provenance
