// SPDX-License-Identifier: Apache-2.0
#include "base/ed25519.hpp"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

#include <algorithm>
#include <memory>
#include <optional>

#include "base/error.hpp"

namespace host {
namespace {

using Bytes = std::array<unsigned char, 32>;
using Pkey = std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)>;

constexpr std::size_t kBase64Length = 44;  // of 32 bytes
// The DER of a SubjectPublicKeyInfo (RFC 8410) is these 12 bytes and the key's 32. They fill 16
// characters of base64, and the key's own form follows them.
constexpr std::string_view kDerStart = "MCowBQYDK2VwAyEA";
constexpr std::string_view kPrivateDerStart = "MC4CAQAwBQYDK2Vw";  // as PKCS #8 has it
constexpr const char* kExpected =
    "expected an Ed25519 public key: 44 characters of base64, or 60 with its DER, or the PEM that "
    "`openssl pkey -pubout` prints";

constexpr const char* kPrivate = "this is a private key, which nobody but its owner should have";

[[noreturn]] void refuse(const std::string& what) {
  throw Error(Code::invalid, what + "; " + kExpected);
}

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view kSpace = " \t\r\n";
  const auto first = text.find_first_not_of(kSpace);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kSpace) - first + 1);
}

std::string encoded(const Bytes& bytes) {
  std::array<unsigned char, kBase64Length + 1> text;
  const int length = EVP_EncodeBlock(text.data(), bytes.data(), static_cast<int>(bytes.size()));
  return {reinterpret_cast<const char*>(text.data()), static_cast<std::size_t>(length)};
}

std::optional<Bytes> decoded(std::string_view text) {
  if (text.starts_with(kDerStart) && text.size() == kDerStart.size() + kBase64Length)
    text.remove_prefix(kDerStart.size());
  if (text.size() != kBase64Length) return std::nullopt;
  std::array<unsigned char, 33> block;  // the padding comes out as a zero byte
  const int length = EVP_DecodeBlock(
      block.data(), reinterpret_cast<const unsigned char*>(text.data()), kBase64Length);
  if (length != static_cast<int>(block.size())) return std::nullopt;
  Bytes bytes;
  std::copy_n(block.begin(), bytes.size(), bytes.begin());
  // OpenSSL overlooks white space and stray bits; one key shall have one form.
  return encoded(bytes) == text ? std::optional(bytes) : std::nullopt;
}

Bytes from_pem(std::string_view text) {
  if (text.find("PRIVATE KEY-----") != std::string_view::npos) refuse(kPrivate);
  if (text.find("-----BEGIN", 1) != std::string_view::npos) refuse("this is more than one key");
  const std::unique_ptr<BIO, decltype(&BIO_free)> bio(
      BIO_new_mem_buf(text.data(), static_cast<int>(text.size())), &BIO_free);
  if (!bio) throw Error(Code::internal, "OpenSSL can't read keys");
  const Pkey key(PEM_read_bio_PUBKEY(bio.get(), nullptr, nullptr, nullptr), &EVP_PKEY_free);
  ERR_clear_error();
  if (!key) refuse("this is not a public key in PEM");
  Bytes bytes;
  std::size_t length = bytes.size();
  if (EVP_PKEY_id(key.get()) != EVP_PKEY_ED25519 ||
      EVP_PKEY_get_raw_public_key(key.get(), bytes.data(), &length) != 1)
    refuse("this is a key of another kind");
  return bytes;
}

// 2^255 - 256 + `low`, little-endian: what lies around the field's prime, 2^255 - 19.
Bytes near_the_prime(unsigned char low) {
  Bytes bytes;
  bytes.fill(0xff);
  bytes.front() = low;
  bytes.back() = 0x7f;
  return bytes;
}

// The points of small order, with the sign of x left out: by one of them a signature can be made up
// for any message. (Their y in all forms that are decoded; the orders are 4, 1, 8, 8, 2, 4, 1.)
bool is_of_small_order(Bytes key) {
  static const std::array<Bytes, 7> kPoints{{
      {},
      {1},
      {0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4,
       0x89, 0xf2, 0xef, 0x98, 0xf0, 0xd5, 0xdf, 0xac, 0x05, 0xd3, 0xc6,
       0x33, 0x39, 0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53, 0xfc, 0x05},
      {0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b,
       0x76, 0x0d, 0x10, 0x67, 0x0f, 0x2a, 0x20, 0x53, 0xfa, 0x2c, 0x39,
       0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac, 0x03, 0x7a},
      near_the_prime(0xec),
      near_the_prime(0xed),
      near_the_prime(0xee),
  }};
  key.back() &= 0x7f;
  return std::find(kPoints.begin(), kPoints.end(), key) != kPoints.end();
}

}  // namespace

Ed25519Key Ed25519Key::parse(std::string_view text) {
  const auto whole = trimmed(text);
  Bytes bytes;
  if (whole.starts_with("-----BEGIN")) {
    bytes = from_pem(whole);
  } else {
    if (whole.starts_with(kPrivateDerStart)) refuse(kPrivate);
    const auto raw = decoded(whole);
    if (!raw) refuse("this is not a key");
    bytes = *raw;
  }
  if (is_of_small_order(bytes))
    refuse("this is a key by which anybody could sign, maybe a placeholder");
  return Ed25519Key(bytes);
}

bool Ed25519Key::verifies(std::span<const std::byte> message,
                          const Ed25519Signature& signature) const {
  const Pkey key(
      EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr, bytes_.data(), bytes_.size()),
      &EVP_PKEY_free);
  const std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context(EVP_MD_CTX_new(),
                                                                        &EVP_MD_CTX_free);
  if (!key || !context ||
      EVP_DigestVerifyInit(context.get(), nullptr, nullptr, nullptr, key.get()) != 1)
    throw Error(Code::internal, "OpenSSL can't verify Ed25519");
  const int outcome =
      EVP_DigestVerify(context.get(), signature.data(), signature.size(),
                       reinterpret_cast<const unsigned char*>(message.data()), message.size());
  ERR_clear_error();
  return outcome == 1;
}

std::string Ed25519Key::base64() const { return encoded(bytes_); }

}  // namespace host
