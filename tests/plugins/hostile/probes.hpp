// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

// One attempt at something that a plugin must not be able to do.
//   what    its name, see probes.cpp
//   target  a path or a process id, where it takes one
// Returns 0 when it succeeded, else errno. -1: there is no such probe.
int probe(const std::string& what, const std::string& target);
