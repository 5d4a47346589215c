// SPDX-License-Identifier: Apache-2.0
#include <timmy/plugin.hpp>

struct NoConstructor {
  NoConstructor(const char* name, int size);
  void run(const timmy::Job&, timmy::Context&) {}
};

TIMMY_PLUGIN(NoConstructor)
