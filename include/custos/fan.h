/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The fanotify calls
 *
 * A group asks the kernel to report opens; a permission event holds the opener until
 * somebody writes a response that names the event's descriptor by number. Rules that
 * every user of this header must keep: one process (or one shared descriptor table)
 * reads a group; respond first, close the event's descriptor after; a group whose last
 * descriptor goes lets every waiting opener through.
 *
 * Synchronisation: every function may run in any thread at any time; the kernel
 * serialises. The group descriptor is borrowed by all of them.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/fanotify.h>

#include "custos/types.h"

/* Newer than the oldest kernel headers we build against. */
#ifndef FAN_REPORT_FD_ERROR
#define FAN_REPORT_FD_ERROR 0x00002000 /* Linux 6.13, 6.12.4, 6.6.66 */
#endif
#ifndef FAN_MARK_EVICTABLE
#define FAN_MARK_EVICTABLE 0x00000200 /* Linux 5.19, 5.15.154, 5.10.220 */
#endif
#ifndef FAN_MARK_IGNORE
#define FAN_MARK_IGNORE 0x00000400 /* Linux 6.0, 5.15.154, 5.10.220 */
#endif

/* What fan_mark_filesystem() asks for. CLOSE_WRITE holds nobody: no response. */
#define FAN_MASK_HOLD  (FAN_OPEN_PERM | FAN_OPEN_EXEC_PERM)
#define FAN_MASK_WATCH (FAN_MASK_HOLD | FAN_CLOSE_WRITE)

/*
 * One event a read(2): a buffer for exactly one. A second one in the same buffer would
 * wait while the first is looked at. Groups of fan_group_new() have no info records.
 */
#define FAN_EVENT_BYTES sizeof(struct fanotify_event_metadata)

/* The kernel's own MAX_ERRNO: a descriptor field below is not an errno. */
#define FAN_ERRNO_MAX 4095

struct fan_event {
	uint64_t mask; /* FAN_OPEN_PERM, ...; may hold several bits */
	int fd;        /* >= 0: open file, owned by the reader; else negative errno */
	int pid;       /* thread group of the opener; 0 = outside our pid namespace */
};

/* Events were lost (never with FAN_UNLIMITED_QUEUE): there is no file and no opener. */
static inline bool fan_event_is_overflow(const struct fan_event *event)
{
	return event->mask & FAN_Q_OVERFLOW;
}

/*
 * Somebody waits for fan_respond(). When the kernel could not open the file (fd < 0) it
 * has refused the opener itself and there is nothing to answer.
 */
static inline bool fan_event_is_held(const struct fan_event *event)
{
	return event->fd >= 0 && event->mask & FAN_MASK_HOLD;
}

/**
 * fan_group_new() - a group that can hold opens back
 * @ret_fd_error: set on success: the kernel puts an errno in an event whose file it
 *                could not open (FAN_REPORT_FD_ERROR); else read(2) fails with it.
 *                May be NULL
 *
 * The queue and the number of marks are unlimited (a full limited queue lets opens
 * through unseen); the group and the files of its events are non-blocking (a lease on a
 * file must not hold the reader), close-on-exec and do not change access times.
 * Linux 2.6.37; FAN_REPORT_FD_ERROR is used where it exists.
 *
 * Context: needs CAP_SYS_ADMIN in the initial user namespace. Does not block.
 * Return: a descriptor owned by the caller; -EPERM; -ENOSYS without CONFIG_FANOTIFY;
 *         -EMFILE or another negative errno.
 */
int fan_group_new(bool *ret_fd_error);

/**
 * fan_mark_filesystem() - hold opens and execs of a whole file system, by any mount
 * @group:      group, borrowed
 * @dirfd:      directory @path starts from, or AT_FDCWD; may be O_PATH
 * @path:       any file of it; a trailing symbolic link is followed
 *
 * FAN_MASK_WATCH on the superblock of @path. Linux 5.0.
 * Context: needs CAP_SYS_ADMIN; walks a path, so it may block on a dead server.
 * Return: 0; -EINVAL when the kernel cannot hold opens (no
 *         CONFIG_FANOTIFY_ACCESS_PERMISSIONS) or not on this file system (proc);
 *         or another negative errno.
 */
int fan_mark_filesystem(int group, int dirfd, const char *path);

