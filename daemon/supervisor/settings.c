/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Settings
 *
 * Owns: how many threads, how large a file, how much memory. Must not own: where they come from (conf, policy).
 */
#include "daemon/supervisor/settings.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#define MIB           (UINT64_C(1) << 20)
#define THREAD_BYTES  (2 * MIB)   /* stack and the like, of what has an engine */
#define ROOM_BYTES    (24 * MIB)  /* all else, in a scanner that has nothing to do; 5 measured, with small rules */
#define PAYLOAD_BYTES (49 * MIB)  /* as payload_room() says of the default */
#define SCAN_BYTES    (256 * MIB) /* of one scan, beyond the file itself: no honest file and rule come near */

static unsigned cpus(void)
{
	long n = sysconf(_SC_NPROCESSORS_ONLN);

	return n < 1 ? 1 : (unsigned)n;
}

static uint64_t largest(const struct conf *c, const struct policy *p)
{
	uint64_t bytes = c->max_file_size_bytes;

	for (size_t i = 0; i < policy_n_lines(p); i++)
		bytes = MAX(bytes, policy_line(p, i)->max_size_bytes);
	return bytes;
}

/* Readers judge files, too. */
static unsigned n_engines(const struct settings *s)
{
	return s->n_workers + s->n_readers;
}

static uint64_t payload_bytes(const struct settings *s)
{
	return s->payloads ? PAYLOAD_BYTES : 0;
}

/* What a scanner sets aside when it starts: rules, for each engine a buffer for the largest file that is held, and for each worker
 * room for what is in archives. It is a copy of the keeper, so it has the rules in force and those that are next. */
static uint64_t memory_needed(const struct settings *s, uint64_t rules_bytes)
{
	return 2 * rules_bytes + n_engines(s) * (s->whole_bytes + THREAD_BYTES) +
	       s->n_workers * (s->archives.n_bytes + payload_bytes(s) + THREAD_BYTES) + ROOM_BYTES;
}

static uint64_t size_of(int fd)
{
	struct stat st;

	return fd >= 0 && fstat(fd, &st) == 0 ? (uint64_t)st.st_size : 0;
}

int settings_make(const struct conf *c, const struct policy *p, int image_fd, int bulk_fd, struct settings *ret,
                  char why[SETTINGS_WHY_BYTES])
{
	uint64_t needed;

	/* At least two workers by default: one may be busy with a large file. */
	*ret = (struct settings){
		.max_file_size_bytes = c->max_file_size_bytes,
		.largest_bytes = largest(c, p),
		.whole_bytes = MIN(largest(c, p), c->whole_file_bytes),
		.timeout = c->timeout,
		.n_held_files = c->n_held_files,
		.rescue = c->rescue,
		.archives_on_demand = c->archives_on_demand,
		.archives = c->archives,
		.payloads = c->payloads,
		.n_workers = MIN(c->n_workers ? c->n_workers : MAX(cpus(), 2U), (unsigned)WORKERS_MAX),
		.n_readers = MIN(MAX(cpus(), 2U), (unsigned)READERS_MAX),
	};
	needed = memory_needed(ret, size_of(image_fd) + size_of(bulk_fd));
	ret->scanner_memory_bytes = c->scanner_memory_bytes ?: needed + n_engines(ret) * SCAN_BYTES;
	if (ret->scanner_memory_bytes >= needed)
		return 0;
	(void)snprintf(why, SETTINGS_WHY_BYTES, "ScannerMemory=: %" PRIu64 " MiB are less than a scanner starts with: "
	               "%u threads, each with files of up to %" PRIu64 " MiB, %" PRIu64 " MiB of archives for %u of them, and these "
	               "rules want %" PRIu64 " MiB",
	               ret->scanner_memory_bytes / MIB, n_engines(ret), ret->whole_bytes / MIB,
	               ret->archives.n_bytes / MIB, ret->n_workers,
	               (needed + MIB - 1) / MIB);
	return -EINVAL;
}
