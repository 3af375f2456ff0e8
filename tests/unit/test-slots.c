/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Slots: life of one descriptor, one answer, late answers against the owner
 *
 * A socket pair stands in for the group: slot_answer() writes 8 bytes to it, and the test
 * counts and reads them. What the kernel makes of them: test-slots-kernel.c.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/fanotify.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "custos/fan.h"
#include "custos/slots.h"
#include "unit.h"

#define N      4U
#define OWNER  7U
#define ROUNDS 20000U

static struct slots *ledger;
static int group[2]; /* 0: what slots write to; 1: where the test reads */

static void setup_slots(uint32_t n)
{
	ledger = aligned_alloc(CACHELINE_BYTES, slots_bytes(n));
	ck_assert_ptr_nonnull(ledger);
	memset(ledger, 0xa5, slots_bytes(n));
	slots_init(ledger, n);
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, group), 0);
}

/* A slot that holds a descriptor of its own. */
static struct slot *held(enum slot_kind kind)
{
	uint32_t hint = 0;
	struct slot *slot = slots_take(ledger, OWNER, &hint);

	ck_assert_ptr_nonnull(slot);
	slot->fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	slot->kind = kind;
	slot_hold(slot);
	return slot;
}

/* What was written to the group: -1 when nothing. */
static int answered(struct fanotify_response *ret)
{
	struct fanotify_response r[2];
	ssize_t n = read(group[1], r, sizeof(r));

	if (n < 0)
		return -1;
	ck_assert_int_eq(n, sizeof(*r));
	*ret = r[0];
	return 0;
}

static void expect_answer(int fd, uint32_t response)
{
	struct fanotify_response r;

	ck_assert_int_eq(answered(&r), 0);
	ck_assert_int_eq(r.fd, fd);
	ck_assert_uint_eq(r.response, response);
	ck_assert_int_eq(answered(&r), -1);
}

static void expect_silence(void)
{
	struct fanotify_response r;

	ck_assert_int_eq(answered(&r), -1);
}

