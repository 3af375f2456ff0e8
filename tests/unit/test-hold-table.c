/* SPDX-License-Identifier: Apache-2.0 */
/* Hold table: what is held is found by inode, by descriptor and by age, and by nothing else */
#include "daemon/supervisor/hold-table.h"

#include "unit.h"

#define SIZE  64
#define N_FDS 100

static struct hold_table table;

static void table_deinit(struct hold_table **t)
{
	hold_table_deinit(*t);
}

#define WITH_TABLE() \
	__attribute__((cleanup(table_deinit))) struct hold_table *made = &table; \
	ck_assert_int_eq(hold_table_init(made, SIZE, N_FDS), 0)

static struct cache_key key_of(uint64_t ino)
{
	return (struct cache_key){.dev = 7 + ino % 2, .ino = ino};
}

static uint32_t add(uint64_t ino, int fd)
{
	struct cache_key key = key_of(ino);

	return hold_add(&table, &key, fd);
}

static uint32_t find(uint64_t ino)
{
	struct cache_key key = key_of(ino);

	return hold_find(&table, &key);
}

START_TEST(hold_find_of_what_was_added_returns_it)
{
	struct cache_key other = {.dev = 1, .ino = 1};
	uint32_t a, b;

	WITH_TABLE();
	a = add(1, 10);
	b = add(2, 11);
	ck_assert_uint_ne(a, b);
	ck_assert_uint_eq(find(1), a);
	ck_assert_uint_eq(find(2), b);
	ck_assert_uint_eq(hold_find_fd(&table, 10), a);
	ck_assert_uint_eq(find(3), HOLD_NONE);
	ck_assert_uint_eq(hold_find(&table, &other), HOLD_NONE);
	ck_assert_uint_eq(hold_find_fd(&table, 12), HOLD_NONE);
	ck_assert_uint_eq(table.oldest, a);
	ck_assert_uint_eq(table.newest, b);
}
END_TEST

START_TEST(hold_find_fd_of_a_number_out_of_range_returns_none)
{
	WITH_TABLE();
	ck_assert_uint_eq(hold_find_fd(&table, -1), HOLD_NONE);
	ck_assert_uint_eq(hold_find_fd(&table, N_FDS), HOLD_NONE);
	ck_assert_uint_eq(add(1, N_FDS), HOLD_NONE);
	ck_assert_uint_eq(add(1, -1), HOLD_NONE);
	ck_assert_uint_ne(add(1, N_FDS - 1), HOLD_NONE);
	ck_assert_uint_eq(table.n, 1);
}
END_TEST

START_TEST(hold_add_to_a_full_table_returns_none)
{
	WITH_TABLE();
	for (int i = 0; i < SIZE; i++)
		ck_assert_uint_ne(add((uint64_t)i, i), HOLD_NONE);
	ck_assert_uint_eq(add(SIZE, SIZE), HOLD_NONE);
	ck_assert_uint_eq(find(SIZE), HOLD_NONE);
	hold_remove(&table, find(5));
	ck_assert_uint_ne(add(SIZE, SIZE), HOLD_NONE);
	ck_assert_uint_eq(find(5), HOLD_NONE);
	ck_assert_uint_eq(hold_find_fd(&table, 5), HOLD_NONE);
}
END_TEST

/* Any order of removal leaves the rest as it was, and the order of age. */
START_TEST(hold_remove_anywhere_keeps_the_others)
{
	const uint64_t gone[] = {3, 0, 7, 4}; /* middle, oldest, newest, beside a gap */
	const uint64_t left[] = {1, 2, 5, 6};
	uint32_t i = 0;
	unsigned n = 0;

	WITH_TABLE();
	for (int k = 0; k < 8; k++)
		(void)add((uint64_t)k, k + 20);
	for (unsigned k = 0; k < 4; k++)
		hold_remove(&table, find(gone[k]));
	ck_assert_uint_eq(table.n, 4);
	for (i = table.oldest; i != HOLD_NONE; i = table.items[i].newer)
		ck_assert_uint_eq(table.items[i].key.ino, left[n++]);
	ck_assert_uint_eq(n, 4);
	for (i = table.newest; i != HOLD_NONE; i = table.items[i].older)
		ck_assert_uint_eq(table.items[i].key.ino, left[--n]);
	ck_assert_uint_eq(n, 0);
}
END_TEST

/* Against a plain array, for many files that share chains. */
START_TEST(hold_table_after_random_steps_agrees_with_a_list)
{
	bool there[256] = {false};
	unsigned n = 0, state = 1;

	WITH_TABLE();
	for (int step = 0; step < 20000; step++) {
		uint64_t ino = (state = state * 1103515245 + 12345) >> 16 & 255;
		uint32_t found = find(ino);

		ck_assert_int_eq(found != HOLD_NONE, there[ino]);
		if (there[ino]) {
			hold_remove(&table, found);
			there[ino] = false;
			n--;
		} else if (n < SIZE) {
			int fd = 0;

			while (hold_find_fd(&table, fd) != HOLD_NONE)
				fd++;
			ck_assert_uint_ne(add(ino, fd), HOLD_NONE);
			there[ino] = true;
			n++;
		}
		ck_assert_uint_eq(table.n, n);
	}
}
END_TEST

UNIT_MAIN("hold-table", hold_find_of_what_was_added_returns_it,
          hold_find_fd_of_a_number_out_of_range_returns_none,
          hold_add_to_a_full_table_returns_none,
          hold_remove_anywhere_keeps_the_others,
          hold_table_after_random_steps_agrees_with_a_list)
