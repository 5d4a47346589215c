// SPDX-License-Identifier: Apache-2.0
#include "row_key.hpp"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <openssl/rand.h>

#include <array>
#include <stdexcept>
#include <timmy/failure.hpp>
#include <utility>

#include "files.hpp"
#include "pair_hash.hpp"

namespace provenance {
namespace {

constexpr std::size_t kBytes = 32;
constexpr const char* kFile = "row.key";

using Bytes = std::array<unsigned char, kBytes>;

void must(int result) {
  if (result != 1) throw std::runtime_error("HMAC-SHA256 failed in libcrypto");
}

std::string hex_of(const Bytes& bytes) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string text;
  for (const auto byte : bytes) (text += kDigits[byte >> 4]) += kDigits[byte & 15];
  return text;
}

bool is_key(std::string_view text) {
  return text.size() == 2 * kBytes + 1 && text.back() == '\n' &&
         text.find_first_not_of("0123456789abcdef") == 2 * kBytes;
}

unsigned char digit_of(char c) {
  return static_cast<unsigned char>(c <= '9' ? c - '0' : c - 'a' + 10);
}

}  // namespace

std::optional<RowKey> RowKey::find(const std::filesystem::path& folder) {
  const auto path = folder / kFile;
  const auto text = read_if_there(path, 4096);
  if (!text) return std::nullopt;
  if (is_key(*text)) return RowKey(*text);
  throw timmy::Permanent("damaged", path.string() +
                                        " is no key; put it back from a copy, or "
                                        "remove it: then all pairs are written anew");
}

RowKey RowKey::of(const std::filesystem::path& folder) {
  if (auto known = find(folder)) return std::move(*known);
  Bytes fresh{};
  must(RAND_bytes(fresh.data(), static_cast<int>(fresh.size())));
  const auto text = hex_of(fresh) + "\n";
  write_file(folder / kFile, text);
  return RowKey(text);
}

RowKey::RowKey(std::string_view text)
    : name_(Sha256().of("timmy-row-key/1\n" + std::string(text))) {
  Bytes key{};
  for (std::size_t i = 0; i < key.size(); ++i)
    key[i] = static_cast<unsigned char>(digit_of(text[2 * i]) << 4 | digit_of(text[2 * i + 1]));
  const std::unique_ptr<EVP_MAC, decltype(&EVP_MAC_free)> hmac(
      EVP_MAC_fetch(nullptr, "HMAC", nullptr), &EVP_MAC_free);
  if (!hmac) throw std::runtime_error("libcrypto has no HMAC");
  context_ = {EVP_MAC_CTX_new(hmac.get()),
              [](void* it) { EVP_MAC_CTX_free(static_cast<EVP_MAC_CTX*>(it)); }};
  if (!context_) throw std::runtime_error("no memory for an HMAC");
  std::string digest = "SHA256";
  const std::array<OSSL_PARAM, 2> how{
      OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest.data(), 0),
      OSSL_PARAM_construct_end()};
  auto* context = static_cast<EVP_MAC_CTX*>(context_.get());
  must(EVP_MAC_init(context, key.data(), key.size(), how.data()));
}

std::string RowKey::seal(std::string_view digest) {
  auto* context = static_cast<EVP_MAC_CTX*>(context_.get());
  Bytes sealed{};
  std::size_t length = 0;
  must(EVP_MAC_init(context, nullptr, 0, nullptr));  // with the key that it has
  must(EVP_MAC_update(context, reinterpret_cast<const unsigned char*>(digest.data()),
                      digest.size()));
  must(EVP_MAC_final(context, sealed.data(), &length, sealed.size()));
  return hex_of(sealed);
}

}  // namespace provenance
