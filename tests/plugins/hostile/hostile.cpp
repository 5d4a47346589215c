// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <timmy/abi.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <fstream>
#include <functional>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "probes.hpp"

namespace {

using Json = nlohmann::json;

struct Instance {
  const timmy_host* host;
  std::string destroy;
};

struct Run {
  const Instance& instance;
  const timmy_run* table;
  Json payload;
  timmy_reply* reply;

  void result(const Json& json) const {
    const auto text = json.dump();
    reply->result(reply->ctx, {text.data(), text.size()});
  }
  timmy_status fail(timmy_status status, const char* code, const std::string& message) const {
    reply->error(reply->ctx, timmy_cstr(code), {message.data(), message.size()});
    return status;
  }
  [[nodiscard]] bool cancelled() const { return table->cancelled(table->ctx) != 0; }
};

void sleep_ms(int ms) { std::this_thread::sleep_for(std::chrono::milliseconds(ms)); }

// What a call answered, as a JSON object.
struct Answer {
  timmy_reply table{sizeof(timmy_reply),
                    0,
                    this,
                    [](void* ctx, timmy_str json) {
                      static_cast<Answer*>(ctx)->result.assign(json.ptr, json.len);
                    },
                    [](void* ctx, timmy_str failure, timmy_str text) {
                      static_cast<Answer*>(ctx)->code.assign(failure.ptr, failure.len);
                      static_cast<Answer*>(ctx)->message.assign(text.ptr, text.len);
                    },
                    [](void*, int64_t) {}};
  std::string result;
  std::string code;
  std::string message;
};

Json call(const timmy_run* table, const std::string& method, const Json& params,
          int64_t timeout_ms) {
  Answer answer;
  const auto text = params.dump();
  const auto status = table->call(table->ctx, {method.data(), method.size()},
                                  {text.data(), text.size()}, timeout_ms, &answer.table);
  return {{"status", status},
          {"result", answer.result},
          {"code", answer.code},
          {"message", answer.message}};
}

timmy_status echo(Run& run) { return run.result(run.payload), TIMMY_OK; }

timmy_status fail(Run& run) {
  if (run.payload.contains("delay_ms"))
    run.reply->delay(run.reply->ctx, run.payload["delay_ms"].get<int64_t>());
  const auto status = run.payload.value("status", int{TIMMY_PERMANENT});
  if (run.payload.contains("code"))
    return run.fail(status, run.payload["code"].get<std::string>().c_str(), "on request");
  return status;
}

timmy_status wait_for_cancel(Run& run) {
  int left = run.payload.is_object() ? run.payload.value("ms", -1) : -1;
  if (run.payload.is_object() && run.payload.contains("file"))
    close(open(run.payload["file"].get<std::string>().c_str(), O_WRONLY | O_CREAT, 0600));
  for (; !run.cancelled(); sleep_ms(1))
    if (left-- == 0) return TIMMY_OK;
  return run.fail(TIMMY_CANCELLED, "cancelled", "was told to stop");
}

// Asks how long the run may still take, again and again: until that has changed, or until the run
// should stop.
timmy_status ask_remaining(Run& run) {
  const auto ask = [&] { return run.table->remaining_ms(run.table->ctx); };
  const bool to_the_end = run.payload.value("to_the_end", false);
  const auto first = ask();
  if (to_the_end) puts("asked");
  auto last = first;
  bool grew = false;
  while (to_the_end ? !run.cancelled() : last == first) {
    const auto now = ask();
    grew = grew || now > last;
    last = now;
  }
  const Json seen{{"first", first}, {"last", to_the_end ? ask() : last}, {"grew", grew}};
  if (to_the_end) return run.fail(TIMMY_CANCELLED, "cancelled", seen.dump());
  return run.result(seen), TIMMY_OK;
}

timmy_status call_service(Run& run) {
  run.result(call(run.table, run.payload.at("method"), run.payload.value("params", Json::object()),
                  run.payload.value("timeout_ms", 0)));
  return TIMMY_OK;
}

// Calls with no memory left but for a few MiB.
timmy_status call_when_full(Run& run) {
  std::vector<std::unique_ptr<char[]>> taken;
  try {
    for (;;) taken.push_back(std::make_unique<char[]>(std::size_t{1} << 20));
  } catch (const std::bad_alloc&) {
    taken.resize(taken.size() - 4);
  }
  return call_service(run);
}

// Calls from several threads at once, the run's own among them; each says who it is.
timmy_status call_from_threads(Run& run) {
  std::vector<Json> answers(run.payload.at("threads").get<std::size_t>());
  const auto ask = [&](std::size_t i) {
    answers[i] = call(run.table, "test/1.who", {{"thread", i}}, 0).at("result");
  };
  std::vector<std::thread> threads;
  for (std::size_t i = 1; i < answers.size(); ++i) threads.emplace_back(ask, i);
  ask(0);
  for (auto& thread : threads) thread.join();
  run.result({{"answers", answers}});
  return TIMMY_OK;
}

// Calls through a handle that is dead by then, and prints what came of it.
timmy_status call_late(Run& run) {
  std::thread([table = run.table] {
    while (table->cancelled(table->ctx) == 0) sleep_ms(1);
    const auto answer = call(table, "test/1.late", Json::object(), 0);
    printf("late: %s\n", answer["code"].get<std::string>().c_str());
    sleep_ms(60'000);
  }).detach();
  return TIMMY_OK;
}

timmy_status log_and_print(Run& run) {
  run.instance.host->log(run.instance.host->ctx, TIMMY_LOG_WARN,
                         timmy_cstr("logged\nin two lines"));
  printf("printed\x1b[31m\n");
  fprintf(stderr, "complained\n");
  return TIMMY_OK;
}

timmy_status read_null(Run&) {
  volatile const int* const nowhere = reinterpret_cast<const int*>(std::uintptr_t{8});
  fprintf(stderr, "about to crash\n");
  return *nowhere;
}

int recurse(volatile char* above) {
  volatile char frame[4096];
  frame[0] = above != nullptr ? static_cast<char>(above[0] + 1) : char{0};
  return recurse(frame) + frame[0];
}

timmy_status allocate_for_ever(Run&) {
  std::vector<std::vector<char>> all;
  const auto grow = [&]() noexcept { all.emplace_back(1 << 20, 'x'); };
  for (;;) grow();
}

timmy_status spin(Run&) {
  for (std::atomic<unsigned> i{0};; ++i) {
  }
}

timmy_status hang(Run&) {
  signal(SIGTERM, SIG_IGN);
  printf("deaf\n");
  for (;;) pause();
}

timmy_status fork_bomb(Run& run) {
  int children = 0;
  int error = 0;
  for (; children < 10 && error == 0; ++children) error = probe("fork", "");
  run.result({{"children", children - 1}, {"errno", error}});
  return TIMMY_OK;
}

timmy_status thread_bomb(Run& run) {
  std::atomic<bool> stop{false};
  std::vector<std::thread> threads;
  std::string refusal;
  try {
    while (threads.size() < 100'000)
      threads.emplace_back([&] {
        while (!stop) sleep_ms(5);
      });
  } catch (const std::exception& error) {
    refusal = error.what();
  }
  stop = true;
  for (auto& thread : threads) thread.join();
  run.result({{"threads", threads.size()}, {"refusal", refusal}});
  return TIMMY_OK;
}

timmy_status open_for_ever(Run& run) {
  std::vector<int> all;
  int error = 0;
  while (error == 0 && all.size() < 100'000) {
    const int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (fd < 0) error = errno;
    if (fd >= 0) all.push_back(fd);
  }
  if (run.payload.value("close", true))
    for (const int fd : all) close(fd);
  run.result({{"opened", all.size()}, {"errno", error}});
  return TIMMY_OK;
}

timmy_status write_for_ever(Run&) {
  const std::string block(1 << 20, 'x');
  const int fd = open("large", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
  while (write(fd, block.data(), block.size()) > 0) {
  }
  return TIMMY_OK;
}

timmy_status flood(Run& run) {
  while (!run.cancelled()) printf("%s\n", std::string(100, 'f').c_str());
  return run.fail(TIMMY_CANCELLED, "cancelled", "was told to stop");
}

timmy_status leave_thread(Run&) {
  std::thread([] { sleep_ms(60'000); }).detach();
  return TIMMY_OK;
}

timmy_status use_scratch(Run& run) {
  const std::string scratch = getenv("TIMMY_SCRATCH");
  std::ofstream file(scratch + "/file");
  file << "mine" << std::flush;
  if (!file) return run.fail(TIMMY_PERMANENT, "scratch", strerror(errno));
  file.close();
  // A folder that can't be emptied before its mode is changed.
  const bool made = mkdir("locked", 0700) == 0 && probe("create", "locked/file") == 0 &&
                    mkdir("shut", 0) == 0 && rename("file", "other") == 0;
  char folder[4096];
  run.result({{"made", made}, {"scratch", scratch}, {"folder", getcwd(folder, sizeof folder)}});
  return TIMMY_OK;
}

timmy_status try_probe(Run& run) {
  run.result({{"errno", probe(run.payload.at("probe"), run.payload.value("target", ""))}});
  return TIMMY_OK;
}

// What this process has, by the kernel's word.
timmy_status look_at_self(Run& run) {
  Json names = Json::array();
  for (char** each = environ; *each != nullptr; ++each)
    names.push_back(std::string(*each, strcspn(*each, "=")));
  Json open_files = Json::array();
  for (int fd = 0; fd < 4096; ++fd) {
    struct stat info {};
    if (fstat(fd, &info) == 0)
      open_files.push_back({{"fd", fd}, {"device", info.st_dev}, {"inode", info.st_ino}});
  }
  run.result({{"environment", names}, {"open", open_files}});
  return TIMMY_OK;
}

timmy_status leak(Run& run) {
  const auto bytes = run.payload.at("mib").get<std::size_t>() << 20;
  static std::vector<char*> kept;
  kept.push_back(static_cast<char*>(malloc(bytes)));
  if (kept.back() == nullptr) return run.fail(TIMMY_PERMANENT, "memory", "refused");
  for (std::size_t at = 0; at < bytes; at += 4096) kept.back()[at] = 1;
  run.result({{"pid", getpid()}});
  return TIMMY_OK;
}

// Environment, its own files in /proc, and the files that the payload names, as far as they can be
// read: printed, logged, written to the scratch folder and returned. How many could be read.
timmy_status reveal(Run& run) {
  std::string all;
  for (char** each = environ; *each != nullptr; ++each) all += std::string(*each) + "\n";
  int opened = 0;
  auto files = run.payload.at("files").get<std::vector<std::string>>();
  const auto parent = "/proc/" + std::to_string(getppid());
  for (const auto* own : {"/environ", "/cmdline", "/maps", "/mem", "/fd"})
    files.insert(files.end(), {std::string("/proc/self") + own, parent + own});
  for (const auto& file : files) {
    std::ifstream in(file);
    std::string text(1 << 16, '\0');
    if (!in.read(text.data(), static_cast<std::streamsize>(text.size())) && in.gcount() == 0)
      continue;
    text.resize(static_cast<std::size_t>(in.gcount()));
    all += file + ":\n" + text + "\n";
    ++opened;
  }
  printf("%s\n", all.c_str());
  fflush(stdout);
  run.instance.host->log(run.instance.host->ctx, TIMMY_LOG_WARN, {all.data(), all.size()});
  std::ofstream(std::string(getenv("TIMMY_SCRATCH")) + "/found") << all;
  run.result({{"opened", opened}, {"bytes", all.size()}});
  return TIMMY_OK;
}

using Task = std::function<timmy_status(Run&)>;

const std::map<std::string, Task>& tasks() {
  static const std::map<std::string, Task> all = {
      {"echo", echo},
      {"fail", fail},
      {"wait", wait_for_cancel},
      {"sleep", [](Run& run) { return sleep_ms(run.payload.value("ms", 1)), TIMMY_OK; }},
      {"call", call_service},
      {"call_when_full", call_when_full},
      {"call_from_threads", call_from_threads},
      {"remaining", ask_remaining},
      {"late", call_late},
      {"log", log_and_print},
      {"segv", read_null},
      {"abort", [](Run&) -> timmy_status { abort(); }},
      {"overflow", [](Run&) { return recurse(nullptr); }},
      {"oom", allocate_for_ever},
      {"leak", leak},
      {"spin", spin},
      {"hang", hang},
      {"fork", fork_bomb},
      {"threads", thread_bomb},
      {"descriptors", open_for_ever},
      {"file", write_for_ever},
      {"flood", flood},
      {"exit", [](Run& run) -> timmy_status { exit(run.payload.value("status", 0)); }},
      {"pthread_exit", [](Run&) -> timmy_status { pthread_exit(nullptr); }},
      {"close", [](Run&) { return close(3), sleep_ms(60'000), TIMMY_OK; }},
      {"close_others",
       [](Run&) {
         for (int fd = 4; fd < 64; ++fd) close(fd);
         puts("closed");
         fflush(stdout);
         return sleep_ms(60'000), TIMMY_OK;
       }},
      {"garbage",
       [](Run&) {
         (void)!write(3, "\xff\xff\xff\xff garbage", 12);
         return sleep_ms(60'000), TIMMY_OK;
       }},
      {"throw", [](Run&) -> timmy_status { throw std::runtime_error("out of the blue"); }},
      {"leave_thread", leave_thread},
      {"leave_descriptor", [](Run&) { return open("/dev/null", O_RDONLY | O_CLOEXEC), TIMMY_OK; }},
      {"bad_result",
       [](Run& run) { return run.reply->result(run.reply->ctx, timmy_cstr("{")), TIMMY_OK; }},
      {"scratch", use_scratch},
      {"pid",
       [](Run& run) {
         return run.result({{"pid", getpid()}}), TIMMY_OK;
       }},
      {"probe", try_probe},
      {"self", look_at_self},
      {"reveal", reveal},
  };
  return all;
}

timmy_status create(const timmy_host* host, timmy_str config, void** self, timmy_reply* reply) {
  const auto wanted = Json::parse(config.ptr, config.ptr + config.len);
  const auto mode = wanted.value("create", "");
  if (mode == "error" || mode == "retry") {
    reply->error(reply->ctx, timmy_cstr("bad_rules"), timmy_cstr("the rules make no sense"));
    return mode == "error" ? TIMMY_PERMANENT : TIMMY_RETRYABLE;
  }
  if (mode == "throw") throw std::runtime_error("out of create");
  if (mode == "crash") abort();
  if (mode == "hang") sleep_ms(60'000);
  if (mode == "thread") std::thread([] { sleep_ms(60'000); }).detach();
  *self = std::make_unique<Instance>(Instance{host, wanted.value("destroy", "")}).release();
  return TIMMY_OK;
}

timmy_status run(void* self, const timmy_run* table, timmy_str task, timmy_str job,
                 timmy_reply* reply) {
  const std::string_view name(task.ptr, task.len);
  if (name == "hostile_nothing") return TIMMY_OK;
  Run run{*static_cast<Instance*>(self), table,
          Json::parse(job.ptr, job.ptr + job.len).at("payload"), reply};
  return tasks().at(std::string(name.substr(strlen("hostile_"))))(run);
}

void destroy(void* self) {
  const std::unique_ptr<Instance> instance(static_cast<Instance*>(self));
  if (instance->destroy == "hang") sleep_ms(60'000);
  if (instance->destroy == "crash") abort();
  if (instance->destroy == "throw") throw std::runtime_error("out of destroy");
}

}  // namespace

extern "C" const timmy_plugin timmy_plugin_v1 = {sizeof(timmy_plugin), TIMMY_ABI_MINOR, create, run,
                                                 destroy};
