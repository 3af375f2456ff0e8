/* SPDX-License-Identifier: Apache-2.0 */
#include <stdatomic.h>
#include <string.h>
#include <zlib.h>

#include "custos/cleanup.h"
#include "custos/clock.h"
#include "custos/payload.h"
#include "unit.h"

#define ROOM ((size_t)8 << 20)

static char *script;   /* what is walked */
static size_t script_len;
static char shown[4096]; /* what was shown: "OFFSET:TEXT|" each */
static unsigned n_shown;
static const char *deny;
static bool fails;

static bool on_payload(void *userdata, const struct payload *p, nsec_t deadline, enum reason *ret_miss)
{
	const size_t len = strlen(shown);

	(void)userdata;
	(void)deadline;
	n_shown++;
	(void)snprintf(shown + len, sizeof(shown) - len, "%u:%.*s|", (unsigned)p->offset, (int)MIN(p->len, (size_t)200),
	               (const char *)p->buf);
	if (fails)
		*ret_miss = REASON_ENGINE;
	return !deny || !memmem(p->buf, p->len, deny, strlen(deny));
}

static void begin(void)
{
	script = script ?: malloc(ROOM);
	script_len = 0;
	*shown = '\0';
	n_shown = 0;
	deny = NULL;
	fails = false;
}

static void add(const char *text)
{
	script_len += (size_t)snprintf(script + script_len, ROOM - script_len, "%s", text);
}

static void add_base64_of(const void *data, size_t len, const char *glue, size_t every)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	const uint8_t *p = data;
	size_t n = 0;

	for (size_t i = 0; i < len; i += 3) {
		const uint32_t v = (uint32_t)p[i] << 16 | (uint32_t)(i + 1 < len ? p[i + 1] : 0) << 8 |
		                   (i + 2 < len ? p[i + 2] : 0U);

		for (unsigned j = 0; j < 4; j++) {
			if (every && n && n % every == 0)
				add(glue);
			script[script_len++] = i + j > len ? '=' : digits[v >> (18 - 6 * j) & 63];
			n++;
		}
	}
	script[script_len] = '\0';
}

static void add_base64(const char *text)
{
	add_base64_of(text, strlen(text), "", 0);
}

/* Deflated as @window_bits say. Return: owned by the caller. */
static uint8_t *deflated(const void *data, size_t len, int window_bits, size_t *ret_len)
{
	z_stream z = {.next_in = (Bytef *)data, .avail_in = (uInt)len};
	uint8_t *out = malloc(len + 1000);

	z.next_out = out;
	z.avail_out = (uInt)(len + 1000);
	ck_assert_int_eq(deflateInit2(&z, 9, Z_DEFLATED, window_bits, 9, Z_DEFAULT_STRATEGY), Z_OK);
	ck_assert_int_eq(deflate(&z, Z_FINISH), Z_STREAM_END);
	*ret_len = z.total_out;
	(void)deflateEnd(&z);
	return out;
}

static void add_deflated(const char *text, int window_bits)
{
	size_t len;
	uint8_t *p = deflated(text, strlen(text), window_bits, &len);

	add_base64_of(p, len, "", 0);
	free(p);
}

static enum reason walk_with(const struct payload_limits *l, nsec_t time, const _Atomic bool *cancel)
{
	_cleanup_(payload_walker_freep) struct payload_walker *w = NULL;
	struct payload_walk walk = {
		.buf = script,
		.len = script_len,
		.deadline = clock_now() + time,
		.cancel = cancel,
		.payload = on_payload,
	};

	ck_assert_int_eq(payload_walker_new(l, &w), 0);
	payload_walk(w, &walk);
	return walk.reason;
}

static enum reason walk(void)
{
	return walk_with(&payload_limits_default, 30 * NSEC_PER_SEC, NULL);
}

static void check_finds(const char *text)
{
	ck_assert_str_eq(reason_name(walk()), "none");
	if (!strstr(shown, text))
		ck_abort_msg("in '%.300s' only '%s' was found, not '%s'", script, shown, text);
}

static const char payload_text[] = "print($words['cmd']); /* and so on */";

START_TEST(walk_php_forms_are_decoded_and_marked)
{
	static const int window_bits[] = {0, -15, 15, 15 + 16};
	static const char *const calls[] = {"base64_decode", "gzinflate(base64_decode", "gzuncompress(BASE64_DECODE",
	                                    "gzdecode(base64_decode"};

	for (size_t i = 0; i < ARRAY_SIZE(calls); i++) {
		char expected[300];
		size_t at;

		begin();
		add("<?php eval(");
		add(calls[i]);
		add("('");
		at = script_len;
		if (window_bits[i])
			add_deflated(payload_text, window_bits[i]);
		else
			add_base64(payload_text);
		add("')));");
		(void)snprintf(expected, sizeof(expected), "%zu:%s|%zu:<?php %s|", at, payload_text, at, payload_text);
		check_finds(expected);
	}
}
END_TEST

