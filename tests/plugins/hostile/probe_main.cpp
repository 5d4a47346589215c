// SPDX-License-Identifier: Apache-2.0
//
// timmy-probe PROBE TARGET: makes one probe without a cage; its errno is the exit status.
#include "probes.hpp"

int main(int count, char** arguments) {
  return count == 3 ? probe(arguments[1], arguments[2]) : 255;
}
