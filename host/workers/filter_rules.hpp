// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <errno.h>
#include <linux/filter.h>
#include <seccomp.h>

#include <initializer_list>
#include <memory>
#include <vector>

namespace host {

// Newer than libseccomp 2.5's table. The same number on every architecture.
inline constexpr int kFchmodat2 = 452;
inline constexpr int kSetxattrat = 463;
inline constexpr int kRemovexattrat = 466;
inline constexpr int kOpenTreeAttr = 467;
inline constexpr int kFileSetattr = 469;

// An int argument is compared by its low half: the kernel cuts off the rest, so a filter that
// looked at it could be passed by.
inline constexpr scmp_datum_t kInt = 0xffffffff;

// A list of system calls to deny, with an error and never with a death; all others pass.
class FilterRules {
 public:
  // Throws Error{unsupported} when there is no filter for this machine.
  FilterRules();

  void deny(std::initializer_list<int> calls, int with = EPERM);
  void deny_if(std::initializer_list<int> calls, scmp_arg_cmp argument, int with = EPERM);

  // As the kernel's program. Throws.
  [[nodiscard]] std::vector<sock_filter> program() const;

 private:
  std::unique_ptr<void, decltype(&seccomp_release)> context_;
};

// What no cage has use for: file systems, modules, clocks, other programs' memory, and the doors
// that the kernel's bugs come in by.
void deny_the_machine(FilterRules& rules);

// Puts a program in force for every thread of this process and for good. Needs no_new_privs. Throws
// Error when the kernel does not take it.
void enforce_filter(const std::vector<sock_filter>& program);

}  // namespace host