/* Programming errors end the process: a wrong release would answer the wrong opener. */
static void expect_abort(void (*fn)(struct slot *), struct slot *slot)
{
	const struct rlimit none = {0, 0};
	pid_t pid = fork();
	int status;

	ck_assert_int_ge(pid, 0);
	if (pid == 0) {
		(void)setrlimit(RLIMIT_CORE, &none);
		(void)close(STDERR_FILENO); /* what assert() prints */
		fn(slot);
		_exit(0);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
}

static void untake(struct slot *slot)
{
	slot_untake(ledger, slot);
}

static void release(struct slot *slot)
{
	slot_release(ledger, slot);
}

static bool is_open(int fd)
{
	return fcntl(fd, F_GETFD) >= 0;
}

START_TEST(slots_init_every_slot_is_free_and_never_due)
{
	setup_slots(N);
	for (uint32_t i = 0; i < N; i++) {
		ck_assert_int_eq(slot_state(&ledger->slot[i]), SLOT_FREE);
		ck_assert_uint_eq(slot_owner(&ledger->slot[i]), 0);
		ck_assert_int_eq(ledger->slot[i].fd, -1);
		ck_assert(!slot_answered(&ledger->slot[i]));
		ck_assert_uint_eq(atomic_load(&ledger->slot[i].deadline), SLOT_NO_DEADLINE);
	}
}
END_TEST

START_TEST(slots_take_until_limit_then_null_then_again)
{
	struct slot *slot[N];
	uint32_t hint = 2;

	setup_slots(N);
	for (uint32_t i = 0; i < N; i++) {
		slot[i] = slots_take(ledger, OWNER, &hint);
		ck_assert_ptr_nonnull(slot[i]);
		ck_assert_int_eq(slot_state(slot[i]), SLOT_READING);
		ck_assert_uint_eq(slot_owner(slot[i]), OWNER);
		ck_assert_uint_eq(slot_index(ledger, slot[i]), (2 + i) % N);
	}
	ck_assert_ptr_null(slots_take(ledger, OWNER, &hint));
	slot_untake(ledger, slot[1]);
	ck_assert_ptr_eq(slots_take(ledger, OWNER, &hint), slot[1]);
	ck_assert_ptr_null(slots_take(ledger, OWNER, &hint));
}
END_TEST

START_TEST(slots_take_largest_owner_keeps_its_number)
{
	uint32_t hint = 0;
	struct slot *slot;

	setup_slots(1);
	slot = slots_take(ledger, SLOT_OWNER_MAX, &hint);
	slot->fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	slot->kind = SLOT_NOTICE;
	slot_hold(slot);
	ck_assert_uint_eq(slot_owner(slot), SLOT_OWNER_MAX);
	ck_assert_int_eq(slot_state(slot), SLOT_HELD);
	ck_assert(slots_any_owned(ledger, SLOT_OWNER_MAX));
	slot_release(ledger, slot);
	ck_assert(!slots_any_owned(ledger, SLOT_OWNER_MAX));
}
END_TEST

START_TEST(slot_untake_wipes_what_was_read)
{
	uint32_t hint = 0;
	struct slot *slot;

	setup_slots(1);
	slot = slots_take(ledger, OWNER, &hint);
	memset(slot->raw, 0xff, sizeof(slot->raw));
	slot_untake(ledger, slot);
	slot = slots_take(ledger, OWNER, &hint);
	for (size_t i = 0; i < sizeof(slot->raw); i++)
		ck_assert_uint_eq(slot->raw[i], 0);
}
END_TEST

START_TEST(slot_untake_not_reading_aborts)
{
	setup_slots(1);
	expect_abort(untake, held(SLOT_NOTICE));
}
END_TEST

START_TEST(slot_hold_nothing_to_hold_aborts)
{
	uint32_t hint = 0;

	setup_slots(1);
	expect_abort(slot_hold, slots_take(ledger, OWNER, &hint));
}
END_TEST

START_TEST(slot_answer_then_release_writes_once_then_closes)
{
	struct slot *slot;
	int fd;

	setup_slots(N);
	slot = held(SLOT_PERMISSION);
	fd = slot->fd;
	ck_assert(!slot_answered(slot));
	ck_assert_int_eq(slot_answer(slot, group[0], true), 0);
	ck_assert(slot_answered(slot) && slot_answered_deny(slot));
	ck_assert(is_open(fd));
	expect_answer(fd, FAN_DENY);
	slot_release(ledger, slot);
	ck_assert(!is_open(fd));
	ck_assert_int_eq(slot_state(slot), SLOT_FREE);
	ck_assert(!slot_answered(slot) && !slot_answered_deny(slot));
}
END_TEST

/* The second answer loses, and the kernel keeps the first decision (I2). */
START_TEST(slot_answer_second_caller_gets_ealready)
{
	struct slot *slot;

	setup_slots(N);
	slot = held(SLOT_PERMISSION);
	ck_assert_int_eq(slot_answer(slot, group[0], false), 0);
	ck_assert_int_eq(slot_answer(slot, group[0], true), -EALREADY);
	ck_assert(!slot_answered_deny(slot));
	expect_answer(slot->fd, FAN_ALLOW);
}
END_TEST

START_TEST(slot_answer_write_fails_error_is_told_and_answer_is_spent)
{
	struct slot *slot;

	setup_slots(N);
	slot = held(SLOT_PERMISSION);
	ck_assert_int_eq(slot_answer(slot, -1, false), -EBADF);
	ck_assert_int_eq(slot_answer(slot, group[0], false), -EALREADY);
	expect_silence();
	slot_release(ledger, slot);
}
END_TEST

START_TEST(slot_release_unanswered_permission_aborts)
{
	setup_slots(1);
	expect_abort(release, held(SLOT_PERMISSION));
}
END_TEST

START_TEST(slot_release_notice_and_request_need_no_answer)
{
	setup_slots(N);
	slot_release(ledger, held(SLOT_NOTICE));
	slot_release(ledger, held(SLOT_REQUEST));
	ck_assert(!slots_any_owned(ledger, OWNER));
	expect_silence();
}
END_TEST

START_TEST(slot_answer_late_only_when_due)
{
	struct slot *slot;

	setup_slots(N);
	slot = held(SLOT_PERMISSION);
	ck_assert_int_eq(slot_answer_late(slot, group[0], UINT64_MAX - 1, true), -EAGAIN);
	atomic_store(&slot->deadline, 1000);
	ck_assert_int_eq(slot_answer_late(slot, group[0], 999, true), -EAGAIN);
	expect_silence();
	ck_assert_int_eq(slot_answer_late(slot, group[0], 1000, true), 0);
	expect_answer(slot->fd, FAN_ALLOW);
	ck_assert_int_eq(slot_answer_late(slot, group[0], 1001, true), -EALREADY);
	ck_assert_int_eq(slot_answer(slot, group[0], true), -EALREADY);
	expect_silence();
}
END_TEST

START_TEST(slot_answer_late_denies_when_told_to)
{
	struct slot *slot;

	setup_slots(N);
	slot = held(SLOT_PERMISSION);
	atomic_store(&slot->deadline, 0);
	atomic_store(&slot->late_deny, 1);
	ck_assert_int_eq(slot_answer_late(slot, group[0], 1, true), 0);
	ck_assert(slot_answered_deny(slot));
	expect_answer(slot->fd, FAN_DENY);
}
END_TEST

START_TEST(slot_answer_late_may_not_deny_allows)
{
	struct slot *slot;

	setup_slots(N);
	slot = held(SLOT_PERMISSION);
	atomic_store(&slot->deadline, 0);
	atomic_store(&slot->late_deny, 1);
	ck_assert_int_eq(slot_answer_late(slot, group[0], 1, false), 0);
	ck_assert(!slot_answered_deny(slot));
	expect_answer(slot->fd, FAN_ALLOW);
}
END_TEST

START_TEST(slot_answer_late_not_held_is_left_alone)
{
	uint32_t hint = 0;
	struct slot *slot;

	setup_slots(1);
	slot = &ledger->slot[0];
	ck_assert_int_eq(slot_answer_late(slot, group[0], UINT64_MAX, true), -EAGAIN);
	slot = slots_take(ledger, OWNER, &hint);
	atomic_store(&slot->deadline, 0);
	ck_assert_int_eq(slot_answer_late(slot, group[0], UINT64_MAX, true), -EAGAIN);
	expect_silence();
}
END_TEST

/* Its owner closes without an answer: a late one would name a number that is somebody else's. */
START_TEST(slot_answer_late_nobody_waits_nothing_is_written)
{
	static const enum slot_kind kinds[] = {SLOT_NOTICE, SLOT_REQUEST};

	setup_slots(N);
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		struct slot *slot = held(kinds[i]);

		atomic_store(&slot->deadline, 1);
		ck_assert_int_eq(slot_answer_late(slot, group[0], 2, true), -EAGAIN);
		ck_assert(!slot_answered(slot));
	}
	expect_silence();
}
END_TEST

