// SPDX-License-Identifier: Apache-2.0
#include "dispatch/agent_probe.hpp"

#include "base/error.hpp"

namespace host::dispatch {
namespace {

using Kind = runs::RunEnding::Kind;

constexpr std::size_t kMostAnswer = 64 * 1024;
constexpr int kSignalled = 128;

ProbeAnswer ask(ItemCages& cages, const AgentLaunch& launch) {
  runs::RunSpec spec;
  spec.id = cages.next_id();
  spec.arguments = launch.arguments;
  spec.environment = launch.environment;
  // What is asked has no clone: it stands in its own scratch.
  spec.environment.erase("HOME");
  spec.environment.erase("TMPDIR");
  spec.readable = launch.readable;
  spec.limits.wall = std::chrono::minutes(1);
  spec.limits.memory = std::uint64_t{2} << 30;
  spec.limits.processes = 256;
  spec.limits.output_most = 16 << 20;
  ProbeAnswer answer;
  const auto ending = cages.run(std::move(spec), [&](std::string_view piece) {
    answer.output.append(piece.substr(0, kMostAnswer - answer.output.size()));
    return answer.output.size() < kMostAnswer;
  });
  answer.ran = ending.kind == Kind::exited || ending.kind == Kind::signalled;
  answer.status = ending.kind == Kind::signalled ? kSignalled + ending.number : ending.number;
  if (!answer.ran) answer.output = ending.evidence;
  return answer;
}

}  // namespace

AgentProbe caged_probe(std::shared_ptr<ItemCages> cages) {
  return [cages = std::move(cages)](const AgentLaunch& launch) { return ask(*cages, launch); };
}

}  // namespace host::dispatch
