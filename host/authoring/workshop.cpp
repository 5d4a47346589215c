// SPDX-License-Identifier: Apache-2.0
#include "authoring/workshop.hpp"

#include <boost/asio/io_context.hpp>
#include <cstdlib>
#include <utility>

#include "base/file.hpp"
#include "gitea/fake_gitea.hpp"
#include "http/fake_client.hpp"

namespace host {
namespace {

// Removed with all in it.
class Folder {
 public:
  Folder() {
    std::string name = (std::filesystem::temp_directory_path() / "timmy-try.XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) throw system_error("making the folder " + name);
    path_ = name;
  }
  ~Folder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  Folder(const Folder&) = delete;
  [[nodiscard]] const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

Paths paths_in(const std::filesystem::path& folder) {
  auto paths = Paths::from(Environment({{"HOME", (folder / "home").string()},
                                        {"TIMMY_HOME", (folder / "timmy").string()},
                                        {"HERMES_HOME", (folder / "hermes").string()}}));
  for (const auto& path : {paths.home, paths.timmy_home, paths.hermes_home, paths.stamps()})
    make_directories(path, 0700);
  return paths;
}

GiteaOptions gitea_of(const HostConfig& config) {
  GiteaOptions options;
  options.url = config.gitea.url;
  options.allow_plaintext = config.gitea.allow_plaintext;
  options.token_files = config.gitea.token_files;
  return options;
}

std::unique_ptr<Gitea> sample_forge(Loop& loop, bool up) {
  auto forge = std::make_unique<FakeGitea>(loop);
  forge->add_repo("org/app", {"bug", "question"});
  forge->add_issue("org/app", "It crashes at start", "Segmentation fault, every time.");
  forge->add_issue("org/app", "How do I configure it?");
  forge->set_available(up);
  return forge;
}

}  // namespace

class Workshop::Impl {
 public:
  explicit Impl(Network network)
      : paths_(paths_in(folder_.path())),
        http_(network == Network::real
                  ? std::unique_ptr<HttpClient>(std::make_unique<CurlClient>(context_, loop_))
                  : std::make_unique<FakeHttpClient>(loop_)),
        gitea_(sample_forge(loop_, network != Network::outage)),
        stage_(loop_, log_, {*gitea_, *http_, {}}) {}

  Impl(const LoadedConfig& host, const Paths& paths)
      : paths_(paths),
        http_(std::make_unique<CurlClient>(context_, loop_)),
        gitea_(std::make_unique<GiteaClient>(*http_, loop_, log_, gitea_of(host.config))),
        stage_(loop_, log_, {*gitea_, *http_, host.config.credentials}) {}

  [[nodiscard]] TrialGround ground() { return {context_, loop_, log_, stage_}; }
  [[nodiscard]] Stage& stage() { return stage_; }
  [[nodiscard]] const Paths& paths() const { return paths_; }
  [[nodiscard]] const std::filesystem::path& scratch() const { return folder_.path(); }

 private:
  Folder folder_;
  Paths paths_;
  boost::asio::io_context context_{1};
  SystemClock clock_;
  AsioLoop loop_{context_, clock_};
  // What pool and services say is in the outcomes, too.
  Log log_ = Log::to_memory(std::make_shared<std::vector<std::string>>());
  std::unique_ptr<HttpClient> http_;
  std::unique_ptr<Gitea> gitea_;
  Stage stage_;
};

Workshop::Workshop(Network network) : impl_(std::make_unique<Impl>(network)) {}
Workshop::Workshop(const LoadedConfig& host, const Paths& paths)
    : impl_(std::make_unique<Impl>(host, paths)) {}
Workshop::~Workshop() = default;
TrialGround Workshop::ground() { return impl_->ground(); }
Stage& Workshop::stage() { return impl_->stage(); }
const Paths& Workshop::paths() const { return impl_->paths(); }
const std::filesystem::path& Workshop::scratch() const { return impl_->scratch(); }

}  // namespace host
