// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "base/test_folder.hpp"
#include "cli/command.hpp"

namespace host::cli {

// timmy-host's commands in a TIMMY_HOME of the test's own, with the plugins of this build.
class CommandTest : public ::testing::Test {
 protected:
  CommandTest() {
    ::setenv("TIMMY_HOME", folder_.path().c_str(), 1);
    ::setenv("HERMES_HOME", folder_.path().c_str(), 1);
    ::unsetenv("GITEA_URL");
  }
  int run(const std::vector<std::string>& arguments) {
    out_.str("");
    err_.str("");
    return main(arguments, out_, err_);
  }
  void write_config(const std::string& yaml) { std::ofstream(folder_ / "host.yaml") << yaml; }

  TestFolder folder_;
  std::ostringstream out_;
  std::ostringstream err_;
};

}  // namespace host::cli
