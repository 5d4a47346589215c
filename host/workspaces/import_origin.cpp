// SPDX-License-Identifier: Apache-2.0
#include "workspaces/import_origin.hpp"

#include <fmt/format.h>

#include <set>

#include "base/error.hpp"
#include "workspaces/import_lines.hpp"

namespace host::workspaces {
namespace {

using Names = std::set<std::string, std::less<>>;

bool came(const NewObjects& objects, std::string_view name) {
  const auto found = objects.find(std::string(name));
  return found != objects.end() && !found->second.completes;
}

// Calls each(name) for each object that the command prints, until it returns false.
template <class Each>
void each_name(const Quarantine& quarantine, std::vector<std::string> arguments, const Each& each) {
  auto list = quarantine.command(std::move(arguments));
  Lines lines;
  bool more = true;
  list.sink = [&](std::string_view piece) {
    lines.take(piece, [&](std::string_view line) { more = more && each(line.substr(0, 40)); });
    return more;
  };
  (void)quarantine.must(list, "looking where the work's objects are from");
}

// What the work needs or was made against, and did not bring.
Names not_brought(const Quarantine& quarantine, const NewObjects& objects, const ObjectId& head,
                  const ObjectId& base, const ImportLimits& limits) {
  Names names;
  for (const auto& [name, object] : objects)
    if (object.completes) names.insert(name);
  each_name(quarantine,
            {"rev-list", "--objects", "--no-object-names", head.text(), "^" + base.text()},
            [&](std::string_view name) {
              if (!came(objects, name)) names.emplace(name);
              return names.size() <= limits.objects;
            });
  if (names.size() > limits.objects)
    throw Error(Code::too_large, fmt::format("the work needs more than {} objects that did not "
                                             "come with it",
                                             limits.objects));
  return names;
}

}  // namespace

void check_origin(const Quarantine& quarantine, const NewObjects& objects, const ObjectId& head,
                  const ObjectId& base, const ImportLimits& limits) {
  auto names = not_brought(quarantine, objects, head, base, limits);
  const auto known = [&](std::string_view name) {
    if (const auto found = names.find(name); found != names.end()) names.erase(found);
    return !names.empty();
  };
  // Mostly they are of the base itself: all that lies behind it is a long list.
  if (!names.empty())
    each_name(quarantine,
              {"rev-list", "--objects", "--no-object-names", "--max-count=1", base.text()}, known);
  if (!names.empty())
    each_name(quarantine, {"rev-list", "--objects", "--no-object-names", base.text()}, known);
  if (!names.empty())
    throw Error(Code::invalid,
                fmt::format("object {} is neither new nor behind the base", *names.begin()),
                "Work on the clone's own branch, and merge nothing but it.");
}

}  // namespace host::workspaces
