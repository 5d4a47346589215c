/* SPDX-License-Identifier: Apache-2.0
 *
 * Loaded before the C library (ld.so(8), LD_PRELOAD) of a host as it is installed: makes its system
 * calls fail while the test says so. TIMMY_TEST_FAULTS is a file, read at each call, of lines
 * "WHAT ERRNO" (numbers), where WHAT is
 *   disk    writes and changes of length of host.db and what belongs to it
 *   sync    their syncs
 *   spawn   processes that are started
 *   thread  threads that are started
 * A missing file, or a line that is missing, lets the call through.
 *
 * TIMMY_TEST_SYSTEMD is a program that is started in the place of systemctl and systemd-run, where
 * no systemd runs.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

/* By system calls of its own: what is replaced below must not be called from here. */
static int fault(const char* what) {
  char text[256];
  const char* path = getenv("TIMMY_TEST_FAULTS");
  if (path == NULL) return 0;
  const int kept = errno;
  const long file = syscall(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC);
  const long size = file < 0 ? -1 : syscall(SYS_read, file, text, sizeof(text) - 1);
  if (file >= 0) syscall(SYS_close, file);
  errno = kept;
  if (size < 0) return 0;
  text[size] = '\0';
  const char* line = strstr(text, what);
  return line == NULL ? 0 : atoi(line + strlen(what));
}

/* The errno that a change of this file fails with, or 0. */
static int file_fault(int file, const char* what) {
  char link[32];
  char path[4096];
  snprintf(link, sizeof(link), "/proc/self/fd/%d", file);
  const ssize_t size = readlink(link, path, sizeof(path) - 1);
  if (size <= 0) return 0;
  path[size] = '\0';
  const char* name = strrchr(path, '/');
  return name != NULL && strncmp(name, "/host.db", 8) == 0 ? fault(what) : 0;
}

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

#define ON_FILE(what, type, name, parameters, ...) \
  type name parameters {                           \
    const int error = file_fault(file, what);      \
    if (error != 0) {                              \
      errno = error;                               \
      return -1;                                   \
    }                                              \
    return REAL(name)(__VA_ARGS__);                \
  }

ON_FILE("disk", ssize_t, write, (int file, const void* data, size_t size), file, data, size)
ON_FILE("disk", ssize_t, pwrite, (int file, const void* data, size_t size, off_t at), file, data, size, at)
ON_FILE("disk", ssize_t, pwrite64, (int file, const void* data, size_t size, off64_t at), file, data, size, at)
ON_FILE("disk", int, ftruncate, (int file, off_t size), file, size)
ON_FILE("disk", int, ftruncate64, (int file, off64_t size), file, size)
ON_FILE("sync", int, fdatasync, (int file), file)
ON_FILE("sync", int, fsync, (int file), file)

int posix_spawn(pid_t* pid, const char* path, const posix_spawn_file_actions_t* actions,
                const posix_spawnattr_t* attributes, char* const arguments[],
                char* const environment[]) {
  const int error = fault("spawn");
  const char* systemd = getenv("TIMMY_TEST_SYSTEMD");
  if (systemd != NULL &&
      (strcmp(path, "/usr/bin/systemctl") == 0 || strcmp(path, "/usr/bin/systemd-run") == 0))
    path = systemd;
  return error != 0 ? error
                    : REAL(posix_spawn)(pid, path, actions, attributes, arguments, environment);
}

int pthread_create(pthread_t* thread, const pthread_attr_t* attributes, void* (*start)(void*),
                   void* argument) {
  const int error = fault("thread");
  return error != 0 ? error : REAL(pthread_create)(thread, attributes, start, argument);
}
