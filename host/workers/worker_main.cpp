// SPDX-License-Identifier: Apache-2.0
//
// timmy-worker: runs one plugin's code for the host, in a cage. Started by the pool, never by
// hand, with the channel as descriptor 3. With the first frame comes another, the plugin's sealed
// bytes.
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <new>

#include "base/error.hpp"
#include "base/file.hpp"
#include "workers/caged/session.hpp"
#include "workers/sanitizers.hpp"

// A sanitizer takes its options from here: the environment is the host's to empty. Signals keep
// their meaning, so that the host sees what ended the worker; leaks are the author's to look for.
extern "C" __attribute__((visibility("default"))) const char* __asan_default_options() {
  return "detect_leaks=0:handle_segv=0:handle_sigbus=0:handle_sigfpe=0:handle_sigill=0:"
         "handle_abort=0:abort_on_error=1:allocator_may_return_null=1:use_sigaltstack=0";
}
extern "C" __attribute__((visibility("default"))) const char* __tsan_default_options() {
  return "handle_segv=0:handle_sigbus=0:handle_sigfpe=0:handle_sigill=0:handle_abort=0:"
         "abort_on_error=1:use_sigaltstack=0:report_thread_leaks=0:"
         "atexit_sleep_ms=0";
}

namespace {

using namespace host;

constexpr int kChannel = 3;

// operator new's handler takes no argument. Set once, before the task thread starts.
caged::Link* link_of_handler = nullptr;

void out_of_memory() {
  link_of_handler->send_memory();
  throw std::bad_alloc();
}

void end_with_parent(const char* parent) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
  // The parent may have gone before the line above.
  if (::getppid() != ::atoi(parent)) ::_exit(0);
}

// When memory runs out, a worker goes before the host does.
void offer_to_oom_killer() {
  const Fd file(::open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC));
  if (file) (void)!::write(file.get(), "500", 3);
}

// The first frame, and the plugin's descriptor that comes with it.
Frame first_frame(FrameDecoder& decoder, Fd& plugin) {
  std::array<char, 16 * 1024> bytes;
  for (;;) {
    if (const auto frame = decoder.next()) return *frame;
    auto received = caged::receive(kChannel, bytes);
    if (received.count < 0 && errno == EINTR) continue;
    if (received.count <= 0) ::_exit(0);
    if (received.descriptor) plugin = std::move(received.descriptor);
    decoder.feed({bytes.data(), static_cast<std::size_t>(received.count)});
  }
}

Hello read_hello(FrameDecoder& decoder, Fd& plugin) {
  const auto frame = first_frame(decoder, plugin);
  if (frame.type != FrameType::hello) throw Error(Code::invalid, "expected `hello` first");
  auto hello = decode_hello(frame.body);
  if (std::find(hello.versions.begin(), hello.versions.end(), kFrameVersion) ==
      hello.versions.end())
    throw Error(Code::unsupported,
                "this worker speaks frames of version " + std::to_string(kFrameVersion) +
                    ", the host does not",
                "Install host and worker of the same release");
  if (!plugin) throw Error(Code::invalid, "expected a plugin's descriptor with `hello`");
  return hello;
}

[[noreturn]] void serve() {
  FrameDecoder decoder;
  try {
    // Before it is told anything: it may stand by for that.
    const auto filter = attempt([] { return SyscallFilter(); });
    // Out of something is no reason to go without.
    if (!filter && filter.error().code() != Code::unsupported) throw filter.error();
    Fd plugin;
    auto hello = read_hello(decoder, plugin);
    caged::Leftovers leftovers;
    caged::PeakMemory memory;
    auto cage = enter_cage(hello.cage,
                           {kChannel, plugin.get(), leftovers.tasks().get(),
                            leftovers.descriptors().get(), memory.status().get()},
                           filter);
    caged::Session session(kChannel, std::move(plugin), std::move(decoder), std::move(hello),
                           std::move(cage), std::move(leftovers), std::move(memory));
    link_of_handler = &session.link();
    std::set_new_handler(out_of_memory);
    session.serve();
  } catch (const Error& error) {
    caged::Link(kChannel).send(
        FrameType::refused, {},
        encode(Refused{!error.transient(), name(error.code()), error.what()}));
    ::_exit(0);
  } catch (const std::exception& error) {
    // No thread, no memory: not the plugin's doing, and not for ever.
    caged::Link(kChannel).send(FrameType::refused, {},
                               encode(Refused{false, "start", error.what()}));
    ::_exit(0);
  }
}

// Enters the cage with `scratch` as its folder and prints what is in force, for --doctor.
int probe(const char* scratch) {
  CageSpec spec;
  spec.scratch = scratch;
  try {
    ::puts(to_text(enter_cage(spec, {}, attempt([] { return SyscallFilter(); })).json()).c_str());
    return 0;
  } catch (const Error& error) {
    ::fprintf(stderr, "timmy-worker: %s\n", error.what());
    return exit_status(error.code());
  }
}

}  // namespace

int main(int count, char** arguments) {
  if (count == 3 && ::strcmp(arguments[1], "--probe-cage") == 0) return probe(arguments[2]);
  if (count != 3 || ::strcmp(arguments[1], "--parent") != 0) {
    ::fputs("timmy-worker is started by timmy-host, which hands it a plugin and its jobs\n",
            stderr);
    return exit_status(Code::usage);
  }
  end_with_parent(arguments[2]);
  ::signal(SIGPIPE, SIG_IGN);
  ::setvbuf(stdout, nullptr, _IOLBF, 0);
  offer_to_oom_killer();
  // Nobody of the same user reads this memory. After what writes to /proc/self, which it closes.
  ::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
  serve();
}
