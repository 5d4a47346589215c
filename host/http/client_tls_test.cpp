// SPDX-License-Identifier: Apache-2.0
//
// G5: a server whose certificate nobody vouches for gets nothing.
#include <gmock/gmock.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/write.hpp>

#include "base/error.hpp"
#include "base/loop.hpp"
#include "base/test_folder.hpp"
#include "http/client.hpp"
#include "http/test_peer.hpp"

namespace host {
namespace {

namespace asio = boost::asio;
namespace fs = std::filesystem;
using tcp = asio::ip::tcp;

template <class Write>
void write_pem(const fs::path& path, Write write) {
  const std::unique_ptr<BIO, decltype(&BIO_free)> file(BIO_new_file(path.c_str(), "w"), &BIO_free);
  write(file.get());
}

// A certificate for 127.0.0.1 that vouches for itself, and its key.
void make_certificate(const fs::path& certificate, const fs::path& key) {
  const std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)> pair(EVP_EC_gen("P-256"),
                                                                 &EVP_PKEY_free);
  const std::unique_ptr<X509, decltype(&X509_free)> made(X509_new(), &X509_free);
  X509_set_version(made.get(), 2);
  ASN1_INTEGER_set(X509_get_serialNumber(made.get()), 1);
  X509_gmtime_adj(X509_getm_notBefore(made.get()), -3600);
  X509_gmtime_adj(X509_getm_notAfter(made.get()), 3600);
  X509_set_pubkey(made.get(), pair.get());
  X509_NAME* name = X509_get_subject_name(made.get());
  X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC,
                             reinterpret_cast<const unsigned char*>("test"), -1, -1, 0);
  X509_set_issuer_name(made.get(), name);
  X509V3_CTX context;
  X509V3_set_ctx_nodb(&context);
  X509V3_set_ctx(&context, made.get(), made.get(), nullptr, nullptr, 0);
  for (const auto& [kind, value] : {std::pair{NID_subject_alt_name, "IP:127.0.0.1"},
                                    std::pair{NID_basic_constraints, "critical,CA:TRUE"}}) {
    X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, &context, kind, value);
    X509_add_ext(made.get(), extension, -1);
    X509_EXTENSION_free(extension);
  }
  X509_sign(made.get(), pair.get(), EVP_sha256());
  write_pem(certificate, [&](BIO* file) { PEM_write_bio_X509(file, made.get()); });
  write_pem(key, [&](BIO* file) {
    PEM_write_bio_PrivateKey(file, pair.get(), nullptr, nullptr, 0, nullptr, nullptr);
  });
}

class ClientTlsTest : public ::testing::Test {
 protected:
  ClientTlsTest() {
    make_certificate(folder_ / "cert.pem", folder_ / "key.pem");
    tls_.use_certificate_file((folder_ / "cert.pem").string(), asio::ssl::context::pem);
    tls_.use_private_key_file((folder_ / "key.pem").string(), asio::ssl::context::pem);
    acceptor_.async_accept([this](auto failed, tcp::socket socket) {
      if (!failed) serve(std::make_shared<Stream>(std::move(socket), tls_));
    });
  }

  Result<HttpResponse> send(const fs::path& ca_file) {
    CurlOptions options;
    options.ca_file = ca_file;
    CurlClient client(context_, loop_, options);
    HttpRequest request;
    request.url = "https://127.0.0.1:" + std::to_string(acceptor_.local_endpoint().port()) + "/";
    request.headers = {{"Authorization", "token s3cret-canary"}};
    std::optional<Result<HttpResponse>> result;
    client.send(request, [&](Result<HttpResponse> got) { result = std::move(got); });
    run_until(context_, [&] { return result.has_value(); });
    return result ? *result : Error(Code::internal, "nothing came");
  }

  using Stream = asio::ssl::stream<tcp::socket>;
  void serve(const std::shared_ptr<Stream>& stream) {
    stream->async_handshake(Stream::server, [this, stream](auto failed) {
      if (failed) return;
      stream->async_read_some(asio::buffer(block_), [this, stream](auto, auto size) {
        heard_.append(block_, 0, size);
        asio::async_write(
            *stream,
            asio::buffer(std::string_view("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")),
            [stream](auto, auto) {});
      });
    });
  }

  TestFolder folder_;
  asio::io_context context_;
  SystemClock clock_;
  AsioLoop loop_{context_, clock_};
  asio::ssl::context tls_{asio::ssl::context::tls_server};
  tcp::acceptor acceptor_{context_, {asio::ip::address_v4::loopback(), 0}};
  std::string block_ = std::string(65536, '\0');
  std::string heard_;
};

TEST_F(ClientTlsTest, ACertificateThatNobodyVouchesForIsDeniedAndHearsNoToken) {
  const auto result = send({});
  ASSERT_FALSE(result.ok());
  EXPECT_EQ(result.error().code(), Code::denied) << result.error().what();
  EXPECT_FALSE(result.error().next_step().empty());
  context_.poll();
  EXPECT_EQ(heard_, "");
}

TEST_F(ClientTlsTest, ACertificateOfATrustedAuthorityIsTaken) {
  const auto result = send(folder_ / "cert.pem");
  ASSERT_TRUE(result.ok()) << result.error().what();
  EXPECT_EQ(result.value().body, "ok");
  EXPECT_THAT(heard_, ::testing::HasSubstr("s3cret-canary"));
}

}  // namespace
}  // namespace host
