/* SPDX-License-Identifier: Apache-2.0 */
/* Races: every way a clean file becomes a malicious one in place, one changer each */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define RACE_BLOCK    4096 /* what O_DIRECT, clones and fallocate work in */
#define RACE_MAX_FILE (4 * RACE_BLOCK)
#define RACE_PATH     512
#define RACE_MARK     "custos-system-test-race-mark" /* of the test's YARA rule */

/* What a file holds before and after its change. Clean content differs every round. */
enum content {
	CONTENT_EICAR,    /* 68 bytes, EICAR afterwards */
	CONTENT_LISTED,   /* two blocks; afterwards the first listed content */
	CONTENT_LONG,     /* the listed one and a tail: to be cut */
	CONTENT_SHORT,    /* the second listed one without all of its zeros: to be extended */
	CONTENT_HOLE,     /* its zeros are something else: to be zeroed */
	CONTENT_COLLAPSE, /* a block before the listed one: to be taken out */
	CONTENT_INSERT,   /* what the YARA rule wants one block further down */
	CONTENT_HALF,     /* only the first block is not as listed */
	CONTENT_MAX,
};

/* The clean content number @serial into @buf (RACE_MAX_FILE). Return its length. */
size_t content_clean(enum content kind, uint64_t serial, uint8_t *buf);
/* What @kind becomes; CONTENT_INSERT has no such one. Return its length. */
size_t content_evil(enum content kind, uint8_t *buf);
/* Whether these @n bytes are malicious to the rules of the test. */
bool content_is_evil(enum content kind, const uint8_t *buf, size_t n);

/* One file under attack. What a changer holds on to lies here until release. */
struct target {
	enum content kind;
	char path[RACE_PATH];  /* the victim's path */
	char other[RACE_PATH]; /* another path to the file (bind mount, upper, lower) */
	const uint8_t *evil;   /* page-aligned, RACE_MAX_FILE */
	size_t evil_size;
	int evil_fd; /* a file of the same file system that holds it, open read-write */
	int fd, fd2; /* the changer's own; -1 */
	uint8_t *map, *map2;
	void *more;
	uint64_t notes; /* counted over the run, printed when not 0 */
};

enum changer_flags {
	CHANGER_ROOT = 1,       /* setting it up takes root, whoever owns the file */
	CHANGER_SLOW = 2,       /* a few rounds suffice */
	CHANGER_BIND = 4,       /* @other is below a bind mount */
	CHANGER_UPPER = 8,      /* @other is in an overlay's upper directory */
	CHANGER_LOWER = 16,     /* as above, lower, where the file is made */
	CHANGER_ROOT_SLIPS = 32, /* by root on a root's file: tests/system/race-limits */
	CHANGER_BLOCKS = 64,    /* who reads between change and release may have to wait */
};

/*
 * All return 0 or a negative errno; -EOPNOTSUPP, -ENOTTY, -ENOSYS, -EINVAL and the like
 * from arm or change in the first round: this file system or kernel cannot.
 *
 * @arm: before the file is opened and cached, optional.
 * @change: when it has returned the content is malicious and stays so.
 * @release: let go of everything, optional; fd, fd2, map and map2 are let go of anyway.
 */
struct changer {
	const char *name;
	enum content kind;
	unsigned flags;
	int (*arm)(struct target *t);
	int (*change)(struct target *t);
	void (*release)(struct target *t);
};

extern const struct changer race_write[], race_size[], race_map[], race_uring[], race_copy[],
	race_swap[], race_held[], race_pin[], race_name[];

/* For changers. Return an fd or a negative errno. */
int race_open(const char *path, int flags);
/* Write all of @t's malicious content at the start of @fd. Return 0 or a negative errno. */
int race_put(struct target *t, int fd);
/* Result of a call that sets errno, or was short of @wanted: 0 or a negative errno. */
int race_result(ssize_t got, size_t wanted);

/*
 * A copy that stops half-way. stall_start() has a thread call @copy, with a source that
 * holds the first @present bytes (blocks) of @t's malicious content, and returns when it
 * waits for the rest. stall_end() supplies that, and returns what @copy does.
 * stall_release() lets go of everything, whatever went wrong before. Takes root.
 */
int stall_start(struct target *t, size_t present,
                int (*copy)(struct target *t, const uint8_t *from));
int stall_end(struct target *t);
void stall_release(struct target *t);

/* Which files, by whom, how often. */
struct race {
	const struct changer *changer;
	const char *dir, *bind, *upper, *lower;
	unsigned rounds, age_ms;
	bool owner_root;
	bool expect_slips; /* not protected: every open must show the malicious content */
};

struct race_result {
	unsigned rounds, slips, unchanged, faults, opens;
	uint64_t notes;
	int unsupported; /* errno, or 0 */
};

/* Attack. The caller's process becomes the attacker. Return 0 or a negative errno. */
int race_run(const struct race *race, struct race_result *ret);

/*
 * The victim: another process that opens. Started before the attacker gives up its rights.
 * victim_open() counts as many opens that succeed as clean ones, @tries times, and
 * victim_check() those that succeed although the content is malicious. Between
 * victim_race() and victim_race_end() it opens in a loop.
 */
struct victim;
struct victim_tally {
	unsigned opened, refused, odd, evil;
	int odd_errno;
};
struct victim *victim_start(void);
int victim_open(struct victim *v, const struct target *t, unsigned tries, bool blocks,
                struct victim_tally *ret);
int victim_race(struct victim *v, const struct target *t, bool blocks);
int victim_race_end(struct victim *v, struct victim_tally *ret);
