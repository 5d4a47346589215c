// SPDX-License-Identifier: Apache-2.0
//
// The worked example of docs/provenance.md.
#include "fixture.hpp"

namespace provenance {
namespace {

class ExampleTest : public FolderTest {
 protected:
  static Session session() {
    auto session =
        Writer("20260330_141139_a1b2c3")
            .system("You are Hermes Agent.")
            .user("Mail the result to ada@example.org. What is 6*7?")
            .says("42.")
            .user("Run the tests.")
            .calls({{"call_1", "terminal", R"({"command": "cd /home/ada/app && pytest -q"})"}})
            .result("call_1", R"({"output": "1 failed, 3 passed", "exit_code": 1, "error": null})")
            .says("One test fails.")
            .done();
    session.store.path = "/home/ada/.hermes/state.db";
    return session;
  }
};

TEST_F(ExampleTest, MakesTheFilesThatAreShown) {
  stores_.put(session());
  ingest();
  const std::filesystem::path shown = std::filesystem::path(TESTDATA) / "example";
  int files = 0;
  for (const auto& entry : std::filesystem::directory_iterator(out() / "pairs")) {
    const auto name = entry.path().filename();
    EXPECT_EQ(text_of(entry.path()), text_of(shown / name)) << name;
    ++files;
  }
  EXPECT_EQ(files, 2);
}

TEST_F(ExampleTest, TheDocumentShowsTheSecondPair) {
  stores_.put(session());
  ingest();
  const std::string manifest = MANIFEST;
  const auto document =
      text_of(manifest.substr(0, manifest.rfind('/')) + "/../../docs/provenance.md");
  const auto begin = document.find("```json\n{\n \"prompt\"");
  ASSERT_NE(begin, std::string::npos);
  const auto text = document.substr(begin + 8, document.find("\n```", begin) - begin - 8);
  EXPECT_EQ(timmy::Json::parse(text), pairs().at(1));
}

}  // namespace
}  // namespace provenance
