/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rounds: make files clean, have them opened until they are cached, change each, and have
 * the victim try again.
 *
 * A batch of files shares one sleep that makes them older than the clock's granularity.
 * Batches take turns: aged, fresh (changed within that granularity), and aged with the
 * victim opening all the time.
 *
 * Owns: the files below one directory, one batch at a time.
 * Must not own: how content changes (struct changer).
 * Hands off to: race-victim.c for the opens.
 */
#include "race.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define ATTACKER_UID  65534
#define BATCH_MAX     8
#define TRIES_CLEAN   6 /* until a verdict is kept, and the file is held: 5 for a user's */
#define TRIES_CHANGED 2
#define MAP_LENGTH    RACE_MAX_FILE

enum variant { VARIANT_AGED, VARIANT_FRESH, VARIANT_RACED, VARIANT_COUNT };

struct attack {
	const struct race *race;
	struct victim *victim;
	struct race_result *result;
	struct target base; /* what all targets have in common */
	uint64_t serial;
	bool as_root; /* the attacker is root, and gives files to their owner */
};

static void fault(struct attack *a, const char *what, const struct target *t, int r)
{
	if (a->result->faults++ < 3)
		fprintf(stderr, "race: %s: %s %s: %s\n", a->race->changer->name, what, t->path,
		        strerror(-r));
}

int race_result(ssize_t got, size_t wanted)
{
	if (got < 0)
		return -errno;
	return (size_t)got == wanted ? 0 : -EIO;
}

int race_open(const char *path, int flags)
{
	int fd = open(path, flags | O_CLOEXEC, 0644);

	return fd < 0 ? -errno : fd;
}

int race_put(struct target *t, int fd)
{
	return race_result(pwrite(fd, t->evil, t->evil_size, 0), t->evil_size);
}

static int put_file(struct attack *a, const char *path, const uint8_t *buf, size_t n)
{
	int fd = race_open(path, O_RDWR | O_CREAT | O_EXCL), r;

	if (fd < 0)
		return fd;
	r = race_result(write(fd, buf, n), n);
	if (r == 0) /* a dirty page cannot leave the cache */
		r = race_result(fsync(fd), 0);
	if (r == 0 && a->as_root && !a->race->owner_root)
		r = race_result(fchown(fd, ATTACKER_UID, ATTACKER_UID), 0);
	if (r < 0) {
		close(fd);
		return r;
	}
	return fd;
}

static int make_clean(struct attack *a, struct target *t, unsigned i)
{
	const struct race *race = a->race;
	unsigned flags = race->changer->flags;
	const char *other = flags & CHANGER_BIND    ? race->bind
	                    : flags & CHANGER_UPPER ? race->upper
	                    : flags & CHANGER_LOWER ? race->lower
	                                            : race->dir;
	uint8_t buf[RACE_MAX_FILE];
	size_t n;
	int fd;

	*t = a->base;
	/* A name of its own: an overlay may remember that there was none. */
	snprintf(t->path, sizeof(t->path), "%s/f%u-%llu", race->dir, i,
	         (unsigned long long)a->serial);
	snprintf(t->other, sizeof(t->other), "%s/f%u-%llu", other, i,
	         (unsigned long long)a->serial);
	n = content_clean(t->kind, a->serial++, buf);
	fd = put_file(a, flags & CHANGER_LOWER ? t->other : t->path, buf, n);
	if (fd < 0)
		return fd;
	close(fd);
	return race->changer->arm ? race->changer->arm(t) : 0;
}

static void let_go(struct attack *a, struct target *t)
{
	if (a->race->changer->release)
		a->race->changer->release(t);
	if (t->map)
		munmap(t->map, MAP_LENGTH);
	if (t->map2)
		munmap(t->map2, MAP_LENGTH);
	if (t->fd >= 0)
		close(t->fd);
	if (t->fd2 >= 0)
		close(t->fd2);
	t->map = t->map2 = NULL;
	t->fd = t->fd2 = -1;
}

static void judge(struct attack *a, const struct target *t, const char *when,
                  const struct victim_tally *tally)
{
	struct race_result *result = a->result;

	result->opens += tally->opened + tally->refused;
	result->unchanged += tally->opened - tally->evil;
	result->slips += tally->evil;
	if (tally->evil && !a->race->expect_slips)
		fprintf(stderr, "race: SLIP: %s: %s: %s: %u of %u opens\n",
		        a->race->changer->name, t->path, when, tally->evil,
		        tally->opened + tally->refused);
	if (tally->odd)
		fault(a, when, t, -tally->odd_errno);
	if (a->race->expect_slips && tally->refused)
		fault(a, "refused", t, -EPERM);
}

