// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <openssl/evp.h>
#include <openssl/pem.h>

#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>

#include "base/ed25519.hpp"

namespace host {

// Somebody with an Ed25519 key of their own, made anew for the test that needs one.
class TestSigner {
 public:
  TestSigner() : key_(EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519"), &EVP_PKEY_free) {
    if (!key_) throw std::runtime_error("OpenSSL can't make a key");
  }

  [[nodiscard]] std::string public_pem() const {
    return written([&](BIO* out) { return PEM_write_bio_PUBKEY(out, key_.get()); });
  }
  [[nodiscard]] std::string private_pem() const {
    return written([&](BIO* out) {
      return PEM_write_bio_PrivateKey(out, key_.get(), nullptr, nullptr, 0, nullptr, nullptr);
    });
  }
  [[nodiscard]] Ed25519Key key() const { return Ed25519Key::parse(public_pem()); }

  [[nodiscard]] Ed25519Signature sign(std::string_view bytes) const {
    const std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context(EVP_MD_CTX_new(),
                                                                          &EVP_MD_CTX_free);
    Ed25519Signature signature;
    std::size_t length = signature.size();
    if (EVP_DigestSignInit(context.get(), nullptr, nullptr, nullptr, key_.get()) != 1 ||
        EVP_DigestSign(context.get(), signature.data(), &length,
                       reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size()) != 1)
      throw std::runtime_error("OpenSSL can't sign");
    return signature;
  }
  // The same as the content of a file.
  [[nodiscard]] std::string signature_of(std::string_view bytes) const {
    const auto signature = sign(bytes);
    return {signature.begin(), signature.end()};
  }

 private:
  template <class Write>
  static std::string written(Write write) {
    const std::unique_ptr<BIO, decltype(&BIO_free)> out(BIO_new(BIO_s_mem()), &BIO_free);
    if (write(out.get()) != 1) throw std::runtime_error("OpenSSL can't write a key");
    char* text = nullptr;
    const auto length = BIO_get_mem_data(out.get(), &text);
    return {text, static_cast<std::size_t>(length)};
  }

  std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)> key_;
};

}  // namespace host
