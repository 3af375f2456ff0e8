/* SPDX-License-Identifier: Apache-2.0 */
#include "custos/bundle-state.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "custos/bundle.h"
#include "custos/cleanup.h"
#include "custos/digest.h"
#include "unit.h"

static const uint8_t key_a[SIGNATURE_ID_BYTES] = {1, 2, 3},
		     key_b[SIGNATURE_ID_BYTES] = {9};
static const uint8_t sum_1[DIGEST_MAX_BYTES] = {1}, sum_2[DIGEST_MAX_BYTES] = {2};
static char dir[] = "/tmp/custos-bundle-state-XXXXXX";
static int dirfd_;

static void setup(void)
{
	ck_assert_int_eq(digest_global_init(), 0);
	memcpy(dir + sizeof(dir) - 7, "XXXXXX", 6);
	ck_assert_ptr_nonnull(mkdtemp(dir));
	dirfd_ = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	ck_assert_int_ge(dirfd_, 0);
}

static void teardown(void)
{
	(void)unlinkat(dirfd_, "state", 0);
	close(dirfd_);
	ck_assert_int_eq(rmdir(dir), 0);
}

static struct bundle_manifest manifest(const char *channel, int64_t serial,
                                       int64_t created)
{
	struct bundle_manifest m = {.serial = serial, .created_sec = created};

	strcpy(m.channel, channel);
	return m;
}

static void note(struct bundle_state *s, const uint8_t *key, const char *channel,
                 int64_t serial, int64_t created, const uint8_t *sum)
{
	struct bundle_manifest m = manifest(channel, serial, created);

	ck_assert_int_eq(bundle_state_note(s, key, &m, sum), 0);
}

START_TEST(note_never_goes_down)
{
	_cleanup_(bundle_state_deinit) struct bundle_state s = BUNDLE_STATE_NULL;

	note(&s, key_a, "base", 10, 1000, sum_1);
	note(&s, key_a, "base", 9, 900, sum_2);
	ck_assert_uint_eq(s.n_records, 1);
	ck_assert_int_eq(s.records[0].serial, 10);
	ck_assert_int_eq(s.records[0].created_sec, 1000);
	ck_assert_uint_eq(s.records[0].manifest[0], 1);
	note(&s, key_a, "base", 11, 800, sum_2);
	ck_assert_int_eq(s.records[0].serial, 11);
	ck_assert_int_eq(s.records[0].created_sec, 1000);
	ck_assert_uint_eq(s.records[0].manifest[0], 2);
	note(&s, key_a, "site", 1, 1, sum_1);
	note(&s, key_b, "base", 1, 1, sum_1);
	ck_assert_uint_eq(s.n_records, 3);
}
END_TEST

START_TEST(note_records_at_limit_and_past)
{
	_cleanup_(bundle_state_deinit) struct bundle_state s = BUNDLE_STATE_NULL;
	struct bundle_manifest m = manifest("base", 1, 1);
	_cleanup_(freep) char *text = NULL;
	struct bundle_state again = BUNDLE_STATE_NULL;
	uint8_t key[SIGNATURE_ID_BYTES] = {0};
	size_t len;

	for (unsigned i = 0; i < BUNDLE_STATE_RECORDS_MAX; i++) {
		memcpy(key, &i, sizeof(i));
		ck_assert_int_eq(bundle_state_note(&s, key, &m, sum_1), 0);
	}
	key[7] = 1;
	ck_assert_int_eq(bundle_state_note(&s, key, &m, sum_1), -E2BIG);
	ck_assert_int_eq(bundle_state_format(&s, &text, &len), 0);
	ck_assert_int_eq(bundle_state_parse(text, len, &again), 0);
	ck_assert_uint_eq(again.n_records, BUNDLE_STATE_RECORDS_MAX);
	bundle_state_deinit(&again);
}
END_TEST

START_TEST(store_and_load_keep_everything)
{
	_cleanup_(bundle_state_deinit) struct bundle_state s = BUNDLE_STATE_NULL;
	_cleanup_(bundle_state_deinit) struct bundle_state got = BUNDLE_STATE_NULL;

	ck_assert_int_eq(bundle_state_load(dirfd_, &got), -ENOENT);
	ck_assert_int_eq(bundle_state_store(dirfd_, &s), 0);
	ck_assert_int_eq(bundle_state_load(dirfd_, &got), 0);
	note(&s, key_a, "base", BUNDLE_SERIAL_MAX, 1795406400, sum_1);
	note(&s, key_b, "site", 7, 5, sum_2);
	ck_assert_int_eq(bundle_state_withdraw(&s, "base", 12), 0);
	ck_assert_int_eq(bundle_state_withdraw(&s, "base", 13), 0);
	ck_assert_int_eq(bundle_state_store(dirfd_, &s), 0);
	ck_assert_int_eq(bundle_state_load(dirfd_, &got), 0);
	ck_assert_uint_eq(got.n_records, 2);
	ck_assert_mem_eq(got.records, s.records, 2 * sizeof(*s.records));
	ck_assert_int_eq(bundle_state_withdrawn(&got, "base"), 13);
	ck_assert_int_eq(bundle_state_withdrawn(&got, "site"), 0);
}
END_TEST

