/* SPDX-License-Identifier: Apache-2.0 */
/*
 * custos-scanner: the sealed pair, outposts and their gates
 *
 * Owns: the order of start-up. Must not own: anything that outlives it; keeper_run() never returns.
 *
 * Started by custosd with its descriptors at fixed numbers (daemon/shared.h); not meant to be run by
 * hand. Reads as a list: check, occupy the descriptor table, load libraries, seal, serve.
 */
#include <errno.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "custos/archive.h"
#include "custos/engine.h"
#include "custos/sandbox.h"
#include "custos/shm.h"

#include "daemon/keeper/keeper.h"
#include "daemon/outpost/outpost.h"

#define GENERATION_PIECE_BYTES (128 << 10) /* and larger ones go back to the kernel when they are freed */

static int fail(const char *what, int r)
{
	(void)fprintf(stderr, "custos-scanner: %s: %s\n", what, strerror(-r));
	return 1;
}

static bool parse_id(const char *text, unsigned *ret)
{
	char *end;
	unsigned long v = strtoul(text, &end, 10);

	if (end == text || *end != '\0' || v >= UINT32_MAX)
		return false;
	*ret = (unsigned)v;
	return true;
}

static int map_shared(struct keeper *k)
{
	struct stat st;
	int r;

	if (fstat(FD_SHARED, &st) < 0)
		return -errno;
	if ((size_t)st.st_size < SHARED_CACHE_START + cache_bytes(0))
		return -EPROTO;
	r = shm_map(FD_SHARED, (size_t)st.st_size, (void **)&k->shared);
	if (r == 0)
		shared_cache(k->shared, (size_t)st.st_size, &k->cache);
	return r;
}

/* The same program for what watches a file system apart (daemon/outpost.h). Returns when it is not asked for. */
static void be_outpost(int argc, char **argv)
{
	unsigned uid, gid, place, mark;

	if (argc < 4 || !parse_id(argv[2], &uid) || !parse_id(argv[3], &gid))
		return;
	if (argc == 4 && strcmp(argv[1], "gate") == 0)
		gate_main(uid, gid);
	if (argc == 6 && strcmp(argv[1], "outpost") == 0 && parse_id(argv[4], &place) &&
	    parse_id(argv[5], &mark))
		outpost_main(uid, gid, place, mark);
}

int main(int argc, char **argv)
{
	static struct keeper keeper;
	unsigned uid, gid;
	int r;

	if (argc == 2 && strcmp(argv[1], "--version") == 0) {
		(void)printf("custos-scanner %s\n", CUSTOS_VERSION);
		return 0;
	}
	be_outpost(argc, argv);
	if (argc != 3 || !parse_id(argv[1], &uid) || !parse_id(argv[2], &gid)) {
		(void)fputs("custos-scanner is started by custosd, which passes UID, GID and "
		            "descriptors.\n", stderr);
		return 2;
	}
	(void)prctl(PR_SET_NAME, "custos-keeper");
	r = map_shared(&keeper);
	if (r < 0)
		return fail("shared memory", r);
	if (keeper.shared->layout != SHARED_LAYOUT)
		return fail("shared memory of another version of custosd", -EPROTO);
	r = keeper_descriptors(&keeper);
	if (r < 0)
		return fail("descriptor table", r);
	/* Or the C library, once it has seen a large piece freed, keeps those of the next generations in its heap,
	 * between others that stay: it grew by all rules with each reload. */
	(void)mallopt(M_MMAP_THRESHOLD, GENERATION_PIECE_BYTES);
	r = engine_global_init();
	if (r < 0)
		return fail("engine", r);
	r = arc_global_init();
	if (r < 0)
		return fail("libarchive", r);
	keeper.locks_memory = sandbox_may_lock_memory();
	keeper_lock_memory(&keeper);
	r = keeper_seal(uid, gid);
	if (r < 0)
		return fail("seal", r);
	keeper_anchor(&keeper);
	keeper_run(&keeper);
}
