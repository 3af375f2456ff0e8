/* SPDX-License-Identifier: Apache-2.0 */
/* Suspects: who is accused after which death, and when that makes a culprit */
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/keeper/keeper.h"
#include "unit.h"

static struct keeper k;
static const struct child scanner = {.pid = 1000, .number = 7, .generation = 3};

static void world(void)
{
	memset(&k, 0, sizeof(k));
	k.shared = aligned_alloc(CACHELINE_BYTES, sizeof(*k.shared));
	ck_assert(k.shared);
	memset(k.shared, 0, sizeof(*k.shared));
	slots_init(shared_slots(k.shared), N_SLOTS);
}

/* Slot @i of the scanner has file @f in hand, and in work or not. */
static struct slot *holds(uint32_t i, FILE *f, bool in_work)
{
	struct slot *slot = &shared_slots(k.shared)->slot[i];

	slot->fd = fcntl(fileno(f), F_DUPFD_CLOEXEC, FD_LOW);
	ck_assert(slot->fd >= FD_LOW);
	slot->kind = SLOT_PERMISSION;
	atomic_store(&slot->word, scanner.number << SLOT_OWNER_SHIFT | SLOT_HELD);
	atomic_store(&slot->work_began, in_work ? 12345 : 0);
	return slot;
}

static struct message dies(const struct child *c)
{
	struct message msg = {0};

	suspects_of_death(&k, 0, c, &msg);
	return msg;
}

/* Of @f's row; 0: there is none. */
static unsigned deaths(FILE *f, bool *ret_solo)
{
	struct stat st;

	ck_assert(fstat(fileno(f), &st) == 0);
	for (unsigned i = 0; i < CULPRITS_MAX; i++) {
		const struct culprit *row = &k.shared->culprits[i];

		if (row->generation == 0 || row->ino != st.st_ino ||
		    row->dev != st.st_dev)
			continue;
		if (ret_solo)
			*ret_solo = row->solo;
		return row->deaths;
	}
	return 0;
}

START_TEST(of_death_by_fault_twice_is_culprit)
{
	FILE *f = tmpfile();
	bool solo;

	world();
	holds(4, f, true);
	holds(5, tmpfile(), true);
	atomic_store(&k.shared->place[0].crash_slot, 5);
	ck_assert_uint_eq(dies(&scanner).culprit, 0);
	ck_assert_uint_eq(deaths(f, &solo), 1);
	ck_assert(!solo);
	ck_assert_uint_eq(dies(&scanner).culprit, 1);
	ck_assert_uint_eq(deaths(f, NULL), 2);
}
END_TEST

START_TEST(of_death_without_a_name_all_in_work_are_suspects)
{
	FILE *a = tmpfile(), *b = tmpfile(), *idle = tmpfile();
	struct message msg;
	bool solo;

	world();
	holds(0, a, true);
	holds(1, b, true);
	holds(2, idle, false);
	msg = dies(&scanner);
	ck_assert_uint_eq(msg.culprit, 0);
	ck_assert_uint_eq(msg.n_suspects, 2);
	ck_assert_uint_eq(deaths(a, &solo), 1);
	ck_assert(solo);
	ck_assert_uint_eq(deaths(b, NULL), 1);
	ck_assert_uint_eq(deaths(idle, NULL), 0);
}
END_TEST

START_TEST(of_death_alone_the_suspect_is_culprit)
{
	FILE *a = tmpfile(), *b = tmpfile();
	struct message msg;

	world();
	holds(0, a, true);
	holds(1, b, true);
	(void)dies(&scanner);
	atomic_store(&k.shared->place[0].solo_slot, 2);
	msg = dies(&scanner);
	ck_assert_uint_eq(msg.culprit, 1);
	ck_assert_uint_eq(deaths(b, NULL), 2);
	ck_assert_uint_eq(deaths(a, NULL), 1);
}
END_TEST

