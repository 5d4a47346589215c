// SPDX-License-Identifier: Apache-2.0
#include "app/forge_visit.hpp"

#include "base/log.hpp"
#include "base/process.hpp"
#include "base/redactor.hpp"

namespace host {

GiteaOptions gitea_options(const HostConfig& config) {
  GiteaOptions options;
  options.url = config.gitea.url;
  options.allow_plaintext = config.gitea.allow_plaintext;
  options.token_files = config.gitea.token_files;
  return options;
}

ForgeVisit::ForgeVisit(GiteaOptions options)
    : gitea_(http_, loop_, Log::to_stderr(Level::error, std::make_shared<Redactor>()),
             std::move(options)) {
  hide_process();
}

}  // namespace host