/**
 * fan_unmark_filesystem() - take the mark of fan_mark_filesystem() away
 *
 * Openers that wait already go on waiting for their response. Linux 5.0.
 * Context: as fan_mark_filesystem().
 * Return: 0; -ENOENT when there was no mark; or another negative errno.
 */
int fan_unmark_filesystem(int group, int dirfd, const char *path);

/**
 * fan_ignore_mount() - do not hold opens made through the mount @path lies on
 *
 * For the mounts of a namespace of one's own, so that a reader does not wait for
 * itself. Closes after writing are still reported. Survives modification.
 * FAN_MARK_IGNORE needs Linux 6.0 (5.15.154, 5.10.220); below, FAN_MARK_IGNORED_MASK
 * does the same for a mount.
 *
 * Context: as fan_mark_filesystem().
 * Return: 0 or a negative errno.
 */
int fan_ignore_mount(int group, int dirfd, const char *path);

/**
 * fan_ignore_file() - do not hold opens of one file any more, by whatever name or mount
 * @fd: open file, borrowed
 *
 * Nor opens for writing! The kernel ends it when a write(2) is complete, but not for stores through a
 * mapping and others (fanotify.md section 2): the caller must see to it that nobody writes.
 * While somebody has the file open for writing it returns 0 and does nothing.
 *
 * Context: 1 us; the right to read the file. Linux 6.0, 5.15.154, 5.10.220.
 * Return: 0, -EACCES, -EINVAL on an older kernel, or another negative errno.
 */
int fan_ignore_file(int group, int fd);

/**
 * fan_empty_file() - hold them again
 *
 * The mark stays, empty, until the kernel drops the inode: an open that meets a mark being deleted passes unasked,
 * whatever other marks say (fsnotify_prepare_user_wait() in the kernel's fs/notify/mark.c; seen in 3 of 1,000
 * races, docs/adr/0018).
 *
 * Context: 2 us. Return: 0, -ENOENT if it was not ignored, or another negative errno.
 */
int fan_empty_file(int group, int fd);

/* The same for all files, but deletes their marks: what they hold should still be what they held while they were
 * ignored. Context: 1 us for each that was ignored; whoever holds the group. */
int fan_unignore_files(int group);

/* The flags it passes, for whoever filters system calls. */
#define FAN_FLAGS_UNIGNORE_FILES FAN_MARK_FLUSH

/**
 * fan_guard_new() - a group that is asked before those of fan_group_new()
 *
 * While a file is guarded its opens wait before any other group has been looked at: what is done to the marks of the
 * others meanwhile, each open that began after fan_guard_file() either meets as a whole or not at all. The kernel
 * asks groups of a higher class first, and reads a group's marks when it comes to that group (fs/notify/fsnotify.c).
 *
 * Context: as fan_group_new(). A guard whose last descriptor goes lets everybody go on.
 * Return: a descriptor owned by the caller, or a negative errno.
 */
int fan_guard_new(void);

/* Guard the file open at @fd. Context: 1 us. Return: 0 or a negative errno. */
int fan_guard_file(int guard, int fd);

/**
 * fan_guard_release() - let those who wait go on to the other groups
 * @fd: as for fan_guard_file(); -1: all files that are guarded
 *
 * An open that meets the guard's own mark being deleted goes on to the others as well.
 * Context: 1 us, and 2 us for each that waited. One thread at a time.
 */
void fan_guard_release(int guard, int fd);

/**
 * fan_news_new() - a group that holds nobody: it is told afterwards
 *
 * For fan_mark_news(). The queue is the kernel's usual one (fs.fanotify.max_queued_events, 16384): beyond, one event with
 * fan_event_is_overflow() stands for those that were lost. An event's file that cannot be opened has an errno for a
 * descriptor (Linux 6.13, 6.12.4, 6.6.66), or read(2) fails with it.
 *
 * Context: as fan_group_new(). Return: a descriptor owned by the caller, or a negative errno.
 */
int fan_news_new(void);

/* Tell @group of opens and of closes after writing, on the whole file system of @path. As fan_mark_filesystem(). */
int fan_mark_news(int group, int dirfd, const char *path);

/* The same for a group of fan_group_new(): hold opens, and tell of nothing else. */
int fan_mark_held(int group, int dirfd, const char *path);

