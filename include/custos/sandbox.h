/* SPDX-License-Identifier: Apache-2.0 */
/* Sandbox: ways for a process to give up, for ever, what it does not need */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "custos/types.h"

/*
 * Each function stands alone and returns 0 or a negative errno unless said otherwise;
 * after an error part of it may have happened, so the caller must not go on. Call them
 * before the process has threads, in this order: isolate, set_ids (it makes a process
 * dumpable again where the sysctl suid_dumpable says so), harden, drop_caps,
 * no_new_privs, landlock, seccomp.
 */

/**
 * sandbox_isolate() - leave every path and network behind
 *
 * New network, mount, IPC and UTS namespaces; the root becomes an empty read-only
 * tmpfs (by way of /tmp, which must exist). Descriptors that are open stay usable.
 *
 * Context: CAP_SYS_ADMIN. Return: -EPERM without it, then nothing has changed.
 */
int sandbox_isolate(void);

/*
 * Not dumpable (no ptrace, no core file, /proc/self is root's), no memory that is
 * writable and then executable where the kernel can forbid it (6.3+). No privilege
 * needed.
 */
int sandbox_harden_process(void);

/**
 * sandbox_lock_memory() - keep every page of this process out of the swap, from its first use on
 *
 * A process that must answer does not wait for a disk then, and bytes of files do not reach one. Not inherited
 * by what is cloned. mlockall(2) with MCL_ONFAULT, Linux 4.4.
 *
 * Context: sandbox_may_lock_memory() said so: with a limit, mmap(2) would fail once it is reached.
 */
int sandbox_lock_memory(void);
bool sandbox_may_lock_memory(void);

/* Private writable memory, threads' stacks included, that this process may have: beyond, malloc(3) returns NULL.
 * Of one that has more already. Context: lowers its own RLIMIT_DATA; no privilege needed. */
int sandbox_limit_memory(uint64_t bytes);

/* Become @uid and @gid without supplementary groups. Permitted capabilities are kept
 * until sandbox_drop_caps(). Context: CAP_SETUID and CAP_SETGID. */
int sandbox_set_ids(uid_t uid, gid_t gid);

/**
 * sandbox_drop_caps() - keep these capabilities only
 * @keep_mask: bits 1 << CAP_..., they become permitted and effective
 *
 * Ambient and inheritable sets become empty. The bounding set is cut down to the mask
 * as well when CAP_SETPCAP is held; without it, it stays, and sandbox_no_new_privs()
 * makes it void.
 *
 * Return: -EPERM when @keep_mask names one that is not permitted.
 */
int sandbox_drop_caps(uint64_t keep_mask);

int sandbox_no_new_privs(void);

/**
 * sandbox_landlock() - no path may be opened, changed, made or executed any more
 *
 * Handles every right of the running ABI and allows none: file systems, TCP
 * (ABI 4), abstract sockets and signals to processes outside (ABI 6). Not
 * READ_FILE: the kernel opens the files of fanotify events with the rights of the
 * group's reader, who would get no event then. Keep paths away by other means
 * (sandbox_isolate(), seccomp).
 *
 * @reads_events: nor TRUNCATE and IOCTL_DEV. The kernel decides about them when a file is
 *                opened, by a walk from the file up to the root, for each event: 0.4 us on
 *                tmpfs, more the deeper. The caller's seccomp filter must refuse truncate(2),
 *                ftruncate(2) and ioctl(2).
 *
 * Context: after sandbox_no_new_privs(). Holds for the calling thread and what it
 * clones. Return: the ABI used, 0 when the kernel has no Landlock, or a negative errno.
 */
int sandbox_landlock(bool reads_events);

/* A call allowed only with this value in its argument number @arg (from 0; the lower 32 bits). Several
 * of one call are alternatives. */
struct sandbox_call {
	int number;
	unsigned arg;
	uint32_t value;
};

/**
 * sandbox_seccomp() - allow these system calls only
 * @syscalls: numbers as SCMP_SYS() gives them; those the machine does not have are
 * skipped
 * @limited:  @n_limited more that depend on an argument; none of them in @syscalls
 *
 * Any other call fails with EPERM; a call of another architecture kills the process.
 * Covers all threads. Sets no_new_privs.
 */
int sandbox_seccomp(const int *syscalls, size_t n, const struct sandbox_call *limited,
                    size_t n_limited);
