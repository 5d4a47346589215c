// SPDX-License-Identifier: Apache-2.0
#include "workers/message.hpp"

#include <timmy/abi.h>

#include <cstring>

#include "base/error.hpp"
#include "base/json.hpp"
#include "workers/frame.hpp"

namespace host {
namespace {

class Writer {
 public:
  explicit Writer(std::string& out) : out_(out) {}

  template <class T>
  Writer& number(T value) {
    out_.append(reinterpret_cast<const char*>(&value), sizeof value);
    return *this;
  }
  Writer& text(std::string_view value) {
    number(static_cast<std::uint32_t>(value.size()));
    out_.append(value);
    return *this;
  }

 private:
  std::string& out_;
};

class Reader {
 public:
  Reader(std::string_view body, const char* what) : rest_(body), what_(what) {}

  template <class T>
  T number() {
    T value;
    std::memcpy(&value, take(sizeof value).data(), sizeof value);
    return value;
  }
  std::string_view text() { return take(number<std::uint32_t>()); }
  void end() const {
    if (!rest_.empty()) fail();
  }

 private:
  std::string_view take(std::size_t size) {
    if (rest_.size() < size) fail();
    const auto taken = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return taken;
  }
  [[noreturn]] void fail() const {
    throw Error(Code::invalid, std::string("the body of a `") + what_ + "` frame is malformed");
  }

