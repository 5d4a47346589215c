// SPDX-License-Identifier: Apache-2.0
#include "plugins/manifest.hpp"
#include "timmy/abi.h"

namespace host {

constinit const AbiVersion kHostAbi{TIMMY_ABI_MAJOR, TIMMY_ABI_MINOR};

namespace {

std::string dotted(int major, int minor) {
  return std::to_string(major) + "." + std::to_string(minor);
}

}  // namespace

std::optional<std::string> version_refusal(const Abi& plugin, AbiVersion host_abi,
                                           std::string* fix) {
  const std::string built = dotted(plugin.major, plugin.minor);
  const std::string ours = dotted(host_abi.major, host_abi.minor);
  if (plugin.major < host_abi.major) {
    *fix = "Rebuild the plugin with SDK " + std::to_string(host_abi.major) +
           ".x, or install its newer version.";
    return "the plugin is too old: it was built for ABI " + built + ", this host speaks " + ours;
  }
  if (plugin.major > host_abi.major) {
    *fix = "Upgrade timmy-host, or rebuild the plugin with SDK " + std::to_string(host_abi.major) +
           ".x.";
    return "this host is too old: the plugin was built for ABI " + built + ", this host speaks " +
           ours;
  }
  if (plugin.minor <= host_abi.minor || plugin.minimum <= host_abi.minor) return std::nullopt;
  *fix = "Upgrade timmy-host; or rebuild the plugin with SDK " + ours +
         ", or, if it can do without what came later, with \"abi\": {\"minimum\": " +
         std::to_string(host_abi.minor) + "} in its manifest.json.";
  return "this host is too old: the plugin was built for ABI " + built + " and needs at least " +
         dotted(plugin.major, plugin.minimum) + ", this host speaks " + ours;
}

}  // namespace host