START_TEST(slot_clear_next_use_starts_without_the_old_facts)
{
	uint32_t hint = 0;
	struct slot *slot;

	setup_slots(1);
	slot = held(SLOT_PERMISSION);
	atomic_store(&slot->deadline, 5);
	atomic_store(&slot->late_deny, 1);
	atomic_store(&slot->work_began, 4);
	slot->audited = slot->request = 3;
	slot->pid = 2;
	(void)slot_answer(slot, group[0], true);
	slot_release(ledger, slot);
	slot = slots_take(ledger, OWNER, &hint);
	ck_assert_uint_eq(atomic_load(&slot->deadline), SLOT_NO_DEADLINE);
	ck_assert_uint_eq(atomic_load(&slot->late_deny), 0);
	ck_assert_uint_eq(atomic_load(&slot->work_began), 0);
	ck_assert_uint_eq(slot->audited + slot->request, 0);
	ck_assert_int_eq(slot->pid, 0);
	ck_assert(!slot_answered(slot));
}
END_TEST

/* --- late against owner ------------------------------------------------------------------ */

static _Atomic bool racing;
static _Atomic unsigned n_late, n_spoilt;

static void *late_thread(void *arg)
{
	struct slot *slot = arg;

	while (atomic_load(&racing)) {
		int r = slot_answer_late(slot, group[0], 100, true);

		if (r == 0)
			atomic_fetch_add(&n_late, 1);
		else if (r != -EAGAIN && r != -EALREADY)
			atomic_fetch_add(&n_spoilt, 1);
	}
	return NULL;
}

/* One use of the slot, of which the number of the descriptor tells the use. */
static bool race_once(struct slot *slot, unsigned round, bool due)
{
	struct fanotify_response r;
	int n = 0, result;

	slot->fd = 1000 + (int)(round % 1000);
	slot->kind = SLOT_PERMISSION;
	atomic_store(&slot->late_deny, 1);
	atomic_store(&slot->deadline, due ? 50 : 200);
	slot_hold(slot);
	if (round % 8 == 0)
		(void)sched_yield();
	result = slot_answer(slot, group[0], false);
	if (!due && result != 0)
		return false; /* answered although it was not due */
	while (answered(&r) == 0) {
		n++;
		if (r.fd != slot->fd || r.response != (result == 0 ? FAN_ALLOW : FAN_DENY))
			return false;
	}
	slot_release(ledger, slot);
	return n == 1; /* one answer, and it is out when slot_answer() returns */
}

