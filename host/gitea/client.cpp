// SPDX-License-Identifier: Apache-2.0
//
// The client itself; its calls are in accounts.cpp, repositories.cpp, issues.cpp, assignees.cpp,
// labels.cpp, comments.cpp, pulls.cpp, create_pull.cpp, merge.cpp, reviews.cpp and statuses.cpp.
#include "gitea/client.hpp"

#include "gitea/client_impl.hpp"

namespace host {

GiteaClient::Impl::Impl(HttpClient& http, Loop& loop, Log log)
    : transport(std::make_shared<Transport>(http, loop, std::move(log))) {}

GiteaClient::GiteaClient(HttpClient& http, Loop& loop, Log log, GiteaOptions options)
    : impl_(std::make_shared<Impl>(http, loop, std::move(log))) {
  impl_->self = impl_;
  impl_->transport->configure(options);
}

GiteaClient::~GiteaClient() = default;

void GiteaClient::configure(GiteaOptions options) {
  impl_->transport->configure(options);
  impl_->probes = std::make_shared<Probes>();
}

bool GiteaClient::available() const { return impl_->transport->available(); }
void GiteaClient::set_available_handler(std::function<void(bool)> handler) {
  impl_->transport->set_available_handler(std::move(handler));
}
void GiteaClient::set_waiting(bool waiting) { impl_->transport->set_waiting(waiting); }
bool GiteaClient::authorised() const { return impl_->transport->authorised(); }
void GiteaClient::set_renamed_handler(
    std::function<void(const RepoName&, const RepoName&)> handler) {
  impl_->transport->set_renamed_handler(std::move(handler));
}
GiteaStats GiteaClient::stats() const { return impl_->transport->stats(); }

}  // namespace host