/* The change itself. Return 0, or a negative errno when it could not be made. */
static int change(struct attack *a, struct target *t, enum variant variant,
                  struct victim_tally *tally)
{
	const struct changer *changer = a->race->changer;
	bool blocks = changer->flags & CHANGER_BLOCKS;
	int r, end;

	if (variant != VARIANT_RACED) {
		r = changer->change(t);
		return r < 0 ? r : victim_open(a->victim, t, TRIES_CHANGED, blocks, tally);
	}
	r = victim_race(a->victim, t, blocks);
	if (r == 0)
		r = changer->change(t);
	end = victim_race_end(a->victim, tally);
	return r < 0 ? r : end;
}

static void attack_one(struct attack *a, struct target *t, enum variant variant)
{
	static const char *const names[] = {"aged", "fresh", "raced"};
	struct victim_tally tally = {0};
	int r;

	r = victim_open(a->victim, t, TRIES_CLEAN, false, &tally);
	if (r < 0 || tally.opened != TRIES_CLEAN)
		fault(a, "not clean at first", t, r < 0 ? r : -tally.odd_errno);
	a->result->opens += TRIES_CLEAN;
	memset(&tally, 0, sizeof(tally));
	r = change(a, t, variant, &tally);
	if (r < 0) {
		if (a->result->rounds == 0)
			a->result->unsupported = -r;
		else
			fault(a, "change", t, r);
		let_go(a, t);
		return;
	}
	a->result->rounds++;
	judge(a, t, names[variant], &tally);
	let_go(a, t);
	r = victim_open(a->victim, t, 1, false, &tally);
	if (r < 0)
		fault(a, "victim", t, r);
	judge(a, t, "released", &tally);
	a->result->notes += t->notes;
}

static void attack_batch(struct attack *a, unsigned n, enum variant variant)
{
	struct target targets[BATCH_MAX];
	struct timespec age = {.tv_nsec = a->race->age_ms * 1000000L};
	unsigned made = 0;
	int r = 0;

	for (; made < n && r == 0; made += r == 0) {
		r = make_clean(a, &targets[made], made);
		if (r < 0) {
			let_go(a, &targets[made]);
			unlink(targets[made].path);
			if (a->result->rounds == 0)
				a->result->unsupported = -r;
			else
				fault(a, "make", &targets[made], r);
		}
	}
	if (variant != VARIANT_FRESH)
		nanosleep(&age, NULL);
	for (unsigned i = 0; i < made; i++) {
		if (a->result->unsupported)
			let_go(a, &targets[i]);
		else
			attack_one(a, &targets[i], variant);
		unlink(targets[i].path);
		unlink(targets[i].other);
	}
}

/* A malicious file nobody opens again: its descriptor is from when it was empty. */
static int make_source(struct attack *a)
{
	static uint8_t evil[RACE_MAX_FILE] __attribute__((aligned(RACE_BLOCK)));
	struct target *t = &a->base;
	int fd;

	t->kind = a->race->changer->kind;
	t->fd = t->fd2 = -1;
	t->evil = evil;
	t->evil_size = content_evil(t->kind, evil);
	snprintf(t->path, sizeof(t->path), "%s/source", a->race->dir);
	unlink(t->path);
	fd = put_file(a, t->path, evil, t->evil_size);
	t->evil_fd = fd;
	return fd < 0 ? fd : 0;
}

static int become_attacker(struct attack *a)
{
	a->as_root = a->race->owner_root || (a->race->changer->flags & CHANGER_ROOT);
	if (a->as_root)
		return 0;
	if (setgroups(0, NULL) < 0 ||
	    setresgid(ATTACKER_UID, ATTACKER_UID, ATTACKER_UID) < 0 ||
	    setresuid(ATTACKER_UID, ATTACKER_UID, ATTACKER_UID) < 0)
		return -errno;
	return 0;
}

/* No two runs give a file the same name: an overlay's whiteouts stay behind. */
static uint64_t first_serial(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

int race_run(const struct race *race, struct race_result *ret)
{
	struct attack a = {.race = race, .result = ret};
	enum variant variant = VARIANT_AGED;
	unsigned batch = (race->rounds + VARIANT_COUNT - 1) / VARIANT_COUNT;
	int r;

	if (batch > BATCH_MAX)
		batch = BATCH_MAX;
	memset(ret, 0, sizeof(*ret));
	a.serial = first_serial();
	a.victim = victim_start();
	if (!a.victim)
		return -ECHILD;
	r = become_attacker(&a);
	if (r == 0)
		r = make_source(&a);
	if (r < 0)
		return r;
	for (unsigned done = 0; done < race->rounds && !ret->unsupported && !ret->faults;) {
		unsigned n = race->rounds - done < batch ? race->rounds - done : batch;

		attack_batch(&a, n, variant);
		variant = (variant + 1) % VARIANT_COUNT;
		done += n;
	}
	unlink(a.base.path);
	return 0;
}