static void race(bool (*due)(unsigned round))
{
	uint32_t hint = 0;
	pthread_t thread;

	setup_slots(1);
	atomic_store(&racing, true);
	ck_assert_int_eq(pthread_create(&thread, NULL, late_thread, &ledger->slot[0]), 0);
	for (unsigned i = 0; i < ROUNDS; i++) {
		struct slot *slot = slots_take(ledger, OWNER, &hint);

		ck_assert_ptr_nonnull(slot);
		ck_assert_msg(race_once(slot, i, due(i)), "round %u", i);
	}
	atomic_store(&racing, false);
	ck_assert_int_eq(pthread_join(thread, NULL), 0);
	ck_assert_uint_eq(atomic_load(&n_spoilt), 0);
	expect_silence();
}

static bool always(unsigned round)
{
	(void)round;
	return true;
}

static bool every_other(unsigned round)
{
	return round % 2 == 0;
}

START_TEST(slot_answer_late_against_owner_exactly_one_answer)
{
	race(always);
	ck_assert_uint_gt(atomic_load(&n_late), 0); /* else nothing was raced */
}
END_TEST

/* A look at a due use must not end in an answer to the next one, which is not. */
START_TEST(slot_answer_late_reused_between_look_and_claim_is_left_alone)
{
	race(every_other);
	ck_assert_uint_gt(atomic_load(&n_late), 0);
}
END_TEST

/* --- questions about all slots ----------------------------------------------------------- */

START_TEST(slots_oldest_pending_oldest_unanswered_permission)
{
	struct slot *a, *b;

	setup_slots(N);
	ck_assert_uint_eq(slots_oldest_pending(ledger, N, 1000), 0);
	held(SLOT_NOTICE)->read_at = 1;
	ck_assert_uint_eq(slots_oldest_pending(ledger, N, 1000), 0);
	a = held(SLOT_PERMISSION);
	a->read_at = 400;
	b = held(SLOT_PERMISSION);
	b->read_at = 100;
	ck_assert_uint_eq(slots_oldest_pending(ledger, N, 1000), 900);
	ck_assert_int_eq(slot_answer(b, group[0], false), 0);
	ck_assert_uint_eq(slots_oldest_pending(ledger, N, 1000), 600);
	ck_assert_uint_eq(slots_oldest_pending(ledger, N, 300), 0); /* read after our look at the clock */
}
END_TEST

START_TEST(slot_adopt_orphan_goes_to_one_only)
{
	struct slot *slot;

	setup_slots(N);
	slot = held(SLOT_PERMISSION);
	ck_assert(!slot_adopt(slot, OWNER + 1)); /* it has an owner */
	atomic_store(&slot->word, SLOT_HELD);
	ck_assert(slot_adopt(slot, OWNER + 1));
	ck_assert(!slot_adopt(slot, OWNER + 2));
	ck_assert_uint_eq(slot_owner(slot), OWNER + 1);
	ck_assert(!slot_adopt(&ledger->slot[3], OWNER)); /* free */
}
END_TEST

START_TEST(slots_forget_frees_those_of_one_owner)
{
	struct slot *theirs, *others;
	uint32_t hint = 0;

	setup_slots(N);
	theirs = held(SLOT_PERMISSION);
	others = slots_take(ledger, OWNER + 1, &hint);
	slots_forget(ledger, N, OWNER);
	ck_assert_int_eq(slot_state(theirs), SLOT_FREE);
	ck_assert_int_eq(theirs->fd, -1);
	ck_assert_int_eq(slot_state(others), SLOT_READING);
	/* A late answer to its last use finds nothing to answer. */
	ck_assert_int_eq(slot_answer_late(theirs, group[0], SLOT_NO_DEADLINE, true), -EAGAIN);
}
END_TEST

static bool fails_to_decode(struct slot *slot)
{
	(void)slot;
	return false;
}

START_TEST(slots_recover_other_owners_are_left_alone)
{
	const struct slots_recover_args args = {
		.n = N, .owner = OWNER + 1, .group = group[0], .fd_low = 3, .alone = true,
		.decode = fails_to_decode,
	};
	struct slots_recovery found;
	uint32_t hint = 0;
	struct slot *slot, *reading;

	setup_slots(N);
	slot = held(SLOT_PERMISSION);
	reading = slots_take(ledger, OWNER, &hint);
	slots_recover(ledger, &args, &found);
	ck_assert_uint_eq(found.n_orphaned + found.n_completed, 0);
	ck_assert_uint_eq(slot_owner(slot), OWNER);
	ck_assert_int_eq(slot_state(reading), SLOT_READING);
	ck_assert(is_open(slot->fd));
}
END_TEST

