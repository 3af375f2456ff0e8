/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "custos/digest.h"
#include "custos/eicar.h"
#include "fixture-eicar.h"
#include "unit.h"

START_TEST(eicar_is_the_string_with_the_published_digest)
{
	static const uint8_t start[] = {0x27, 0x5a, 0x02, 0x1b, 0xbf, 0xb6, 0x48, 0x9e};
	uint8_t out[N_DIGESTS][DIGEST_MAX_BYTES];
	struct digests d;
	char text[EICAR_MAX_BYTES + 1];

	ck_assert_uint_eq(fixture_eicar(text), EICAR_BYTES);
	ck_assert_int_eq(digests_init(&d, 1U << DIGEST_SHA256), 0);
	ck_assert_int_eq(digests_update(&d, text, EICAR_BYTES), 0);
	ck_assert_int_eq(digests_final(&d, out), 0);
	ck_assert(memcmp(out[DIGEST_SHA256], start, sizeof(start)) == 0);
	ck_assert(eicar_is(text, EICAR_BYTES));
	digests_deinit(&d);
}
END_TEST

START_TEST(eicar_is_white_space_after_it_up_to_128_bytes)
{
	char text[EICAR_MAX_BYTES + 2];
	size_t len = fixture_eicar(text);

	for (size_t i = len; i < sizeof(text); i++)
		text[i] = " \t\r\n\x1a"[i % 5];
	for (size_t i = len; i <= EICAR_MAX_BYTES; i++)
		ck_assert(eicar_is(text, i));
	ck_assert(!eicar_is(text, EICAR_MAX_BYTES + 1));
}
END_TEST

START_TEST(eicar_is_any_other_byte_is_not_it)
{
	char text[EICAR_MAX_BYTES + 2];
	size_t len = fixture_eicar(text);

	for (size_t i = 0; i < len; i++) {
		text[i] ^= 0x20;
		ck_assert(!eicar_is(text, len));
		text[i] ^= 0x20;
	}
	ck_assert(!eicar_is(text, len - 1));
	ck_assert(!eicar_is(text, 0));
	text[len] = 'x';
	ck_assert(!eicar_is(text, len + 1));
	text[len] = '\0';
	ck_assert(!eicar_is(text, len + 1));
	memmove(text + 1, text, len);
	ck_assert(!eicar_is(text, len + 1));
}
END_TEST

UNIT_MAIN("eicar", eicar_is_the_string_with_the_published_digest,
          eicar_is_white_space_after_it_up_to_128_bytes, eicar_is_any_other_byte_is_not_it)
