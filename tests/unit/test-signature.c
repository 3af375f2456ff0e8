/* SPDX-License-Identifier: Apache-2.0 */
/* Keys and signatures made by signify-openbsd 31 and minisign 0.11 */
#include "custos/signature.h"

#include <errno.h>
#include <string.h>

#include "custos/digest.h"
#include "unit.h"

#define MESSAGE "custos-bundle 1\n"

static const char signify_key[] =
	"untrusted comment: custos test key public key\n"
	"RWR6zVImmxiRLqp6HaOWtsWodw/ealFAF26eg6Yh+xER3LnltKeUsI5d\n";
static const char signify_sig[] =
	"untrusted comment: verify with a.pub\n"
	"RWR6zVImmxiRLt+"
        "CHMEPXj0lanxgV02FooEAQH46Cvw98pMglZVhqzZt4WVHIAb2ta6A4dlykcWxgXxDhyDI9Ulqru4L"
	"mDBsxgc=\n";
static const char minisign_key[] =
	"untrusted comment: minisign public key 7F3914D03883D06B\n"
	"RWRr0IM40BQ5fxUUWhsfj+mIVhmomYIpAmFV+MT4dfu0ckkJ5tI/vvtR\n";
static const char prehashed_sig[] =
	"untrusted comment: signature from minisign secret key\n"
	"RURr0IM40BQ5f20l8VAJJguDS4A94xnfJyBWI9vIfDULTivuTgVTD+"
        "pO0MGLGrObDGcT9GlL5tjApXxlCK6eD67Kbt1v"
	"FNtFtQI=\n"
	"trusted comment: trusted words\n"
	"lDig9hgtzBvamBpx7Q2mhZVbL+DGNGEMH9DFqv8pgQ5/owQq3yAfHwqTtJ/"
        "7xgr9p9DbBWyNIvN9n5xgSYetAw==\n";
static const char plain_sig[] =
	"untrusted comment: signature from minisign secret key\n"
	"RWRr0IM40BQ5f+Q5Z25VwenUvys9fuch9c9PwM5KNe2znIgHssAbGUiAH4EmkNaT2VrD54Cpr7+"
        "NLKjVjKFLayY+p5ar"
	"jEyW0gE=\n"
	"trusted comment: timestamp:1795791320\tfile:M\n"
	"Ji5x51L0iMpuWkVby8158bf3mdrmAp7Bguf2OipFbA3CQ5lQUWJb5iQcnhLtAsIDnrzcslKSHvWHqt"
        "h+2Aa8Cg==\n";

static int verify(const char *key_text, const char *sig_text, const char *msg)
{
	struct signature_key key;
	struct signature sig;
	const char *why;

	ck_assert_int_eq(digest_global_init(), 0);
	ck_assert_int_eq(signature_key_parse(key_text, strlen(key_text), &key, &why),
	                 0);
	ck_assert_int_eq(signature_parse(sig_text, strlen(sig_text), &sig, &why), 0);
	return signature_verify(&sig, &key, msg, strlen(msg));
}

START_TEST(verify_signify_fits)
{
	ck_assert_int_eq(verify(signify_key, signify_sig, MESSAGE), 0);
}
END_TEST

START_TEST(verify_minisign_prehashed_fits)
{
	ck_assert_int_eq(verify(minisign_key, prehashed_sig, MESSAGE), 0);
}
END_TEST

START_TEST(verify_minisign_legacy_fits)
{
	ck_assert_int_eq(verify(minisign_key, plain_sig, MESSAGE), 0);
}
END_TEST

START_TEST(verify_changed_message_rejected)
{
	ck_assert_int_eq(verify(signify_key, signify_sig, "custos-bundle 2\n"),
	                 -EKEYREJECTED);
	ck_assert_int_eq(verify(minisign_key, prehashed_sig, "custos-bundle 2\n"),
	                 -EKEYREJECTED);
	ck_assert_int_eq(verify(minisign_key, plain_sig, ""), -EKEYREJECTED);
}
END_TEST

START_TEST(verify_other_key_rejected)
{
	ck_assert_int_eq(verify(minisign_key, signify_sig, MESSAGE), -EKEYREJECTED);
	ck_assert_int_eq(verify(signify_key, prehashed_sig, MESSAGE), -EKEYREJECTED);
}
END_TEST

