// SPDX-License-Identifier: Apache-2.0
#include "outage.hpp"

namespace heartbeat {
namespace {

// The instant of the first failure in a row, which this may be. Kept at once: the run is about to
// fail, and what it puts with its completion would be lost.
std::string failing_since(timmy::Context& ctx, const std::string& key) {
  const std::string now = timmy::format_time(ctx.now());
  try {
    if (const auto known = ctx.state().get(key)) return known->at("since").get<std::string>();
    ctx.state().put_now(key, {{"since", now}});
  } catch (const timmy::Cancelled&) {
    throw;
  } catch (const std::exception& error) {
    // The check's own failure is the one to report.
    ctx.log.warn("since when it fails could not be kept: ", error.what());
  }
  return now;
}

void recovered(timmy::Context& ctx, const std::string& key, const std::string& name) {
  const auto known = ctx.state().get(key);
  if (!known) return;
  ctx.log.info(name, " passes again; it had failed since ", known->at("since").get<std::string>());
  ctx.state().put(key, nullptr);
}

}  // namespace

timmy::Json watch(timmy::Context& ctx, const std::string& name, const std::string& what,
                  const std::function<timmy::Json()>& check) {
  const std::string key = "failing/" + name;
  const auto text = [&](const std::exception& error) {
    return what + " since " + failing_since(ctx, key) + ": " + error.what();
  };
  try {
    timmy::Json result = check();
    recovered(ctx, key, name);
    return result;
  } catch (const timmy::Cancelled&) {
    throw;
  } catch (const timmy::Permanent& failure) {
    throw timmy::Permanent(failure.code(), text(failure));
  } catch (const timmy::Failure& failure) {
    throw timmy::Retryable(failure.code(), text(failure), failure.delay());
  } catch (const timmy::Json::exception& error) {
    throw timmy::Retryable("bad_reply", text(error));
  }
}

}  // namespace heartbeat