START_TEST(walk_other_languages_are_decoded_and_marked)
{
	static const struct {
		const char *before, *after, *mark;
	} forms[] = {
		{"import zlib,base64\nexec(base64.b64decode(b\"", "\"))\n", "#!/usr/bin/python3\n"},
		{"#!/bin/sh\necho ", " | base64 -d | sh\n", "#!/bin/sh\n"},
		{"#!/bin/sh\nopenssl base64 -d -A <<< '", "' | bash\n", "#!/bin/sh\n"},
		{"use MIME::Base64; eval(decode_base64('", "'));", "#!/usr/bin/perl\n"},
		{"eval(Base64.decode64('", "'))", "#!/usr/bin/ruby\n"},
		{"eval(atob('", "'))", "#!/usr/bin/node\n"},
		{"eval(Buffer.from('", "','base64').toString())", "#!/usr/bin/node\n"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(forms); i++) {
		char expected[300];

		begin();
		add(forms[i].before);
		add_base64(payload_text);
		add(forms[i].after);
		(void)snprintf(expected, sizeof(expected), ":%s%s|", forms[i].mark, payload_text);
		check_finds(expected);
		begin();
		add(forms[i].before);
		add_deflated(payload_text, 15);
		add(forms[i].after);
		check_finds(expected);
	}
	begin();
	add("#!/bin/sh\necho ");
	add_base64("rm -rf /");
	add("|base64 --decode|sh\n");
	check_finds(":rm -rf /|");
	begin();
	add("base64 -d: ");
	add_base64("#!/bin/sh\nrm -rf /");
	ck_assert_int_eq(walk(), REASON_NONE);
	ck_assert_uint_eq(n_shown, 1); /* it says itself what it is */
}
END_TEST

START_TEST(walk_pieces_are_joined)
{
	static const char *const glues[] = {"\n", "\r\n", "\" .\n    \"", "' . '", "\" + \"", "\\\n", "\",\n\t\"", "\"\n\""};
	char text[200];

	(void)snprintf(text, sizeof(text), "%s%s%s", payload_text, payload_text, payload_text);
	for (size_t i = 0; i < ARRAY_SIZE(glues); i++) {
		begin();
		add("x = base64 - '");
		add_base64_of(text, strlen(text), glues[i], i % 2 ? 76 : 20);
		add("'");
		check_finds(text);
	}
	begin(); /* pieces too short, or too far from each other, are none of one string */
	add("base64 - '");
	add_base64_of(text, strlen(text), "\n", 19);
	ck_assert_int_eq(walk(), REASON_NONE);
	ck_assert(!strstr(shown, text));
	begin();
	add("base64 - '");
	add_base64_of(text, strlen(text), "\n                         ", 76);
	ck_assert_int_eq(walk(), REASON_NONE);
	ck_assert(!strstr(shown, text));
}
END_TEST

START_TEST(walk_gzip_behind_a_script)
{
	size_t len;
	uint8_t *p = deflated(payload_text, strlen(payload_text), 15 + 16, &len);

	for (unsigned i = 0; i < 3; i++) {
		begin();
		add(i == 0 ? "#!/bin/sh\ntail -n +3 $0 | gzip -d | sh\nexit\n" : i == 1 ? "<?php __halt_compiler();" : "text");
		memcpy(script + script_len, p, len);
		script_len += len;
		if (i < 2)
			check_finds(payload_text);
		else
			ck_assert(walk() == REASON_NONE && n_shown == 0);
	}
	free(p);
}
END_TEST

/* What gzip(1) makes of them is one text. */
START_TEST(walk_gzip_members_are_joined)
{
	const char *const second = payload_text + strlen(payload_text) / 2;
	uint8_t both[1024];
	size_t n_first, n_second;
	uint8_t *p = deflated(payload_text, (size_t)(second - payload_text), 15 + 16, &n_first);
	uint8_t *q = deflated(second, strlen(second), 15 + 16, &n_second);

	ck_assert_uint_le(n_first + n_second, sizeof(both));
	memcpy(both, p, n_first);
	memcpy(both + n_first, q, n_second);
	begin();
	add("#!/bin/sh\nbase64 -d <<E | gzip -d | sh\n");
	add_base64_of((const char *)both, n_first + n_second, "\n", 76);
	add("\nE\n");
	check_finds(payload_text);
	begin();
	add("#!/bin/sh\ntail -n +3 $0 | gzip -d | sh\nexit\n");
	memcpy(script + script_len, both, n_first + n_second);
	script_len += n_first + n_second;
	check_finds(payload_text);
	free(p);
	free(q);
}
END_TEST

START_TEST(walk_leaves_alone_what_is_no_script_or_does_not_decode)
{
	static const char *const heads[] = {"\x7f" "ELF", "MZ", "PK\3\4", "an ordinary text "};

	for (size_t i = 0; i < ARRAY_SIZE(heads); i++) {
		begin();
		add(heads[i]);
		if (i + 1 < ARRAY_SIZE(heads))
			add(" base64_decode ");
		ck_assert(payload_may_be(script, script_len, false) == false);
		add_base64(payload_text);
		ck_assert_int_eq(walk(), REASON_NONE);
		ck_assert_uint_eq(n_shown, 0);
	}
	begin(); /* PHP skips what stands before it */
	add("MZ <?php base64_decode ");
	add_base64(payload_text);
	check_finds(payload_text);
	begin();
	add("base64_decode AnIdentifierWithCapitals another_long_name_of_something /usr/share/doc/package/readme");
	ck_assert(payload_may_be(script, script_len, false));
	ck_assert_int_eq(walk(), REASON_NONE);
	ck_assert_uint_eq(n_shown, 0);
	script_len = 0;
	ck_assert_int_eq(walk(), REASON_NONE);
}
END_TEST

START_TEST(walk_goes_one_level_deep)
{
	char inner[200];

	begin();
	add_base64(payload_text);
	(void)snprintf(inner, sizeof(inner), "eval(base64_decode('%s'));", script);
	begin();
	add("<?php eval(base64_decode('");
	add_base64(inner);
	add("'));");
	check_finds(inner);
	ck_assert(!strstr(shown, payload_text));
}
END_TEST

START_TEST(walk_ends_when_told_to)
{
	struct payload_limits l = payload_limits_default;
	_Atomic bool cancel = true;

	begin();
	add("base64_decode ");
	add_base64("first of all of them");
	add(" ");
	add_base64("second of all of them");
	deny = "first";
	ck_assert_int_eq(walk(), REASON_NONE);
	ck_assert_uint_eq(n_shown, 1);
	deny = NULL;
	fails = true;
	ck_assert_int_eq(walk(), REASON_ENGINE); /* all the others are looked at */
	ck_assert_uint_eq(n_shown, 5);
	fails = false;
	ck_assert_int_eq(walk_with(&l, 0, NULL), REASON_TIMEOUT);
	ck_assert_int_eq(walk_with(&l, NSEC_PER_SEC, &cancel), REASON_TIMEOUT);
	l.time = 0;
	ck_assert_int_eq(walk_with(&l, NSEC_PER_SEC, NULL), REASON_PAY_TIME);
	ck_assert_uint_eq(n_shown, 5);
}
END_TEST

START_TEST(walk_ceilings_at_the_limit_and_one_past_it)
{
	struct payload_limits l = payload_limits_default;
	char *zeros = calloc(1, (size_t)4 << 20);
	uint8_t *p;
	size_t len;

	begin();
	add("base64_decode ");
	for (unsigned i = 0; i < 3; i++) {
		add_base64("text of thirty-three characters, ");
		add("; ");
	}
	l.n = 3;
	ck_assert_int_eq(walk_with(&l, NSEC_PER_SEC, NULL), REASON_NONE);
	l.n = 2;
	ck_assert_int_eq(walk_with(&l, NSEC_PER_SEC, NULL), REASON_PAY_COUNT);
	l.n = 1000;
	l.n_in = 3 * 33 + 3;
	ck_assert_int_eq(walk_with(&l, NSEC_PER_SEC, NULL), REASON_NONE);
	l.n_in--;
	ck_assert_int_eq(walk_with(&l, NSEC_PER_SEC, NULL), REASON_PAY_BYTES);

	l = payload_limits_default;
	begin();
	add("base64_decode ");
	p = deflated(zeros, (size_t)4 << 20, 15, &len);
	add_base64_of(p, len, "", 0);
	free(p);
	l.ratio = (unsigned)(((size_t)4 << 20) / len) + 1;
	l.n_out = ((size_t)4 << 20) + 1;
	ck_assert_int_eq(walk_with(&l, 10 * NSEC_PER_SEC, NULL), REASON_NONE);
	l.ratio -= 2;
	ck_assert_int_eq(walk_with(&l, 10 * NSEC_PER_SEC, NULL), REASON_PAY_RATIO);
	l.ratio += 2;
	l.n_out -= 2;
	ck_assert_int_eq(walk_with(&l, 10 * NSEC_PER_SEC, NULL), REASON_PAY_BYTES);
	free(zeros);
}
END_TEST

/* Cut anywhere, it ends; what comes out of what is there is shown. */
START_TEST(walk_cut_or_damaged_is_shown_as_far_as_it_goes)
{
	size_t whole;

	begin();
	add("<?php base64_decode('");
	add_deflated("print($words['cmd']); print($words['cmd']); and more of it, and more, and more", 15);
	whole = script_len;
	for (; script_len > 0; script_len--)
		ck_assert_int_eq(walk(), REASON_NONE);
	*shown = '\0';
	script_len = whole - 8;
	check_finds(":print($words['cmd']); print(");
	script_len = whole;
	for (size_t i = 21; i < whole; i++) {
		script[i] ^= 1;
		ck_assert_int_eq(walk(), REASON_NONE);
		*shown = '\0';
	}
}
END_TEST

UNIT_MAIN("payload", walk_php_forms_are_decoded_and_marked, walk_other_languages_are_decoded_and_marked,
          walk_pieces_are_joined, walk_gzip_behind_a_script, walk_gzip_members_are_joined,
          walk_leaves_alone_what_is_no_script_or_does_not_decode, walk_goes_one_level_deep, walk_ends_when_told_to, walk_ceilings_at_the_limit_and_one_past_it,
          walk_cut_or_damaged_is_shown_as_far_as_it_goes)
