// SPDX-License-Identifier: Apache-2.0
#include "pair_hash.hpp"

#include <openssl/evp.h>

#include <array>
#include <stdexcept>

namespace provenance {
namespace {

EVP_MD_CTX* context_of(const std::shared_ptr<void>& context) {
  return static_cast<EVP_MD_CTX*>(context.get());
}

void must(int result) {
  if (result != 1) throw std::runtime_error("SHA-256 failed in libcrypto");
}

unsigned digit_of(char c) {
  if (c >= '0' && c <= '9') return static_cast<unsigned>(c - '0');
  return c >= 'a' && c <= 'f' ? static_cast<unsigned>(c - 'a') + 10 : 0;
}

}  // namespace

// Fetched once: a fetch costs more than the hash of a row.
Sha256::Sha256()
    : algorithm_(EVP_MD_fetch(nullptr, "SHA256", nullptr),
                 [](void* it) { EVP_MD_free(static_cast<EVP_MD*>(it)); }),
      context_(EVP_MD_CTX_new(), [](void* it) { EVP_MD_CTX_free(static_cast<EVP_MD_CTX*>(it)); }) {
  if (!algorithm_ || !context_) throw std::runtime_error("libcrypto has no SHA-256");
  begin();
}

void Sha256::begin() {
  must(EVP_DigestInit_ex2(context_of(context_), static_cast<EVP_MD*>(algorithm_.get()), nullptr));
}

void Sha256::update(std::string_view bytes) {
  must(EVP_DigestUpdate(context_of(context_), bytes.data(), bytes.size()));
}

std::string Sha256::hex() {
  std::array<unsigned char, 32> digest{};
  must(EVP_DigestFinal_ex(context_of(context_), digest.data(), nullptr));
  begin();
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string text(64, '0');
  for (std::size_t i = 0; i < digest.size(); ++i) {
    text[2 * i] = kDigits[digest[i] >> 4];
    text[2 * i + 1] = kDigits[digest[i] & 15];
  }
  return text;
}

// A name before each, so that a hash of one kind never stands for another.
std::string chain_start(Sha256& hash, std::string_view session_id) {
  hash.update("timmy-chain/1\n");
  return hash.of(session_id);
}

std::string chain_next(Sha256& hash, std::string_view before, std::string_view row_digest) {
  hash.update(before);
  return hash.of(row_digest);
}

std::string content_hash(Sha256& hash, std::size_t prompt, std::string_view message_digests) {
  hash.update("timmy-content/1\n");
  hash.update(std::to_string(prompt));
  hash.update("\n");
  return hash.of(message_digests);
}

std::string pair_id(Sha256& hash, std::string_view content, std::string_view metadata) {
  hash.update("timmy-pair/1\n");
  hash.update(content);
  hash.update("\n");
  return hash.of(metadata);
}

std::string short_digest(std::string_view hex) {
  std::string bytes(16, '\0');
  for (std::size_t i = 0; i < bytes.size() && 2 * i + 1 < hex.size(); ++i)
    bytes[i] = static_cast<char>(digit_of(hex[2 * i]) << 4 | digit_of(hex[2 * i + 1]));
  return bytes;
}

}  // namespace provenance