/* Every byte that is changed, and every cut, is noticed. */
START_TEST(parse_damage_is_noticed)
{
	_cleanup_(bundle_state_deinit) struct bundle_state s = BUNDLE_STATE_NULL;
	_cleanup_(freep) char *text = NULL;
	struct bundle_state got = BUNDLE_STATE_NULL;
	size_t len;

	note(&s, key_a, "base", 10, 1000, sum_1);
	ck_assert_int_eq(bundle_state_format(&s, &text, &len), 0);
	for (size_t i = 0; i < len; i++) {
		text[i] ^= 1;
		ck_assert_int_eq(bundle_state_parse(text, len, &got), -EBADMSG);
		text[i] ^= 1;
		ck_assert_int_eq(bundle_state_parse(text, i, &got), -EBADMSG);
	}
	ck_assert_int_eq(bundle_state_parse(text, len, &got), 0);
	bundle_state_deinit(&got);
}
END_TEST

/* --- admission --- */

static struct bundle_keys keys_of(struct bundle_key *items, size_t n)
{
	memcpy(items[0].key.id, key_a, SIGNATURE_ID_BYTES);
	if (n > 1)
		memcpy(items[1].key.id, key_b, SIGNATURE_ID_BYTES);
	return (struct bundle_keys){.items = items, .n = n};
}

static enum bundle_admission admit(int64_t serial, const uint8_t *sum,
                                   const struct bundle_state *s,
                                   const struct bundle_keys *keys, int64_t floor)
{
	_cleanup_(diag_deinit) struct diag d = DIAG_NULL;
	struct bundle b = {.manifest = manifest("base", serial, 1)};
	enum bundle_admission a;

	memcpy(b.sha256, sum, sizeof(b.sha256));
	a = bundle_admit(&b, s, keys, floor, 100, &d);
	ck_assert_int_eq(a != BUNDLE_ADMITTED, d.n_total > 0);
	return a;
}

START_TEST(admit_older_serial_refused)
{
	_cleanup_(bundle_state_deinit) struct bundle_state s = BUNDLE_STATE_NULL;
	struct bundle_key items[2] = {0};
	struct bundle_keys keys = keys_of(items, 2);

	note(&s, key_a, "base", 10, 1000, sum_1);
	note(&s, key_b, "site", 99, 1000, sum_1);
	ck_assert_int_eq(admit(9, sum_1, &s, &keys, 0), BUNDLE_OLD);
	ck_assert_int_eq(admit(10, sum_1, &s, &keys, 0), BUNDLE_ADMITTED);
	ck_assert_int_eq(admit(10, sum_2, &s, &keys, 0), BUNDLE_OLD);
	ck_assert_int_eq(admit(11, sum_2, &s, &keys, 0), BUNDLE_ADMITTED);
	ck_assert_int_eq(admit(11, sum_2, &s, &keys, 11), BUNDLE_ADMITTED);
	ck_assert_int_eq(admit(11, sum_2, &s, &keys, 12), BUNDLE_OLD);
	ck_assert_int_eq(bundle_state_withdraw(&s, "base", 11), 0);
	ck_assert_int_eq(admit(11, sum_2, &s, &keys, 0), BUNDLE_OLD);
	ck_assert_int_eq(admit(12, sum_2, &s, &keys, 0), BUNDLE_ADMITTED);
}
END_TEST

/* A thief signs the highest serial there is, and a time far away: gone with his key. */
START_TEST(admit_after_stolen_key_was_masked)
{
	_cleanup_(bundle_state_deinit) struct bundle_state s = BUNDLE_STATE_NULL;
	struct bundle_key both_items[2] = {0}, one_item[1] = {0};
	struct bundle_keys both = keys_of(both_items, 2), only_a = keys_of(one_item, 1);

	note(&s, key_a, "base", 10, 2000000000, sum_1);
	note(&s, key_b, "base", BUNDLE_SERIAL_MAX, 9000000000, sum_2);
	ck_assert_int_eq(admit(11, sum_1, &s, &both, 0), BUNDLE_OLD);
	ck_assert_int_eq(bundle_now(&s, &both, 1), 9000000000);
	ck_assert_int_eq(admit(11, sum_1, &s, &only_a, 0), BUNDLE_ADMITTED);
	ck_assert_int_eq(admit(9, sum_1, &s, &only_a, 0), BUNDLE_OLD);
	ck_assert_int_eq(bundle_now(&s, &only_a, 1), 2000000000);
}
END_TEST

START_TEST(admit_expired_and_later_engine_refused)
{
	_cleanup_(bundle_state_deinit) struct bundle_state s = BUNDLE_STATE_NULL;
	_cleanup_(diag_deinit) struct diag d = DIAG_NULL;
	struct bundle b = {.manifest = manifest("base", 1, 1)};
	struct bundle_keys none = BUNDLE_KEYS_NULL;

	ck_assert_int_eq(bundle_now(&s, &none, 5), BUNDLE_RELEASED_SEC);
	ck_assert_int_eq(bundle_now(&s, &none, INT64_MAX), INT64_MAX);
	b.manifest.expires_sec = 100;
	ck_assert_int_eq(bundle_admit(&b, &s, &none, 0, 99, &d), BUNDLE_ADMITTED);
	ck_assert_int_eq(bundle_admit(&b, &s, &none, 0, 100, &d), BUNDLE_EXPIRED);
	strcpy(b.manifest.min_engine, CUSTOS_VERSION);
	ck_assert_int_eq(bundle_admit(&b, &s, &none, 0, 99, &d), BUNDLE_ADMITTED);
	strcpy(b.manifest.min_engine, "99");
	ck_assert_int_eq(bundle_admit(&b, &s, &none, 0, 99, &d), BUNDLE_ENGINE);
}
END_TEST

UNIT_MAIN_WITH(setup, teardown, "bundle-state", note_never_goes_down, note_records_at_limit_and_past,
               store_and_load_keep_everything, parse_damage_is_noticed, admit_older_serial_refused,
               admit_after_stolen_key_was_masked, admit_expired_and_later_engine_refused)
