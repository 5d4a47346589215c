// SPDX-License-Identifier: Apache-2.0
//
// Named points at which a test build can be made to die, fail or hang. Compiled in only with
// TIMMY_FAILPOINTS. $TIMMY_FAILPOINT is "name[:n]=kill|abort|eio|pause|sleep": at the n-th time
// (default: each time) that the point is reached, SIGKILL this process, abort(3), throw Error{io},
// wait until there is a file named $TIMMY_FAILPOINT_GO, or sleep for a minute. With
// $TIMMY_FAILPOINT_LOG every point appends its name to that file when it is first reached, so that
// a test can prove that it was.
#pragma once

#ifdef TIMMY_FAILPOINTS
namespace host {
// `name` is a literal, "room.point". Any thread.
void reach_failpoint(const char* name);
}  // namespace host
#define TIMMY_FAILPOINT(name) ::host::reach_failpoint(name)
#else
#define TIMMY_FAILPOINT(name) static_cast<void>(0)
#endif
