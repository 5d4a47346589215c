// SPDX-License-Identifier: Apache-2.0
#include "workspaces/import.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/bounded_process.hpp"
#include "base/error.hpp"
#include "base/failpoint.hpp"
#include "workspaces/import_bundle.hpp"
#include "workspaces/import_checks.hpp"
#include "workspaces/import_messages.hpp"
#include "workspaces/import_origin.hpp"
#include "workspaces/import_quarantine.hpp"

namespace host::workspaces {
namespace {

// The bundle, open, with its size checked.
Fd open_bundle(const ImportRequest& request) {
  const auto& path = request.bundle;
  Fd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
  if (!file) throw system_error("opening \"" + path.string() + "\"");
  struct stat info {};
  if (::fstat(file.get(), &info) != 0 || !S_ISREG(info.st_mode))
    throw Error(Code::invalid, "\"" + path.string() + "\" is no regular file");
  const auto most = request.rules.limits.bundle_bytes;
  if (static_cast<std::uint64_t>(info.st_size) > most)
    throw Error(Code::too_large,
                fmt::format("the bundle is {} bytes, and {} are the most", info.st_size, most),
                "Leave built files and data out of the commits.");
  return file;
}

BundleHeader read_header(const Fd& file) {
  std::string bytes(kBundleHeader, '\0');
  const auto got = ::pread(file.get(), bytes.data(), bytes.size(), 0);
  if (got < 0) throw system_error("reading a bundle");
  bytes.resize(static_cast<std::size_t>(got));
  return parse_bundle_header(bytes);
}

void check_header(const Mirror& mirror, const BundleHeader& header, const ImportRequest& request) {
  if (header.objects > request.rules.limits.objects)
    throw Error(Code::too_large,
                fmt::format("the bundle says that it has {} objects, and {} are the most",
                            header.objects, request.rules.limits.objects));
  for (const auto& each : header.prerequisites)
    if (!mirror.is_ancestor(each, request.base))
      throw Error(Code::invalid,
                  fmt::format("the bundle builds on {}, which is not behind the base {}",
                              each.text(), request.base.text()),
                  "Work on the clone's own branch, and merge nothing but it.");
}

// A tag, a tree or an object that is here already is no work.
void check_head(const NewObjects& objects, const ObjectId& head) {
  const auto object = objects.find(head.text());
  if (object == objects.end() || object->second.type != "commit" || object->second.completes)
    throw Error(Code::invalid,
                fmt::format("{} is no commit that came with the bundle", head.text()));
}

// Writes what `head` needs beyond `base` into the mirror as one pack, and nothing else that the
// agent put into its own.
void keep_objects(const Quarantine& quarantine, const ObjectId& head, const ObjectId& base) {
  const auto& mirror = quarantine.mirror();
  const auto input = memory_file(head.text() + "\n^" + base.text() + "\n");
  auto pack = quarantine.command({"pack-objects", "--revs", "--quiet", "--delta-base-offset",
                                  (mirror.git_dir() / "objects" / "pack" / "pack").string()});
  pack.input = input.get();
  (void)quarantine.must(pack, "taking in the work's objects");
}

// What the branch's ref is, to move it from there. Work that goes on from what is there takes
// nobody's place, whatever was expected: a host that ended before it could note an import has that
// come again.
std::optional<ObjectId> check_expected(const Quarantine& quarantine, const ImportRequest& request,
                                       const ObjectId& head) {
  const auto there = quarantine.mirror().work_head(request.branch);
  if (there == request.expected) return there;
  if (there) {
    const auto goes_on =
        quarantine.command({"merge-base", "--is-ancestor", there->text(), head.text()});
    if (quarantine.run(goes_on).status == 0) return there;
  }
  const auto shown = [](const std::optional<ObjectId>& id) { return id ? id->text() : "nothing"; };
  throw Error(Code::conflict,
              fmt::format("the work on {} is at {}, and this one goes on from {}", request.branch,
                          shown(there), shown(request.expected)),
              "Another playbook works on the same issue: let one of them have it.");
}

// Nobody else holds the lock: what fails here is the disk's, unless a person was at the mirror.
void move_ref(const Mirror& mirror, const MirrorLock& held, const std::string& branch,
              const std::optional<ObjectId>& from, const ObjectId& head) {
  auto update = mirror.command({"update-ref", "--no-deref", Mirror::work_ref(branch), head.text(),
                                from ? from->text() : std::string(40, '0')});
  update.held = held.fd();
  const auto ending = mirror.git().run(update);
  if (ending.status == 0) return;
  if (mirror.work_head(branch) != from)
    throw Error(Code::conflict, fmt::format("the work on {} was moved meanwhile", branch),
                "Leave the mirror to the host.");
  throw Git::failure(update, ending, "taking in the work on " + branch);
}

}  // namespace

ImportResult import_work(const Mirror& mirror, const ImportRequest& request) {
  check_branch(request.branch, "the branch");
  const auto& limits = request.rules.limits;
  const auto file = open_bundle(request);
  const auto header = read_header(file);
  check_header(mirror, header, request);
  if (::lseek(file.get(), static_cast<off_t>(header.pack_at), SEEK_SET) < 0)
    throw system_error("reading a bundle");

  const auto lock = mirror.lock();
  const Quarantine quarantine(mirror, lock.fd(), limits.limit);
  quarantine.take(file.get(), limits.bundle_bytes);
  const auto objects = quarantine.objects(limits, header.objects);
  check_head(objects, header.head);
  const auto from = check_expected(quarantine, request, header.head);
  const auto commits = check_history(quarantine, objects, header.head, request.base, limits);
  check_origin(quarantine, objects, header.head, request.base, limits);
  ImportResult result{.head = header.head, .commits = commits.size()};
  const auto changes = changes_of(quarantine, commits, limits);
  check_changes(quarantine, changes, request.rules, result);
  check_messages(quarantine, commits, request.rules.closes, result);
  check_case(quarantine, changes, limits, result);
  if (!result.problems.empty()) return result;
  try {
    keep_objects(quarantine, header.head, request.base);
  } catch (const Error&) {
    mirror.remove_unfinished(lock);
    throw;
  }
  TIMMY_FAILPOINT("workspaces.objects_kept");
  move_ref(mirror, lock, request.branch, from, header.head);
  return result;
}

}  // namespace host::workspaces