START_TEST(of_death_one_in_work_is_named)
{
	FILE *f = tmpfile();

	world();
	holds(0, f, true);
	ck_assert_uint_eq(dies(&scanner).culprit, 0);
	ck_assert_uint_eq(dies(&scanner).culprit, 1);
	ck_assert_uint_eq(deaths(f, NULL), 2);
}
END_TEST

START_TEST(of_death_never_alone_nobody_is_culprit)
{
	FILE *a = tmpfile(), *b = tmpfile();

	world();
	holds(0, a, true);
	holds(1, b, true);
	for (int i = 0; i < 5; i++)
		ck_assert_uint_eq(dies(&scanner).culprit, 0);
	ck_assert_uint_eq(deaths(a, NULL), 1);
	ck_assert_uint_eq(deaths(b, NULL), 1);
}
END_TEST

START_TEST(of_death_stopped_nobody_is_accused)
{
	struct child hung = scanner;
	FILE *f = tmpfile();

	world();
	holds(0, f, true);
	hung.hung = true;
	ck_assert_uint_eq(dies(&hung).n_suspects, 0);
	ck_assert_uint_eq(deaths(f, NULL), 0);
	/* but the one whose rule does not end is */
	atomic_store(&k.shared->place[0].crash_slot, 1);
	(void)dies(&hung);
	ck_assert_uint_eq(deaths(f, NULL), 1);
}
END_TEST

START_TEST(of_death_numbers_out_of_range_accuse_nobody)
{
	FILE *f = tmpfile();

	world();
	holds(0, f, true);
	atomic_store(&k.shared->place[0].crash_slot, N_SLOTS + 1);
	ck_assert_uint_eq(dies(&scanner).culprit, 0);
	atomic_store(&k.shared->place[0].crash_slot, N_SLOTS); /* the last: nobody's */
	ck_assert_uint_eq(dies(&scanner).n_suspects, 0);
	shared_slots(k.shared)->slot[N_SLOTS - 1].fd = FD_LOW - 1;
	atomic_store(&shared_slots(k.shared)->slot[N_SLOTS - 1].word,
	             scanner.number << SLOT_OWNER_SHIFT | SLOT_HELD);
	ck_assert_uint_eq(dies(&scanner).culprit, 0);
}
END_TEST

START_TEST(of_death_table_full_takes_rows_in_turn)
{
	FILE *f[CULPRITS_MAX + 1];
	unsigned n = 0;

	world();
	for (unsigned i = 0; i <= CULPRITS_MAX; i++) {
		struct slot *slot;

		f[i] = tmpfile();
		ck_assert(f[i]);
		slot = holds(i, f[i], true);
		atomic_store(&k.shared->place[0].crash_slot, i + 1);
		(void)dies(&scanner);
		atomic_store(&slot->work_began, 0);
		if (i + 1 == CULPRITS_MAX)
			ck_assert_uint_eq(deaths(f[0], NULL), 1);
	}
	ck_assert_uint_eq(deaths(f[CULPRITS_MAX], NULL), 1);
	for (unsigned i = 0; i <= CULPRITS_MAX; i++)
		n += deaths(f[i], NULL) != 0;
	ck_assert_uint_eq(n, CULPRITS_MAX);
}
END_TEST

START_TEST(block_holds_until_its_scanner_ends)
{
	FILE *f = tmpfile();

	world();
	suspects_block(&k, holds(0, f, true), &scanner);
	ck_assert_uint_eq(k.shared->culprits[0].blocked, 1000);
	/* a row that blocks accuses nobody */
	(void)dies(&scanner);
	ck_assert_uint_eq(k.shared->culprits[0].deaths, 0);
	ck_assert_uint_eq(k.shared->culprits[1].deaths, 1);
}
END_TEST

UNIT_MAIN("suspects", of_death_by_fault_twice_is_culprit,
          of_death_without_a_name_all_in_work_are_suspects,
          of_death_alone_the_suspect_is_culprit, of_death_one_in_work_is_named,
          of_death_never_alone_nobody_is_culprit, of_death_stopped_nobody_is_accused,
          of_death_numbers_out_of_range_accuse_nobody,
          of_death_table_full_takes_rows_in_turn, block_holds_until_its_scanner_ends)
