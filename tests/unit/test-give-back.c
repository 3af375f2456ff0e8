/* SPDX-License-Identifier: Apache-2.0 */
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "custos/give-back.h"
#include "unit.h"

#define PAGES ((size_t)8)

static size_t page;

/* Touched, and locked where that is allowed: it is for anybody, so few. */
static uint8_t *make(bool lock)
{
	uint8_t *p;

	page = (size_t)sysconf(_SC_PAGESIZE);
	p = mmap(NULL, PAGES * page, PROT_READ | PROT_WRITE,
	         MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	ck_assert_ptr_ne(p, MAP_FAILED);
	if (lock)
		ck_assert_int_eq(mlock2(p, PAGES * page, MLOCK_ONFAULT), 0);
	memset(p, 'x', PAGES * page);
	return p;
}

static size_t n_there(uint8_t *p)
{
	unsigned char there[PAGES];
	size_t n = 0;

	ck_assert_int_eq(mincore(p, PAGES * page, there), 0);
	for (size_t i = 0; i < PAGES; i++)
		n += there[i] & 1;
	return n;
}

/* All but the first page. */
static void check(bool lock, int (*by)(void *at, size_t bytes))
{
	uint8_t *p = make(lock);

	ck_assert_uint_eq(n_there(p), PAGES);
	ck_assert_int_eq(by(p + page, (PAGES - 1) * page), 0);
	ck_assert_uint_eq(n_there(p), 1);
	ck_assert_uint_eq(p[0], 'x');
	for (size_t i = 1; i < PAGES; i++)
		ck_assert_uint_eq(p[i * page], 0);
	p[PAGES * page - 1] = 'y'; /* and they may be used again */
	ck_assert_int_eq(munmap(p, PAGES * page), 0);
}

START_TEST(give_back_pages_that_are_not_locked)
{
	check(false, give_back);
	check(false, give_back_by_mapping);
}
END_TEST

START_TEST(give_back_pages_that_are_locked)
{
	check(true, give_back);
	check(true, give_back_by_mapping);
}
END_TEST

UNIT_MAIN("give-back", give_back_pages_that_are_not_locked, give_back_pages_that_are_locked)