/* Each bit of the signature and of the signed comment counts. */
START_TEST(verify_changed_bit_rejected)
{
	char *text = strdup(prehashed_sig);
	struct signature_key key;
	struct signature good, sig;
	const char *why;

	ck_assert_int_eq(digest_global_init(), 0);
	ck_assert_int_eq(
		signature_key_parse(minisign_key, strlen(minisign_key), &key, &why), 0);
	ck_assert_int_eq(signature_parse(text, strlen(text), &good, &why), 0);
	for (unsigned bit = 0; bit < 8 * sizeof(sig.bytes); bit++) {
		sig = good;
		sig.bytes[bit / 8] ^= (uint8_t)(1U << bit % 8);
		ck_assert_int_eq(signature_verify(&sig, &key, MESSAGE, strlen(MESSAGE)),
		                 -EKEYREJECTED);
		sig = good;
		sig.comment_bytes[bit / 8] ^= (uint8_t)(1U << bit % 8);
		ck_assert_int_eq(signature_verify(&sig, &key, MESSAGE, strlen(MESSAGE)),
		                 -EKEYREJECTED);
	}
	*(strstr(text, "trusted words")) = 'T';
	ck_assert_int_eq(signature_verify(&good, &key, MESSAGE, strlen(MESSAGE)),
	                 -EKEYREJECTED);
	free(text);
}
END_TEST

/* The form of a comment does not take the place of a plain signature, nor of a hash. */
START_TEST(verify_other_algorithm_rejected)
{
	struct signature_key key;
	struct signature sig;
	const char *why;

	ck_assert_int_eq(digest_global_init(), 0);
	ck_assert_int_eq(
		signature_key_parse(minisign_key, strlen(minisign_key), &key, &why), 0);
	ck_assert_int_eq(
		signature_parse(prehashed_sig, strlen(prehashed_sig), &sig, &why), 0);
	sig.prehashed = false;
	ck_assert_int_eq(signature_verify(&sig, &key, MESSAGE, strlen(MESSAGE)),
	                 -EKEYREJECTED);
}
END_TEST

static void expect_bad(const char *text, size_t len)
{
	struct signature_key key;
	struct signature sig;
	const char *why = NULL;

	ck_assert_int_eq(signature_parse(text, len, &sig, &why), -EBADMSG);
	ck_assert_ptr_nonnull(why);
	why = NULL;
	ck_assert_int_eq(signature_key_parse(text, len, &key, &why), -EBADMSG);
	ck_assert_ptr_nonnull(why);
}

START_TEST(parse_other_files_refused)
{
	static const char *const bad[] = {
		"",
		"\n",
		"\n\n",
		"untrusted comment: x\n",
		"untrusted comment: x\nRWQ\n",
		"untrusted comment: x\nRWR6zVImmxiRLt+C",
		"comment\nRWQ=\n",
		"untrusted comment: \001\nRWQ=\n",
		"a\nb\nc\nd\ne\n",
		/* minisign's default without its comment; an algorithm that is neither
	         */
		"untrusted comment: "
	        "x\nRURr0IM40BQ5f20l8VAJJguDS4A94xnfJyBWI9vIfDULTivuTgVTD+pO0MGLGrOb"
		"DGcT9GlL5tjApXxlCK6eD67Kbt1vFNtFtQI=\n",
		"untrusted comment: "
	        "x\nRXRr0IM40BQ5f20l8VAJJguDS4A94xnfJyBWI9vIfDULTivuTgVTD+pO0MGLGrOb"
		"DGcT9GlL5tjApXxlCK6eD67Kbt1vFNtFtQI=\n",
		"untrusted comment: "
	        "x\nRXR6zVImmxiRLqp6HaOWtsWodw/ealFAF26eg6Yh+xER3LnltKeUsI5d\n",
	};

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		expect_bad(bad[i], strlen(bad[i]));
	expect_bad("untrusted comment: \0\nRWQ=\n", 26);
}
END_TEST

/* A comment so long that the file has exactly the most bytes, and one more. */
START_TEST(parse_size_at_limit_and_past)
{
	const char *end = strchr(signify_key, '\n');
	char *text = malloc(SIGNATURE_FILE_MAX + 1);
	struct signature_key key;
	const char *why;

	for (size_t more = 0; more < 2; more++) {
		size_t len = SIGNATURE_FILE_MAX + more;

		memset(text, 'x', len);
		memcpy(text, "untrusted comment: ", 19);
		memcpy(text + len - strlen(end), end, strlen(end));
		ck_assert_int_eq(signature_key_parse(text, len, &key, &why),
		                 more ? -EBADMSG : 0);
	}
	free(text);
}
END_TEST

START_TEST(id_text_as_minisign_shows_it)
{
	char id[SIGNATURE_ID_TEXT];
	struct signature_key key;
	const char *why;

	ck_assert_int_eq(
		signature_key_parse(minisign_key, strlen(minisign_key), &key, &why), 0);
	signature_id_text(key.id, id);
	ck_assert_str_eq(id, "7f3914d03883d06b");
}
END_TEST

UNIT_MAIN("signature", verify_signify_fits, verify_minisign_prehashed_fits,
          verify_minisign_legacy_fits, verify_changed_message_rejected,
          verify_other_key_rejected, verify_changed_bit_rejected,
          verify_other_algorithm_rejected, parse_other_files_refused,
          parse_size_at_limit_and_past, id_text_as_minisign_shows_it)
