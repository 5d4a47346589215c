// SPDX-License-Identifier: Apache-2.0
//
// What of a machine programs need to run at all: for every run to read, and nothing with a secret
// in it.
#pragma once

#include <array>

namespace host::runs::supervisor {

// Programs, libraries, and what they come with. On most systems all but the first are links.
inline constexpr std::array kProgramFolders = {"/usr",   "/bin",   "/sbin",  "/lib",
                                               "/lib32", "/lib64", "/libx32"};

// What programs look up: users by name, hosts, certificates, zones.
inline constexpr std::array kSettings = {
    "/etc/alternatives", "/etc/bash.bashrc",  "/etc/ca-certificates", "/etc/debian_version",
    "/etc/fonts",        "/etc/gai.conf",     "/etc/group",           "/etc/host.conf",
    "/etc/hosts",        "/etc/inputrc",      "/etc/java-17-openjdk", "/etc/ld.so.cache",
    "/etc/ld.so.conf",   "/etc/ld.so.conf.d", "/etc/localtime",       "/etc/lsb-release",
    "/etc/magic",        "/etc/mime.types",   "/etc/nsswitch.conf",   "/etc/os-release",
    "/etc/passwd",       "/etc/perl",         "/etc/pki/tls/certs",   "/etc/profile",
    "/etc/protocols",    "/etc/python3",      "/etc/resolv.conf",     "/etc/rpc",
    "/etc/services",     "/etc/shells",       "/etc/ssl/certs",       "/etc/ssl/openssl.cnf",
    "/etc/terminfo",     "/etc/timezone"};

// Of the kernel: how many processors there are.
inline constexpr std::array kKernelFolders = {"/sys/devices/system/cpu",
                                              "/sys/devices/system/node"};

inline constexpr std::array kDevices = {"/dev/null", "/dev/zero", "/dev/full", "/dev/random",
                                        "/dev/urandom"};

// Of /proc, where it is the whole machine's: nothing of other processes.
inline constexpr std::array kProcFiles = {"/proc/cpuinfo", "/proc/filesystems", "/proc/loadavg",
                                          "/proc/meminfo", "/proc/stat",        "/proc/sys/kernel",
                                          "/proc/sys/vm",  "/proc/uptime",      "/proc/version"};

}  // namespace host::runs::supervisor