static bool decodes_to_low_number(struct slot *slot)
{
	slot->fd = 0;
	slot->kind = SLOT_REQUEST;
	return true;
}

/* Numbers come out of memory the dead one could write: a fixed descriptor is never closed. */
START_TEST(slots_recover_number_below_low_is_never_closed)
{
	const struct slots_recover_args args = {
		.n = N, .owner = OWNER, .group = group[0], .fd_low = 3, .alone = true,
		.decode = decodes_to_low_number,
	};
	struct slots_recovery found;
	uint32_t hint = 0;
	struct slot *reading, *closing;

	setup_slots(N);
	reading = slots_take(ledger, OWNER, &hint);
	closing = slots_take(ledger, OWNER, &hint);
	closing->fd = 1;
	atomic_store(&closing->word, OWNER << SLOT_OWNER_SHIFT | SLOT_CLOSING);
	slots_recover(ledger, &args, &found);
	ck_assert_int_eq(slot_state(reading), SLOT_FREE);
	ck_assert_int_eq(slot_state(closing), SLOT_FREE);
	ck_assert(is_open(0) && is_open(1));
}
END_TEST

/* A process claims an answer and is killed before it writes. */
static struct slot *claimed(uint32_t flags)
{
	struct slot *slot = held(SLOT_PERMISSION);

	atomic_fetch_or(&slot->answer, ANSWER_CLAIMED | flags);
	return slot;
}

START_TEST(slot_finish_gives_what_was_claimed_once)
{
	struct slot *slot;

	setup_slots(N);
	slot = held(SLOT_PERMISSION);
	ck_assert(!slot_finish(slot, group[0])); /* nobody has judged it */
	expect_silence();
	slot = claimed(ANSWER_DENY);
	ck_assert(slot_finish(slot, group[0]));
	expect_answer(slot->fd, FAN_DENY);
	ck_assert(!slot_finish(slot, group[0]));
	expect_silence();
	ck_assert_int_eq(slot_answer(slot, group[0], false), -EALREADY); /* and does not wait */
	ck_assert(slot_answered_deny(slot));
	slot_release(ledger, slot);
}
END_TEST

START_TEST(slots_finish_late_frees_owners_that_wait)
{
	struct slot *late, *own;

	setup_slots(N);
	late = claimed(ANSWER_LATE);
	own = claimed(ANSWER_DENY); /* its owner is at it: not ours to finish */
	slots_finish_late(ledger, N, group[0]);
	expect_answer(late->fd, FAN_ALLOW);
	ck_assert_int_eq(slot_answer(late, group[0], true), -EALREADY);
	ck_assert(!(atomic_load(&own->answer) & ANSWER_SENT));
	slot_release(ledger, late);
	late = held(SLOT_PERMISSION);
	atomic_store(&late->deadline, 1);
	ck_assert_int_eq(slot_answer_late(late, group[0], 2, true), 0);
	expect_answer(late->fd, FAN_ALLOW);
	ck_assert_uint_eq(atomic_load(&late->answer) & ANSWER_FLAGS, ANSWER_SENT | ANSWER_LATE);
	slots_finish_late(ledger, N, group[0]);
	expect_silence();
}
END_TEST

UNIT_MAIN("slots", slots_init_every_slot_is_free_and_never_due,
          slots_take_until_limit_then_null_then_again,
          slots_take_largest_owner_keeps_its_number, slot_untake_wipes_what_was_read,
          slot_untake_not_reading_aborts, slot_hold_nothing_to_hold_aborts,
          slot_answer_then_release_writes_once_then_closes,
          slot_answer_second_caller_gets_ealready,
          slot_answer_write_fails_error_is_told_and_answer_is_spent,
          slot_release_unanswered_permission_aborts,
          slot_release_notice_and_request_need_no_answer, slot_answer_late_only_when_due,
          slot_answer_late_denies_when_told_to, slot_answer_late_may_not_deny_allows,
          slot_answer_late_not_held_is_left_alone,
          slot_answer_late_nobody_waits_nothing_is_written,
          slot_clear_next_use_starts_without_the_old_facts,
          slot_answer_late_against_owner_exactly_one_answer,
          slot_answer_late_reused_between_look_and_claim_is_left_alone,
          slots_oldest_pending_oldest_unanswered_permission,
          slot_adopt_orphan_goes_to_one_only, slots_forget_frees_those_of_one_owner,
          slot_finish_gives_what_was_claimed_once, slots_finish_late_frees_owners_that_wait,
          slots_recover_other_owners_are_left_alone,
          slots_recover_number_below_low_is_never_closed)
