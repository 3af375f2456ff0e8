/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Slots against the running kernel: what a killed instance leaves, and who gets which answer
 *
 * Each case kills a process that shares our descriptor table (as the keeper's scanners do)
 * at one point of a slot's life, recovers, and asks slot, descriptor and opener. Every case
 * runs in a mount namespace and on a tmpfs of its own, under an alarm. Skipped (77) without
 * CAP_SYS_ADMIN.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "custos/fan.h"
#include "custos/slots.h"
#include "unit.h"

#define CASE_LIMIT_SEC 20
#define N_TEST_SLOTS   8U
#define VICTIM         3U /* owner number of the instance that is killed */
#define HEIR           4U
#define LOW            3 /* event descriptors are never below */

static struct slots *ledger; /* shared, as memory of the pair is */
static int root, group;
static pid_t opener_pid[2];

static void world(void)
{
	int fd;

	(void)alarm(CASE_LIMIT_SEC);
	ck_assert_int_eq(unshare(CLONE_NEWNS), 0);
	ck_assert_int_eq(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL), 0);
	ck_assert_int_eq(mount("test", "/mnt", "tmpfs", 0, NULL), 0);
	root = open("/mnt", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	fd = openat(root, "f", O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
	ck_assert_int_ge(fd, 0);
	(void)close(fd);
	group = fan_group_new(NULL);
	ck_assert_int_ge(group, 0);
	ck_assert_int_eq(fan_mark_filesystem(group, root, "."), 0);
	ledger = mmap(NULL, slots_bytes(N_TEST_SLOTS), PROT_READ | PROT_WRITE,
	              MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ck_assert_ptr_ne(ledger, MAP_FAILED);
	slots_init(ledger, N_TEST_SLOTS);
}

/* A process that opens "f"; its exit status is the errno, 0 if it opened. */
static void start_opener(unsigned i)
{
	opener_pid[i] = fork();
	ck_assert_int_ge(opener_pid[i], 0);
	if (opener_pid[i] > 0)
		return;
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	(void)alarm(CASE_LIMIT_SEC);
	(void)close(group);
	_exit(openat(root, "f", O_RDONLY | O_CLOEXEC) < 0 ? errno : 0);
}

static int opener_got(unsigned i)
{
	int status;

	ck_assert_int_eq(waitpid(opener_pid[i], &status, 0), opener_pid[i]);
	ck_assert(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static bool opener_waits(unsigned i)
{
	const struct timespec a_moment = {.tv_nsec = 30 * 1000 * 1000};

	(void)nanosleep(&a_moment, NULL);
	return waitpid(opener_pid[i], NULL, WNOHANG) == 0;
}

static bool decode(struct slot *slot)
{
	struct fan_event ev;

	if (fan_parse(slot->raw, FAN_EVENT_BYTES, &ev) < 0 || ev.fd < 0)
		return false;
	slot->fd = ev.fd;
	slot->pid = ev.pid;
	slot->mask = ev.mask;
	slot->kind = SLOT_PERMISSION;
	return true;
}

static bool is_open(int fd)
{
	return fcntl(fd, F_GETFD) >= 0;
}

/* --- what the victim does; it dies when it returns --------------------------------------- */

static struct slot *victim_takes(void)
{
	uint32_t hint = 0;

	return slots_take(ledger, VICTIM, &hint);
}

static struct slot *victim_reads(void)
{
	struct pollfd waiting = {.fd = group, .events = POLLIN};
	struct slot *slot = victim_takes();

	(void)poll(&waiting, 1, -1);
	if (read(group, slot->raw, FAN_EVENT_BYTES) != (ssize_t)FAN_EVENT_BYTES)
		_exit(1);
	return slot;
}

static struct slot *victim_holds(void)
{
	struct slot *slot = victim_reads();

	if (!decode(slot))
		_exit(1);
	slot_hold(slot);
	return slot;
}

static void mark(struct slot *slot, uint32_t flags)
{
	atomic_fetch_or(&slot->answer, flags);
}

static void set_closing(struct slot *slot)
{
	atomic_store(&slot->word, VICTIM << SLOT_OWNER_SHIFT | SLOT_CLOSING);
}

static void take_only(void)
{
	(void)victim_takes();
}

static void read_only(void)
{
	(void)victim_reads();
}

static void hold(void)
{
	(void)victim_holds();
}

static void claim(void)
{
	mark(victim_holds(), ANSWER_CLAIMED | ANSWER_DENY);
}

static void claim_and_write(void)
{
	struct slot *slot = victim_holds();

	mark(slot, ANSWER_CLAIMED | ANSWER_DENY);
	(void)fan_respond(group, slot->fd, false);
}

static void answer(void)
{
	(void)slot_answer(victim_holds(), group, true);
}

static void answer_and_audit(void)
{
	struct slot *slot = victim_holds();

	(void)slot_answer(slot, group, true);
	slot->audited = 1;
}

static void audit_unanswered(void)
{
	victim_holds()->audited = 1;
}

static void begin_to_close(void)
{
	struct slot *slot = victim_holds();

	(void)slot_answer(slot, group, true);
	set_closing(slot);
}

/* The number is free before the slot is, and the next event gets it. */
static void close_and_read_next(void)
{
	struct slot *slot = victim_holds(), *next;

	(void)slot_answer(slot, group, true);
	set_closing(slot);
	(void)close(slot->fd);
	next = victim_holds();
	if (next == slot || next->fd != slot->fd)
		_exit(1);
}

/* The same, killed one step earlier: the second event is only in raw. */
static void close_and_begin_to_read_next(void)
{
	struct slot *slot = victim_holds();

	(void)slot_answer(slot, group, true);
	set_closing(slot);
	(void)close(slot->fd);
	(void)victim_reads();
}

static void run_victim(void (*fn)(void))
{
	struct clone_args args = {.flags = CLONE_FILES, .exit_signal = SIGCHLD};
	long pid = syscall(SYS_clone3, &args, sizeof(args));
	int status;

	ck_assert_int_ge(pid, 0);
	if (pid == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		fn();
		(void)kill(getpid(), SIGKILL);
		_exit(1);
	}
	ck_assert_int_eq(waitpid((pid_t)pid, &status, 0), pid);
	ck_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

static struct slots_recovery recover(uint32_t owner, bool alone)
{
	const struct slots_recover_args args = {
		.n = N_TEST_SLOTS, .owner = owner, .group = group, .fd_low = LOW,
		.alone = alone, .decode = decode,
	};
	struct slots_recovery found;

	slots_recover(ledger, &args, &found);
	return found;
}

static struct slots_recovery inherit(void)
{
	const struct slots_recover_args args = {
		.n = N_TEST_SLOTS, .owner = VICTIM, .group = group, .fd_low = LOW,
		.lingers = true, .decode = decode,
	};
	struct slots_recovery found;

	slots_recover(ledger, &args, &found);
	return found;
}

static void expect_found(struct slots_recovery found, unsigned n_orphaned, unsigned n_completed)
{
	ck_assert_uint_eq(found.n_orphaned, n_orphaned);
	ck_assert_uint_eq(found.n_completed, n_completed);
}

static void expect_all_free(int fd)
{
	ck_assert(!is_open(fd));
	for (uint32_t i = 0; i < N_TEST_SLOTS; i++)
		ck_assert_int_eq(slot_state(&ledger->slot[i]), SLOT_FREE);
}

/* The heir judges the orphan again and closes it. */
static void judge_again(struct slot *slot, bool deny, int answered)
{
	ck_assert_int_eq(slot_state(slot), SLOT_HELD);
	ck_assert_uint_eq(slot_owner(slot), 0);
	ck_assert(is_open(slot->fd));
	ck_assert(slot_adopt(slot, HEIR));
	ck_assert_int_eq(slot_answer(slot, group, deny), answered);
	slot_release(ledger, slot);
}

/* --- cases -------------------------------------------------------------------------------- */

START_TEST(slots_recover_killed_before_read_slot_is_free)
{
	world();
	run_victim(take_only);
	expect_found(recover(VICTIM, true), 0, 0);
	expect_all_free(-1);
}
END_TEST

START_TEST(slots_recover_killed_after_read_event_is_an_orphan)
{
	struct slot *slot;

	world();
	slot = &ledger->slot[0];
	start_opener(0);
	run_victim(read_only);
	ck_assert(opener_waits(0));
	expect_found(recover(VICTIM, true), 1, 0);
	ck_assert_int_eq(slot->pid, opener_pid[0]);
	ck_assert(opener_waits(0)); /* recovering is not answering */
	judge_again(slot, true, 0);
	ck_assert_int_eq(opener_got(0), EPERM);
}
END_TEST

START_TEST(slots_recover_killed_after_read_is_not_overdue)
{
	world();
	start_opener(0);
	run_victim(read_only);
	expect_found(recover(VICTIM, true), 1, 0);
	ck_assert_int_eq(slot_answer_late(&ledger->slot[0], group, 1, true), -EAGAIN);
	ck_assert(opener_waits(0));
	judge_again(&ledger->slot[0], false, 0);
	ck_assert_int_eq(opener_got(0), 0);
}
END_TEST

START_TEST(slots_recover_killed_holding_event_is_an_orphan)
{
	world();
	start_opener(0);
	run_victim(hold);
	expect_found(recover(VICTIM, true), 1, 0);
	ck_assert(opener_waits(0));
	judge_again(&ledger->slot[0], false, 0);
	ck_assert_int_eq(opener_got(0), 0);
}
END_TEST

START_TEST(slots_recover_killed_between_claim_and_write_answer_is_sent)
{
	world();
	start_opener(0);
	run_victim(claim);
	ck_assert(opener_waits(0));
	expect_found(recover(VICTIM, true), 1, 0);
	ck_assert_int_eq(opener_got(0), EPERM);
	ck_assert(slot_answered_deny(&ledger->slot[0]));
	judge_again(&ledger->slot[0], false, -EALREADY);
}
END_TEST

START_TEST(slots_recover_killed_between_write_and_note_answer_stays)
{
	world();
	start_opener(0);
	run_victim(claim_and_write);
	ck_assert_int_eq(opener_got(0), EPERM);
	expect_found(recover(VICTIM, true), 1, 0);
	judge_again(&ledger->slot[0], false, -EALREADY);
}
END_TEST

START_TEST(slots_recover_killed_before_audit_is_judged_for_the_record)
{
	world();
	start_opener(0);
	run_victim(answer);
	ck_assert_int_eq(opener_got(0), EPERM);
	expect_found(recover(VICTIM, true), 1, 0);
	judge_again(&ledger->slot[0], false, -EALREADY);
}
END_TEST

START_TEST(slots_recover_killed_after_audit_is_closed)
{
	int fd;

	world();
	start_opener(0);
	run_victim(answer_and_audit);
	fd = ledger->slot[0].fd;
	ck_assert(is_open(fd));
	expect_found(recover(VICTIM, true), 0, 1);
	expect_all_free(fd);
	ck_assert_int_eq(opener_got(0), EPERM);
}
END_TEST

/* No opener may be left without an answer because its record was sent early. */
START_TEST(slots_recover_audited_but_unanswered_is_an_orphan)
{
	world();
	start_opener(0);
	run_victim(audit_unanswered);
	expect_found(recover(VICTIM, true), 1, 0);
	ck_assert(opener_waits(0));
	judge_again(&ledger->slot[0], true, 0);
	ck_assert_int_eq(opener_got(0), EPERM);
}
END_TEST

START_TEST(slots_recover_killed_before_close_is_closed)
{
	int fd;

	world();
	start_opener(0);
	run_victim(begin_to_close);
	fd = ledger->slot[0].fd;
	ck_assert(is_open(fd));
	expect_found(recover(VICTIM, true), 0, 1);
	expect_all_free(fd);
	ck_assert_int_eq(opener_got(0), EPERM);
}
END_TEST

/* --- a victim that is killed but not reaped: calls of its may be under way ---------------- */

START_TEST(slots_lingering_read_is_taken_over_at_the_second_look)
{
	world();
	start_opener(0);
	run_victim(read_only);
	expect_found(inherit(), 0, 0);
	ck_assert_int_eq(slot_state(&ledger->slot[0]), SLOT_READING);
	expect_found(inherit(), 1, 0);
	judge_again(&ledger->slot[0], true, 0);
	ck_assert_int_eq(opener_got(0), EPERM);
}
END_TEST

START_TEST(slots_lingering_read_without_event_stays)
{
	world();
	run_victim(take_only);
	expect_found(inherit(), 0, 0);
	expect_found(inherit(), 0, 0);
	ck_assert_int_eq(slot_state(&ledger->slot[0]), SLOT_READING);
	expect_found(recover(VICTIM, true), 0, 0);
	expect_all_free(-1);
}
END_TEST

START_TEST(slots_lingering_unanswered_is_an_orphan_at_once)
{
	world();
	start_opener(0);
	run_victim(hold);
	expect_found(inherit(), 1, 0);
	judge_again(&ledger->slot[0], false, 0);
	ck_assert_int_eq(opener_got(0), 0);
}
END_TEST

START_TEST(slots_lingering_claim_is_sent_and_its_number_kept)
{
	int fd;

	world();
	start_opener(0);
	run_victim(claim);
	fd = ledger->slot[0].fd;
	expect_found(inherit(), 0, 0);
	ck_assert_int_eq(opener_got(0), EPERM);
	ck_assert(is_open(fd));
	ck_assert_uint_eq(slot_owner(&ledger->slot[0]), VICTIM);
	expect_found(recover(VICTIM, true), 1, 0); /* for its record */
	judge_again(&ledger->slot[0], false, -EALREADY);
	expect_all_free(fd);
}
END_TEST

START_TEST(slots_lingering_closing_stays)
{
	int fd;

	world();
	start_opener(0);
	run_victim(begin_to_close);
	fd = ledger->slot[0].fd;
	expect_found(inherit(), 0, 0);
	ck_assert(is_open(fd));
	ck_assert_int_eq(slot_state(&ledger->slot[0]), SLOT_CLOSING);
	expect_found(recover(VICTIM, true), 0, 1);
	expect_all_free(fd);
	ck_assert_int_eq(opener_got(0), EPERM);
}
END_TEST

START_TEST(slots_recover_closing_not_alone_waits_for_a_later_call)
{
	int fd;

	world();
	start_opener(0);
	run_victim(begin_to_close);
	fd = ledger->slot[0].fd;
	expect_found(recover(VICTIM, false), 0, 0);
	ck_assert(is_open(fd));
	ck_assert_int_eq(slot_state(&ledger->slot[0]), SLOT_CLOSING);
	ck_assert_uint_eq(slot_owner(&ledger->slot[0]), 0);
	ck_assert(!slots_any_owned(ledger, VICTIM));
	expect_found(recover(HEIR, true), 0, 1);
	expect_all_free(fd);
}
END_TEST

static void expect_next_survives(void)
{
	struct slot *next = &ledger->slot[1];

	ck_assert_int_eq(opener_got(0), EPERM);
	expect_found(recover(VICTIM, true), 1, 1);
	ck_assert_int_eq(slot_state(&ledger->slot[0]), SLOT_FREE);
	ck_assert(opener_waits(1));
	judge_again(next, false, 0);
	ck_assert_int_eq(opener_got(1), 0);
	expect_all_free(-1);
}

/* Openers one after the other: the second starts when the first has its answer. */
static void start_second_after_first(void)
{
	pid_t pid;

	start_opener(0);
	pid = fork();
	ck_assert_int_ge(pid, 0);
	opener_pid[1] = pid;
	if (pid > 0)
		return;
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	(void)alarm(CASE_LIMIT_SEC);
	(void)close(group);
	while (kill(opener_pid[0], 0) == 0 && !(slot_answered(&ledger->slot[0])))
		(void)sched_yield();
	_exit(openat(root, "f", O_RDONLY | O_CLOEXEC) < 0 ? errno : 0);
}

START_TEST(slots_recover_number_reused_by_held_slot_is_not_closed)
{
	world();
	start_second_after_first();
	run_victim(close_and_read_next);
	expect_next_survives();
}
END_TEST

START_TEST(slots_recover_number_reused_by_event_in_raw_is_not_closed)
{
	world();
	start_second_after_first();
	run_victim(close_and_begin_to_read_next);
	expect_next_survives();
}
END_TEST

START_TEST(slot_answer_then_close_opener_gets_the_first_answer)
{
	struct slot *slot;

	world();
	start_opener(0);
	run_victim(hold);
	(void)recover(VICTIM, true);
	slot = &ledger->slot[0];
	ck_assert(slot_adopt(slot, HEIR));
	ck_assert_int_eq(slot_answer(slot, group, true), 0);
	ck_assert_int_eq(slot_answer(slot, group, false), -EALREADY);
	ck_assert_int_eq(opener_got(0), EPERM);
	slot_release(ledger, slot);
	expect_all_free(-1);
}
END_TEST

START_TEST(slot_answer_opener_killed_slot_is_released)
{
	struct slot *slot;

	world();
	start_opener(0);
	run_victim(hold);
	(void)recover(VICTIM, true);
	slot = &ledger->slot[0];
	ck_assert(slot_adopt(slot, HEIR));
	(void)kill(opener_pid[0], SIGKILL);
	ck_assert_int_eq(waitpid(opener_pid[0], NULL, 0), opener_pid[0]);
	(void)slot_answer(slot, group, true); /* 0 for an event that had been read */
	ck_assert(slot_answered(slot));
	slot_release(ledger, slot);
	expect_all_free(-1);
}
END_TEST

static bool able(void)
{
	int fd = fan_group_new(NULL);

	if (fd < 0)
		return false;
	(void)close(fd);
	return unshare(CLONE_NEWNS) == 0;
}

UNIT_MAIN_IF(able(), "needs CAP_SYS_ADMIN in the initial user namespace", "slots-kernel",
             slots_recover_killed_before_read_slot_is_free,
             slots_recover_killed_after_read_event_is_an_orphan,
             slots_recover_killed_after_read_is_not_overdue,
             slots_recover_killed_holding_event_is_an_orphan,
             slots_recover_killed_between_claim_and_write_answer_is_sent,
             slots_recover_killed_between_write_and_note_answer_stays,
             slots_recover_killed_before_audit_is_judged_for_the_record,
             slots_recover_killed_after_audit_is_closed,
             slots_recover_audited_but_unanswered_is_an_orphan,
             slots_recover_killed_before_close_is_closed,
             slots_lingering_read_is_taken_over_at_the_second_look,
             slots_lingering_read_without_event_stays,
             slots_lingering_unanswered_is_an_orphan_at_once,
             slots_lingering_claim_is_sent_and_its_number_kept, slots_lingering_closing_stays,
             slots_recover_closing_not_alone_waits_for_a_later_call,
             slots_recover_number_reused_by_held_slot_is_not_closed,
             slots_recover_number_reused_by_event_in_raw_is_not_closed,
             slot_answer_then_close_opener_gets_the_first_answer,
             slot_answer_opener_killed_slot_is_released)
