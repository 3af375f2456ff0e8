/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/outpost.h"
#include "unit.h"

START_TEST(may_hold_at_the_limit_and_one_past_it)
{
	static struct outpost_shared sh;

	for (unsigned round = 0; round < 2; round++) {
		/* the one past the limit is the first of the next ones */
		for (unsigned i = round; i < OUTPOST_HELD_MAX; i++)
			ck_assert(outpost_may_hold(&sh));
		ck_assert(!outpost_may_hold(&sh));
	}
}
END_TEST

START_TEST(timeout_is_within_what_may_be_configured)
{
	static struct outpost_shared sh;

	ck_assert_uint_eq(outpost_timeout(&sh), CONF_TIMEOUT_MIN);
	atomic_store(&sh.timeout, CONF_TIMEOUT_MIN + 1);
	ck_assert_uint_eq(outpost_timeout(&sh), CONF_TIMEOUT_MIN + 1);
	atomic_store(&sh.timeout, UINT64_MAX);
	ck_assert_uint_eq(outpost_timeout(&sh), CONF_TIMEOUT_MAX);
}
END_TEST

UNIT_MAIN("outpost", may_hold_at_the_limit_and_one_past_it, timeout_is_within_what_may_be_configured)