/**
 * fan_note_filesystem() - a mark on the file system of @path that asks for nothing and tells of nothing
 *
 * It goes with the file system, and fdinfo of a group that has no other marks tells at once whether it is there: of one that
 * has, the kernel writes a line for each file (300,000: 2.3 s). As fan_mark_filesystem(); a group of fan_news_new() will do.
 */
int fan_note_filesystem(int group, int dirfd, const char *path);

/**
 * fan_hold_file() - hold opens of the one file open at @fd, by whatever name or mount
 *
 * The mark keeps the inode in memory, but no file system busy. Context: the right to read the file; a network or
 * FUSE file system may be asked about that. Return: 0 or a negative errno.
 */
int fan_hold_file(int group, int fd);

/* Do not tell the group of fan_news_new() of opens of the file at @fd until somebody here writes to it, or the kernel
 * forgets the inode. Context and return: as fan_hold_file(). */
int fan_quiet_file(int group, int fd);

/* The flags the last two pass. */
#define FAN_FLAGS_HOLD_FILE  FAN_MARK_ADD
#define FAN_FLAGS_QUIET_FILE (FAN_MARK_ADD | FAN_MARK_IGNORE | FAN_MARK_EVICTABLE)

/* How many events wait to be read. Of groups without info records. Return: a number, or a negative errno. */
int fan_queued(int group);

/**
 * fan_flush() - take all marks of @group away: inodes, mounts and file systems
 *
 * Linux 4.20 (file systems). Openers that wait already go on waiting.
 * Context: takes 0.4 to 1 us for each mark.
 * Return: 0, or the first negative errno (the other kinds are tried all the same).
 */
int fan_flush(int group);

/**
 * fan_parse() - read one event
 * @buf:        what read(2) put there, borrowed; needs no alignment
 * @len:        what read(2) returned, bytes
 * @ret:        set on success only; owner of @ret->fd is then the caller
 *
 * Pure: looks at nothing but @buf. Info records after the event are skipped.
 * Return: 0; -EPROTO for another version of the interface; -EBADMSG when @buf is not
 *         exactly one whole event.
 */
int fan_parse(const void *buf, size_t len, struct fan_event *ret);

/**
 * fan_respond() - let the opener behind event descriptor @fd go, or fail with EPERM
 * @group:      group, borrowed
 * @fd:         number of the event's descriptor; it need not be open in this process
 *
 * The kernel matches by number alone, oldest first: close @fd only afterwards.
 * Context: hot path: one write(2), no allocation, never blocks. Linux 2.6.37.
 * Return: 0; -ENOENT when nobody waits under that number; or another negative errno.
 */
int fan_respond(int group, int fd, bool allow);

#define FAN_PROBE_WHY_BYTES 256 /* the longest sentence fits */

/**
 * fan_probe() - can this process, on this kernel, really refuse an open?
 * @why:        set on failure: a full sentence for the administrator, NUL-terminated
 * @why_size:   size of @why, bytes; FAN_PROBE_WHY_BYTES is enough
 *
 * Tries it: a child marks a tmpfs that nobody else can reach, opens a file there,
 * answers no and looks whether the open failed. Linux 5.2 (detached mounts).
 * Context: start-up, forks twice, takes milliseconds and at most 5 seconds whatever
 *          happens; not while other threads of the process may wait for a child.
 * Return: 0 if an open can be refused; -EPERM (capability, user namespace), -ENOSYS
 *         (no fanotify), -EINVAL (no permission events), -ENOTSUP (accepted, but the
 *         refused open succeeded), -ETIMEDOUT, or another negative errno.
 */
int fan_probe(char *why, size_t why_size);

/**
 * fan_probe_layers() - does a marked file system see opens through overlays on top of it?
 * @ret_seen: set on success
 *
 * Linux 6.5. Where it does, an overlay must not be marked besides its layers: one reader would wait
 * for itself; where it does not, it must be. Tries it on a tmpfs that nobody else can reach.
 * Context: as fan_probe(); leaves the namespace of the caller as it is.
 * Return: 0; -ENODEV where the kernel has no overlayfs now (its module is not loaded for this);
 *         -ETIMEDOUT, -EPERM or another negative errno: cannot tell.
 */
int fan_probe_layers(bool *ret_seen);
