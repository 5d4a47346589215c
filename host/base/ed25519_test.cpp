// SPDX-License-Identifier: Apache-2.0
#include "base/ed25519.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.hpp"
#include "base/test_signer.hpp"

namespace host {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

std::span<const std::byte> bytes(std::string_view text) {
  return std::as_bytes(std::span(text.data(), text.size()));
}

std::string refusal(const std::string& text) {
  try {
    static_cast<void>(Ed25519Key::parse(text));
    return "";
  } catch (const Error& error) {
    return error.message();
  }
}

// RFC 8032, 7.1, test 2: a message of one byte.
constexpr const char* kKey = "PUAXw+hDiVqStwqnTRt+vJyYLM8uxJaMwM1V8Sr0Zgw=";
constexpr Ed25519Signature kSignature{
    0x92, 0xa0, 0x09, 0xa9, 0xf0, 0xd4, 0xca, 0xb8, 0x72, 0x0e, 0x82, 0x0b, 0x5f, 0x64, 0x25, 0x40,
    0xa2, 0xb2, 0x7b, 0x54, 0x16, 0x50, 0x3f, 0x8f, 0xb3, 0x76, 0x22, 0x23, 0xeb, 0xdb, 0x69, 0xda,
    0x08, 0x5a, 0xc1, 0xe4, 0x3e, 0x15, 0x99, 0x6e, 0x45, 0x8f, 0x36, 0x13, 0xd0, 0xf1, 0x1d, 0x8c,
    0x38, 0x7b, 0x2e, 0xae, 0xb4, 0x30, 0x2a, 0xee, 0xb0, 0x0d, 0x29, 0x16, 0x12, 0xbb, 0x0c, 0x00};

TEST(Ed25519, VerifiesTheSignatureOfTheStandard) {
  const auto key = Ed25519Key::parse(kKey);
  EXPECT_TRUE(key.verifies(bytes("\x72"), kSignature));
  EXPECT_FALSE(key.verifies(bytes("\x73"), kSignature));
  EXPECT_FALSE(key.verifies(bytes(""), kSignature));
  EXPECT_EQ(key.base64(), kKey);
}

TEST(Ed25519, NoBitOfASignatureMayDiffer) {
  const auto key = Ed25519Key::parse(kKey);
  for (std::size_t i = 0; i < 8 * kSignature.size(); ++i) {
    auto other = kSignature;
    other[i / 8] ^= static_cast<unsigned char>(1u << (i % 8));
    EXPECT_FALSE(key.verifies(bytes("\x72"), other)) << "bit " << i;
  }
}

TEST(Ed25519, AnotherKeysSignatureIsNone) {
  const TestSigner alice, bob;
  EXPECT_TRUE(alice.key().verifies(bytes("text"), alice.sign("text")));
  EXPECT_FALSE(alice.key().verifies(bytes("text"), bob.sign("text")));
}

TEST(Ed25519, OneKeyInEachFormIsTheSame) {
  const TestSigner alice;
  const auto key = alice.key();
  EXPECT_EQ(Ed25519Key::parse(key.base64()), key);
  EXPECT_EQ(Ed25519Key::parse("MCowBQYDK2VwAyEA" + key.base64()), key) << "base64 of the DER";
  EXPECT_EQ(Ed25519Key::parse("\n  " + key.base64() + "\n"), key);
  EXPECT_NE(TestSigner().key(), key);
}

TEST(Ed25519, SaysWhatWasExpectedInsteadOfAKey) {
  for (const std::string text :
       {"", "alice", "PUAXw+hDiVqStwqnTRt+vJyYLM8uxJaMwM1V8Sr0Zg==",
        "PUAXw+hDiVqStwqnTRt-vJyYLM8uxJaMwM1V8Sr0Zgw=",
        "PUAXw+hDiVqStwqnTRt+vJyYLM8uxJaMwM1V8Sr0Zgx=",  // stray bits before the padding
        "PUAXw+hDiVqStwqnTRt+vJyYLM8uxJaMwM1V8Sr0ZgwA",
        "MCowBQYDK2VuAyEAhSDwCYkwp1R0i33ctD73Wg2/Og0mOBr066SpjqqbTmo=",  // the DER of X25519
        "MCowBQYDK2VwAyEAPUAXw+hDiVqStwqnTRt+vJyYLM8uxJaMwM1V8Sr0Zg==",  // cut short
        "PUAXw+hDiVqStwqn\nTRt+vJyYLM8uxJaMwM1V8Sr"})
    EXPECT_THAT(refusal(text), HasSubstr("expected an Ed25519 public key: 44 characters of base64"))
        << text;
  EXPECT_THAT(refusal("-----BEGIN PUBLIC KEY-----\nnothing\n-----END PUBLIC KEY-----\n"),
              HasSubstr("not a public key in PEM"));
}

TEST(Ed25519, APrivateKeyIsCalledOneAndNotRepeated) {
  const auto pem = TestSigner().private_pem();
  const auto secret = pem.substr(pem.find('\n') + 1, 60);
  for (const auto& text : {pem, secret, secret + pem.substr(pem.find('\n') + 61, 4)})
    EXPECT_THAT(refusal(text), AllOf(HasSubstr("is a private key"), Not(HasSubstr(secret))));
}

TEST(Ed25519, OnePemHoldsOneKeyOfThisKind) {
  const TestSigner alice, bob;
  EXPECT_THAT(refusal(alice.public_pem() + bob.public_pem()), HasSubstr("more than one key"));
  EXPECT_THAT(refusal("-----BEGIN PUBLIC KEY-----\n"
                      "MCowBQYDK2VuAyEAhSDwCYkwp1R0i33ctD73Wg2/Og0mOBr066SpjqqbTmo=\n"
                      "-----END PUBLIC KEY-----\n"),
              HasSubstr("a key of another kind"))
      << "X25519";
}

// With the zero key, and S = 0 and R = the neutral point, every fourth message or so would verify.
TEST(Ed25519, AKeyByWhichAnybodyCouldSignIsRefused) {
  for (const char* text : {"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
                           "AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
                           "AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAIA=",
                           "7P///////////////////////////////////////38=",
                           "7f///////////////////////////////////////38=",
                           "7v///////////////////////////////////////38=",
                           "MCowBQYDK2VwAyEAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
                           "JuiVj8KyJ7BFw/SJ8u+Y8NXfrAXTxjM5sTgCiG1T/AU=",
                           "xxdqcD1N2E+6PAt2DRBnDyogU/osOczGTsf9d5KsA3o="})
    EXPECT_THAT(refusal(text), HasSubstr("anybody could sign")) << text;
}

}  // namespace
}  // namespace host
