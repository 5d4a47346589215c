// SPDX-License-Identifier: Apache-2.0
#include <iostream>

#include "cli/command.hpp"

int main(int argc, char** argv) {
  return host::cli::main({argv + 1, argv + argc}, std::cout, std::cerr);
}