  std::string_view rest_;
  const char* what_;
};

template <class Fill>
std::string written(Fill fill) {
  std::string out;
  Writer writer(out);
  fill(writer);
  return out;
}

Json paths(const std::vector<std::filesystem::path>& list) {
  Json out = Json::array();
  for (const auto& path : list) out.push_back(path.string());
  return out;
}

std::vector<std::filesystem::path> paths(const Json& list) {
  std::vector<std::filesystem::path> out;
  for (const auto& path : list) out.emplace_back(path.get<std::string>());
  return out;
}

template <class Read>
auto from_json(std::string_view body, const char* what, Read read) {
  try {
    return read(parse_json(body, std::string("a `") + what + "` frame"));
  } catch (const Json::exception& error) {
    throw Error(Code::invalid, std::string("a `") + what + "` frame: " + error.what());
  }
}

}  // namespace

std::string encode(const Hello& hello) {
  return to_text({{"versions", hello.versions},
                  {"plugin", hello.plugin_id},
                  {"config", hello.config_json},
                  {"readable", paths(hello.cage.readable)},
                  {"writable", paths(hello.cage.writable)},
                  {"sealed", paths(hello.cage.forbidden.sealed)},
                  {"whole", paths(hello.cage.forbidden.whole)},
                  {"scratch", hello.cage.scratch.string()},
                  {"memory_bytes", hello.cage.limits.memory_bytes},
                  {"file_bytes", hello.cage.limits.file_bytes},
                  {"files", hello.cage.limits.files},
                  {"cpu_us", hello.cpu_per_run.count()},
                  {"rehearsals", hello.rehearsals}});
}

Hello decode_hello(std::string_view body) {
  return from_json(body, "hello", [](const Json& json) {
    Hello hello;
    hello.versions = json.at("versions").get<std::vector<int>>();
    hello.plugin_id = json.at("plugin").get<std::string>();
    hello.config_json = json.at("config").get<std::string>();
    hello.cage.readable = paths(json.at("readable"));
    hello.cage.writable = paths(json.at("writable"));
    hello.cage.forbidden = {paths(json.at("sealed")), paths(json.at("whole"))};
    hello.cage.scratch = json.at("scratch").get<std::string>();
    hello.cage.limits.memory_bytes = json.at("memory_bytes").get<std::uint64_t>();
    hello.cage.limits.file_bytes = json.at("file_bytes").get<std::uint64_t>();
    hello.cage.limits.files = json.at("files").get<int>();
    hello.cpu_per_run = Duration(json.at("cpu_us").get<std::int64_t>());
    hello.rehearsals = json.at("rehearsals").get<int>();
    return hello;
  });
}

std::string encode(const Ready& ready) {
  return to_text({{"version", ready.version}, {"cage", ready.cage.json()}});
}

Ready decode_ready(std::string_view body) {
  return from_json(body, "ready", [](const Json& json) {
    return Ready{json.at("version").get<int>(), CageReport::from(json.at("cage"))};
  });
}

std::string encode(const Refused& refused) {
  return written([&](Writer& to) {
    to.number<std::uint8_t>(refused.permanent).text(refused.code).text(refused.message);
  });
}

Refused decode_refused(std::string_view body) {
  Reader from(body, "refused");
  Refused refused;
  refused.permanent = from.number<std::uint8_t>() != 0;
  refused.code = from.text();
  refused.message = from.text();
  from.end();
  return refused;
}

std::string encode(const JobMessage& job) {
  return written([&](Writer& to) {
    to.number<std::int64_t>(job.timeout.count()).text(job.task).text(job.job_json);
  });
}

JobMessage decode_job(std::string_view body) {
  Reader from(body, "job");
  JobMessage job;
  job.timeout = Duration(from.number<std::int64_t>());
  job.task = from.text();
  job.job_json = from.text();
  from.end();
  return job;
}

bool ends_worker(const ResultMessage& result) {
  const bool failed = result.status != TIMMY_OK && result.status != TIMMY_CANCELLED &&
                      result.status != TIMMY_SNOOZE;
  return failed || !result.clean();
}

void encode_to(std::string& out, const ResultMessage& result) {
  Writer(out)
      .number(result.status)
      .number(result.delay_ms)
      .text(result.code)
      .text(result.message)
      .text(result.result)
      .number<std::int64_t>(result.cpu.count())
      .number(result.max_rss_bytes)
      .number(result.threads)
      .number(result.descriptors)
      .number(result.children);
}

ResultMessage decode_result(std::string_view body) {
  Reader from(body, "result");
  ResultMessage result;
  result.status = from.number<std::int32_t>();
  result.delay_ms = from.number<std::int64_t>();
  result.code = from.text();
  result.message = from.text();
  result.result = from.text();
  result.cpu = Duration(from.number<std::int64_t>());
  result.max_rss_bytes = from.number<std::uint64_t>();
  result.threads = from.number<std::uint32_t>();
  result.descriptors = from.number<std::uint32_t>();
  result.children = from.number<std::uint32_t>();
  from.end();
  return result;
}

std::string encode(const CallMessage& call) {
  return written([&](Writer& to) { to.number(call.id).text(call.method).text(call.params); });
}

CallMessage decode_call(std::string_view body) {
  Reader from(body, "call");
  CallMessage call;
  call.id = from.number<std::uint64_t>();
  call.method = from.text();
  call.params = from.text();
  from.end();
  return call;
}

std::string encode(const AnswerMessage& answer) {
  return written([&](Writer& to) {
    to.number(answer.id).number(answer.status).number(answer.delay_ms);
    to.text(answer.code).text(answer.message).text(answer.result);
  });
}

AnswerMessage decode_answer(std::string_view body) {
  Reader from(body, "answer");
  AnswerMessage answer;
  answer.id = from.number<std::uint64_t>();
  answer.status = from.number<std::int32_t>();
  answer.delay_ms = from.number<std::int64_t>();
  answer.code = from.text();
  answer.message = from.text();
  answer.result = from.text();
  from.end();
  return answer;
}

std::string encode(const LogMessage& log) {
  return written([&](Writer& to) { to.number(log.level).text(log.text); });
}

LogMessage decode_log(std::string_view body) {
  Reader from(body, "log");
  LogMessage log;
  log.level = from.number<std::int32_t>();
  log.text = from.text();
  from.end();
  return log;
}

}  // namespace host
