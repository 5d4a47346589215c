// SPDX-License-Identifier: Apache-2.0
#include <timmy/plugin.hpp>

struct NoRun {
  void run(const timmy::Job&) {}
};

TIMMY_PLUGIN(NoRun)
