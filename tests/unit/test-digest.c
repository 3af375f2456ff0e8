/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "custos/digest.h"
#include "unit.h"

#define ALL (1U << DIGEST_SHA256 | 1U << DIGEST_SHA1 | 1U << DIGEST_MD5)

static void check_hex(const uint8_t *digest, size_t len, const char *expected)
{
	char hex[2 * DIGEST_MAX_BYTES + 1];

	for (size_t i = 0; i < len; i++)
		(void)snprintf(hex + 2 * i, 3, "%02x", digest[i]);
	ck_assert_str_eq(hex, expected);
}

START_TEST(digests_final_abc_gives_the_published_values)
{
	uint8_t out[N_DIGESTS][DIGEST_MAX_BYTES];
	struct digests d;

	ck_assert_int_eq(digest_global_init(), 0);
	ck_assert_int_eq(digests_init(&d, ALL), 0);
	for (int round = 0; round < 2; round++) { /* the second one: contexts are reused */
		ck_assert_int_eq(digests_begin(&d), 0);
		ck_assert_int_eq(digests_update(&d, "a", 1), 0);
		ck_assert_int_eq(digests_update(&d, "bc", 2), 0);
		ck_assert_int_eq(digests_final(&d, out), 0);
		check_hex(out[DIGEST_SHA256], 32,
		          "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
		check_hex(out[DIGEST_SHA1], 20, "a9993e364706816aba3e25717850c26c9cd0d89d");
		check_hex(out[DIGEST_MD5], 16, "900150983cd24fb0d6963f7d28e17f72");
	}
	digests_deinit(&d);
}
END_TEST

START_TEST(digests_final_unwanted_algorithm_is_left_alone)
{
	uint8_t out[N_DIGESTS][DIGEST_MAX_BYTES];
	struct digests d;

	memset(out, 0xaa, sizeof(out));
	ck_assert_int_eq(digests_init(&d, 1U << DIGEST_SHA256), 0);
	ck_assert_int_eq(digests_begin(&d), 0);
	ck_assert_int_eq(digests_final(&d, out), 0);
	ck_assert_uint_eq(out[DIGEST_MD5][0], 0xaa);
	check_hex(out[DIGEST_SHA256], 32,
	          "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
	digests_deinit(&d);
	ck_assert_ptr_null(d.ctx[DIGEST_SHA256]);
}
END_TEST

UNIT_MAIN("digest", digests_final_abc_gives_the_published_values,
          digests_final_unwanted_algorithm_is_left_alone)
