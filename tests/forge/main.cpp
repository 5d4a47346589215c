// SPDX-License-Identifier: Apache-2.0
//
// timmy-forge: the forge as a program, for `./dev run`. Loopback only, nothing is kept.
#include <fmt/format.h>
#include <sys/random.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/program_options.hpp>
#include <csignal>
#include <iostream>
#include <limits>

#include "base/error.hpp"
#include "base/file.hpp"
#include "base/json.hpp"
#include "forge/forge.hpp"
#include "forge/sample.hpp"

namespace {

using namespace host;

struct Options {
  std::uint16_t port = 0;
  std::string token_file, git;
  int max_response_items = 50;
  int latency_ms = 0;
  bool seed = false, list_sample = false, quiet = false, help = false;
};

boost::program_options::options_description describe(Options& options) {
  namespace po = boost::program_options;
  po::options_description all(
      "A small forge that answers like Gitea, and a model under /v1/.\n"
      "The first line on stdout is its URL, the second its token's file.\n\n"
      "Options");
  auto add = all.add_options();
  add("port", po::value(&options.port)->default_value(0), "0 takes a free one");
  add("token-file", po::value(&options.token_file)->default_value(""),
      "the bot's token; made with mode 0600 if it isn't there");
  add("seed", po::bool_switch(&options.seed), "start with sample repositories and issues");
  add("git", po::value(&options.git)->default_value(""),
      "folder for bare repositories, which git reaches over HTTP; with --seed the sample's is made "
      "there");
  add("list-sample", po::bool_switch(&options.list_sample),
      "print the sample issues and the labels that triage should give them, as JSON; then end");
  add("max-response-items", po::value(&options.max_response_items)->default_value(50),
      "the longest page");
  add("latency", po::value(&options.latency_ms)->default_value(0),
      "milliseconds by which every answer comes later");
  add("quiet", po::bool_switch(&options.quiet), "don't print requests on stderr");
  add("help", po::bool_switch(&options.help), "print this");
  return all;
}

// 40 hex digits, as Gitea makes them.
std::string new_token() {
  std::string bytes(20, '\0');
  if (::getrandom(bytes.data(), bytes.size(), 0) != static_cast<ssize_t>(bytes.size()))
    throw system_error("getrandom");
  std::string text;
  for (const unsigned char byte : bytes) text += fmt::format("{:02x}", byte);
  return text;
}

// The token in the file, which stays the same over a restart of the forge.
std::string token_in(const std::filesystem::path& file) {
  if (std::filesystem::exists(file)) return read_secret_file(file);
  auto token = new_token();
  write_atomically(file, token + "\n", 0600);
  return token;
}

void list_sample() {
  Json all = Json::array();
  for (const auto& issue : forge::sample_issues())
    all.push_back({{"repo", issue.repo},
                   {"number", issue.number},
                   {"title", issue.title},
                   {"labels", issue.expected}});
  std::cout << to_text(all) << "\n";
}

void serve(const Options& options) {
  boost::asio::io_context context;
  const SystemClock clock;
  AsioLoop loop(context, clock);
  forge::Forge served(context, loop, clock);
  served.git_root = options.git;
  served.state.settings.max_response_items = options.max_response_items;
  if (options.seed) {
    forge::seed(served.state);
    if (!options.git.empty()) forge::seed_git(served.state, options.git);
  } else {
    served.state.add_user(forge::kSampleUser);
  }
  if (!options.token_file.empty())
    served.state.add_token(token_in(options.token_file), forge::kSampleUser);
  if (options.latency_ms > 0)
    served.faults.add(forge::Fault::late(std::chrono::milliseconds(options.latency_ms))
                          .repeat(std::numeric_limits<int>::max()));
  if (!options.quiet)
    served.set_observer([](const forge::Logged& entry) {
      std::cerr << entry.status << " " << entry.method << " " << entry.target << std::endl;
    });
  std::cout << served.listen(options.port) << "\n" << options.token_file << std::endl;
  boost::asio::signal_set signals(context, SIGINT, SIGTERM);
  signals.async_wait([&](auto, int) { context.stop(); });
  context.run();
}

}  // namespace

int main(int argc, char** argv) {
  namespace po = boost::program_options;
  try {
    Options options;
    const auto all = describe(options);
    po::variables_map given;
    po::store(po::parse_command_line(argc, argv, all), given);
    po::notify(given);
    if (options.help) {
      std::cout << all;
    } else if (options.list_sample) {
      list_sample();
    } else {
      serve(options);
    }
    return 0;
  } catch (const po::error& wrong) {
    std::cerr << "timmy-forge: " << wrong.what() << "\n";
    return exit_status(Code::usage);
  } catch (...) {
    const auto error = current_error();
    std::cerr << "timmy-forge: " << error.what() << "\n";
    return exit_status(error.code());
  }
}
