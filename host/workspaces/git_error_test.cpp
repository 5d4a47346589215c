// SPDX-License-Identifier: Apache-2.0
#include "workspaces/git_error.hpp"

#include <gmock/gmock.h>

namespace host::workspaces {
namespace {

using ::testing::HasSubstr;

TEST(GitError, SaysWhatKindOfFailureItIs) {
  const std::pair<const char*, Code> table[] = {
      {"fatal: Authentication failed for 'https://git.example.org/org/app.git/'", Code::denied},
      {"fatal: could not read Username for 'https://x': terminal prompts disabled", Code::denied},
      {"fatal: unable to access 'https://x/': The requested URL returned error: 403", Code::denied},
      {"fatal: repository 'https://x/org/app.git/' not found", Code::not_found},
      {"fatal: unable to access 'x': The requested URL returned error: 301", Code::unavailable},
      {"fatal: unable to access 'x': Could not resolve host: git.example.org", Code::unavailable},
      {"fatal: unable to access 'x': Failed to connect to x port 443: Connection refused",
       Code::unavailable},
      {"error: RPC failed; HTTP 502 curl 22 The requested URL returned error: 502",
       Code::unavailable},
      {"fatal: unable to access 'x': The requested URL returned error: 429", Code::rate_limited},
      {"fatal: unable to access 'x': SSL certificate problem: self-signed certificate",
       Code::denied},
      {"remote: fatal: fsck error in packed object", Code::corrupt},
      {"fatal: pack is corrupt", Code::corrupt},
      {"error: file write error: No space left on device", Code::unavailable},
      {"fatal: mismatched algorithms: client sha1; server sha256", Code::unsupported},
      {"something new", Code::io},
  };
  for (const auto& [text, code] : table) {
    const auto error = git_error("fetching org/app", 128, text);
    EXPECT_EQ(error.code(), code) << text;
    EXPECT_THAT(error.message(), HasSubstr("fetching org/app"));
    EXPECT_THAT(error.message(), HasSubstr(text));
    EXPECT_TRUE(code == Code::io || !error.next_step().empty()) << text;
  }
}

TEST(OneLine, IsPrintableAndBounded) {
  EXPECT_EQ(one_line("  a\nb\t\x1b[2J c\r\n"), "a b [2J c");
  EXPECT_LE(one_line(std::string(100'000, 'x')).size(), 600u);
}

}  // namespace
}  // namespace host::workspaces
