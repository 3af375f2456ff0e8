/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "custos/archive.h"
#include "custos/cleanup.h"
#include "custos/clock.h"
#include "fixture-archive.h"
#include "unit.h"

#define SEEN_MAX 64

/* What a walk showed. */
struct seen {
	unsigned n;
	struct {
		char name[64];
		uint8_t head[64];
		size_t len;
	} member[SEEN_MAX];
	unsigned stop_at; /* 1: at the first; 0: never */
	unsigned sleep_msec;
	unsigned miss_at; /* 1: the first cannot be judged */
};

static bool on_member(void *userdata, const struct arc_member *m, nsec_t deadline,
                      enum reason *ret_miss)
{
	struct seen *s = userdata;
	unsigned i = s->n++;

	ck_assert_uint_gt(deadline, 0);
	if (i < SEEN_MAX) {
		(void)snprintf(s->member[i].name, sizeof(s->member[i].name), "%s",
		               m->name);
		memcpy(s->member[i].head, m->buf,
		       MIN(m->len, sizeof(s->member[i].head)));
		s->member[i].len = m->len;
	}
	if (s->sleep_msec)
		(void)usleep(s->sleep_msec * 1000);
	if (s->miss_at == s->n)
		*ret_miss = REASON_ENGINE;
	return s->stop_at != s->n;
}

static struct arc_walk walk_with(const struct arc_limits *l, const struct blob *b,
                                 struct seen *s)
{
	struct arc_walker *w;
	struct arc_walk walk = {
		.buf = b->buf,
		.len = b->len,
		.name = "/srv/file.xyz",
		.deadline = clock_now() + 50 * NSEC_PER_SEC,
		.member = on_member,
		.userdata = s,
	};

	ck_assert_int_eq(arc_walker_new(l, &w), 0);
	arc_walk(w, &walk);
	arc_walker_free(w);
	return walk;
}

static struct arc_walk walk(const struct blob *b, struct seen *s)
{
	struct arc_limits l = arc_limits_default;

	l.kinds = ARC_KINDS_ALL;
	*s = (struct seen){0};
	return walk_with(&l, b, s);
}

static void check_reason(const struct arc_walk *w, enum reason reason)
{
	ck_assert_str_eq(reason_name(w->reason), reason_name(reason));
}

static void check_place(const struct member_place *at, const char *text)
{
	char got[MEMBER_PLACE_BYTES];

	member_place_text(at, got);
	ck_assert_str_eq(got, text);
}

static void check_member(const struct seen *s, unsigned i, const char *name,
                         const char *text)
{
	ck_assert_uint_gt(s->n, i);
	ck_assert_str_eq(s->member[i].name, name);
	ck_assert_uint_eq(s->member[i].len, strlen(text));
	ck_assert(memcmp(s->member[i].head, text, strlen(text)) == 0);
}

static const struct fixture_member two[] = {
	{"dir/first.php", "first text", 10},
	{"second", "the second text", 15},
};

static const char *const formats[] = {"zip", "ustar", "gnutar", "pax",    "newc",
                                      "odc", "bin",   "7zip",   "iso9660"};
static const char *const filters[] = {"gzip", "bzip2", "xz", "zstd", "lz4", "lzip"};

START_TEST(walk_each_format_shows_members)
{
	for (size_t i = 0; i < ARRAY_SIZE(formats); i++) {
		struct blob b = fixture_pack(formats[i], "none", NULL, two, 2);
		struct seen s;
		struct arc_walk w = walk(&b, &s);

		(void)printf("%s\n", formats[i]);
		check_reason(&w, REASON_NONE);
		ck_assert_uint_eq(s.n, 2);
		if (strcmp(formats[i], "iso9660") ==
		    0) { /* by its place on the disc, in its own order */
			ck_assert_uint_eq(s.member[0].len + s.member[1].len, 25);
		} else {
			check_member(&s, 0, two[0].name, two[0].data);
			check_member(&s, 1, two[1].name, two[1].data);
			ck_assert_uint_eq(w.n_members, 2);
		}
		ck_assert_uint_eq(w.n_bytes, 25);
		blob_free(&b);
	}
}
END_TEST

START_TEST(walk_ar_shows_members)
{
	static const struct fixture_member deb[] = {
		{"debian-binary", "2.0\n", 4},
		{"a-rather-long-name-of-a-member", "x", 1}};
	static const char *const variants[] = {"arbsd", "arsvr4"};

	for (size_t i = 0; i < ARRAY_SIZE(variants); i++) {
		struct blob b =
			fixture_pack(variants[i], "none", NULL, deb, i == 0 ? 2 : 1);
		struct seen s;
		struct arc_walk w = walk(&b, &s);

		check_reason(&w, REASON_NONE);
		check_member(&s, 0, "debian-binary", "2.0\n");
		if (i == 0)
			check_member(&s, 1, deb[1].name, "x");
		blob_free(&b);
	}
}
END_TEST

START_TEST(walk_each_filter_shows_its_stream)
{
	for (size_t i = 0; i < ARRAY_SIZE(filters); i++) {
		struct blob b = fixture_compress(filters[i], "contents", 8),
			    twice = {0};
		struct seen s;
		struct arc_walk w = walk(&b, &s);

		(void)printf("%s\n", filters[i]);
		check_reason(&w, REASON_NONE);
		ck_assert_uint_eq(s.n, 1);
		check_member(&s, 0, "file", "contents"); /* of /srv/file.xyz */
		check_place(&w.at, "");

		/* One behind the other: one stream. */
		blob_add(&twice, b.buf, b.len);
		blob_add(&twice, b.buf, b.len);
		w = walk(&twice, &s);
		check_reason(&w, REASON_NONE);
		check_member(&s, 0, "file", "contentscontents");
		blob_free(&twice);
		blob_free(&b);

		if (strcmp(filters[i], "lz4") ==
		    0) /* libarchive cannot write this one */
			blob_add(&b,
			         "\x04\"M\x18"
			         "d@\xa7\0\0\0\0\5]\xcc\2",
			         15);
		else
			b = fixture_compress(filters[i], "", 0);
		w = walk(&b, &s);
		check_reason(&w, REASON_NONE);
		ck_assert_uint_eq(s.n, 0);
		blob_free(&b);
	}
}
END_TEST

/* lead, empty signature header, empty header, payload */
static struct blob rpm_of(const struct blob *payload)
{
	static const uint8_t lead[96] = {0xed, 0xab, 0xee, 0xdb, 3, 0};
	static const uint8_t header[16] = {0x8e, 0xad, 0xe8, 0x01};
	struct blob b = {0};

	blob_add(&b, lead, sizeof(lead));
	blob_add(&b, header, sizeof(header));
	blob_add(&b, header, sizeof(header));
	blob_add(&b, payload->buf, payload->len);
	return b;
}

START_TEST(walk_rpm_shows_its_files)
{
	struct blob cpio = fixture_pack("newc", "gzip", NULL, two, 2),
		    b = rpm_of(&cpio);
	struct seen s;
	struct arc_walk w = walk(&b, &s);

	check_reason(&w, REASON_NONE);
	ck_assert_uint_eq(s.n, 4); /* payload, what it unpacks to, the files */
	check_member(&s, 2, two[0].name, two[0].data);
	check_member(&s, 3, two[1].name, two[1].data);
	blob_free(&b);
	blob_free(&cpio);
}
END_TEST

/* As an initrd is made: microcode, padding, and all the rest, compressed. */
START_TEST(walk_what_follows_a_cpio_is_walked)
{
	struct blob first = fixture_pack("newc", "none", NULL, two, 2), b = {0};
	struct blob second = fixture_pack("newc", "gzip", NULL, &two[1], 1);
	static const uint8_t padding[700];
	struct arc_limits l = arc_limits_default;
	struct seen s;
	struct arc_walk w;

	blob_add(&b, first.buf, first.len);
	blob_add(&b, padding, sizeof(padding));
	blob_add(&b, second.buf, second.len);
	w = walk(&b, &s);
	check_reason(&w, REASON_NONE);
	ck_assert_uint_eq(s.n, 4);
	check_member(&s, 1, two[1].name, two[1].data);
	check_member(&s, 3, two[1].name, two[1].data); /* of member 3, the stream */
	s = (struct seen){.stop_at = 4};
	w = walk_with(&l, &b, &s);
	check_place(&w.at, "3/1");
	/* What the first holds does not end it. */
	blob_free(&first);
	first = fixture_pack_one("newc", "x", "TRAILER!!!\0 no end", 18);
	b.len = 0;
	blob_add(&b, first.buf, first.len);
	blob_add(&b, second.buf, second.len);
	w = walk(&b, &s);
	check_reason(&w, REASON_NONE);
	check_member(&s, s.n - 1, two[1].name, two[1].data);
	/* Nor do many of them have no end. */
	blob_free(&first);
	first = fixture_pack("newc", "none", NULL, NULL, 0);
	b.len = 0;
	for (unsigned i = 0; i < 11; i++)
		blob_add(&b, first.buf, first.len);
	l.n_members = 10;
	w = walk_with(&l, &b, &s);
	check_reason(&w, REASON_NONE);
	blob_add(&b, first.buf, first.len);
	w = walk_with(&l, &b, &s);
	check_reason(&w, REASON_ARC_MEMBERS);
	blob_free(&first);
	blob_free(&second);
	blob_free(&b);
}
END_TEST

START_TEST(walk_members_of_members_tells_their_place)
{
	struct blob gz = fixture_compress("gzip", "inmost", 6);
	struct blob tar = fixture_pack(
		"ustar", "xz", NULL,
		(struct fixture_member[]){two[0], {"deep.txt.gz", gz.buf, gz.len}}, 2);
	struct blob zip =
		fixture_pack("zip", "none", NULL,
	                     (struct fixture_member[]){
				     two[0], two[1], {"t.tar.xz", tar.buf, tar.len}},
	                     3);
	struct seen s = {.stop_at = 7};
	struct arc_walk w = walk_with(&arc_limits_default, &zip, &s);

	/* two, then the .xz, the tar, its first, the .gz, what it holds */
	ck_assert_uint_eq(s.n, 7);
	check_member(&s, 4, two[0].name, two[0].data);
	check_member(&s, 6, "deep.txt", "inmost");
	check_place(&w.at, "3/1/2/1");
	check_reason(&w, REASON_NONE);
	blob_free(&zip);
	blob_free(&tar);
	blob_free(&gz);
}
END_TEST

static struct blob nest(unsigned levels)
{
	struct blob b = {0};

	blob_add(&b, "at the bottom", 13);
	for (unsigned i = 0; i < levels; i++) {
		struct blob outer = fixture_compress("gzip", b.buf, b.len);

		blob_free(&b);
		b = outer;
	}
	return b;
}

START_TEST(walk_depth_at_the_limit_and_past_it)
{
	static const unsigned depths[] = {1, 8, ARC_DEPTH_MAX};

	for (size_t i = 0; i < ARRAY_SIZE(depths); i++) {
		struct arc_limits l = arc_limits_default;
		struct blob at = nest(depths[i]), past = nest(depths[i] + 1);
		struct seen s = {0};
		struct arc_walk w;

		l.depth = depths[i];
		w = walk_with(&l, &at, &s);
		check_reason(&w, REASON_NONE);
		check_member(&s, depths[i] - 1, "file", "at the bottom");
		s = (struct seen){0};
		w = walk_with(&l, &past, &s);
		check_reason(&w, REASON_ARC_DEPTH);
		ck_assert_uint_eq(s.n, depths[i]);
		ck_assert_uint_eq(w.at.n, depths[i]); /* the one that was not opened */
		blob_free(&at);
		blob_free(&past);
	}
}
END_TEST

START_TEST(walk_chain_of_filters_longer_than_libarchive_knows)
{
	struct blob b = nest(30);
	struct seen s;
	struct arc_walk w = walk(&b, &s);

	check_reason(&w, REASON_ARC_DEPTH);
	ck_assert_uint_eq(s.n, 8);
	blob_free(&b);
}
END_TEST

static struct blob many(const char *format, unsigned n)
{
	struct fixture_member *m = calloc(n, sizeof(*m));
	struct blob b;

	for (unsigned i = 0; i < n; i++)
		m[i] = (struct fixture_member){"same", "x", i % 2};
	b = fixture_pack(format, "none", NULL, m, n);
	free(m);
	return b;
}

START_TEST(walk_members_at_the_limit_and_past_it)
{
	struct arc_limits l = arc_limits_default;
	struct blob at = many("ustar", 50), past = many("ustar", 51);
	struct blob outer = fixture_pack_one("zip", "a.tar", at.buf, at.len);
	struct seen s = {0};
	struct arc_walk w;

	l.n_members = 50;
	w = walk_with(&l, &at, &s);
	check_reason(&w, REASON_NONE);
	ck_assert_uint_eq(w.n_members, 50);
	w = walk_with(&l, &past, &s);
	check_reason(&w, REASON_ARC_MEMBERS);
	check_place(&w.at, "51");
	ck_assert_uint_eq(w.n_members, 50);
	w = walk_with(&l, &outer, &s); /* of all levels together */
	check_reason(&w, REASON_ARC_MEMBERS);
	check_place(&w.at, "1/50");
	l.n_members = 51;
	w = walk_with(&l, &outer, &s);
	check_reason(&w, REASON_NONE);
	blob_free(&outer);
	blob_free(&at);
	blob_free(&past);
}
END_TEST

static uint8_t *noise(size_t len)
{
	uint8_t *p = malloc(len);
	uint32_t x = 1;

	for (size_t i = 0; i < len; i++) {
		x = x * 1664525 + 1013904223;
		p[i] = (uint8_t)(x >> 24);
	}
	return p;
}

START_TEST(walk_bytes_at_the_limit_and_past_it)
{
	struct arc_limits l = arc_limits_default;
	uint8_t *data = noise(ARC_BYTES_MIN + 1);
	struct blob at = fixture_pack_one("ustar", "n", data, ARC_BYTES_MIN);
	struct blob past = fixture_pack_one("ustar", "n", data, ARC_BYTES_MIN + 1);
	struct blob outer = fixture_pack_one("zip", "a.tar", at.buf, at.len);
	struct seen s = {0};
	struct arc_walk w;

	l.n_bytes = ARC_BYTES_MIN;
	w = walk_with(&l, &at, &s);
	check_reason(&w, REASON_NONE);
	ck_assert_uint_eq(w.n_bytes, ARC_BYTES_MIN);
	w = walk_with(&l, &past, &s);
	check_reason(&w, REASON_ARC_BYTES);
	check_place(&w.at, "1");
	l.n_bytes = at.len + ARC_BYTES_MIN; /* of all levels together */
	w = walk_with(&l, &outer, &s);
	check_reason(&w, REASON_NONE);
	l.n_bytes--;
	w = walk_with(&l, &outer, &s);
	check_reason(&w, REASON_ARC_BYTES);
	check_place(&w.at, "1/1");
	blob_free(&outer);
	blob_free(&at);
	blob_free(&past);
	free(data);
}
END_TEST

START_TEST(walk_ratio_at_the_limit_and_past_it)
{
	struct arc_limits l = arc_limits_default;
	const size_t size = (size_t)3 << 20;
	uint8_t *zeros = calloc(1, size);
	struct blob b = fixture_compress("gzip", zeros, size);
	struct seen s = {0};
	struct arc_walk w;

	l.ratio = (unsigned)((size + b.len - 1) / b.len);
	ck_assert_uint_gt(l.ratio, 200); /* the default would refuse it */
	w = walk_with(&l, &b, &s);
	check_reason(&w, REASON_NONE);
	l.ratio--;
	w = walk_with(&l, &b, &s);
	check_reason(&w, REASON_ARC_RATIO);
	check_place(&w.at, "1");
	blob_free(&b);

	/* Nothing is a bomb up to 1 MiB. */
	l.ratio = ARC_RATIO_MIN;
	b = fixture_compress("gzip", zeros, (size_t)1 << 20);
	w = walk_with(&l, &b, &s);
	check_reason(&w, REASON_NONE);
	blob_free(&b);
	b = fixture_compress("gzip", zeros, ((size_t)1 << 20) + 1);
	w = walk_with(&l, &b, &s);
	check_reason(&w, REASON_ARC_RATIO);
	blob_free(&b);
	free(zeros);
}
END_TEST

START_TEST(walk_ratio_of_a_member_does_not_end_the_others)
{
	const size_t size = (size_t)4 << 20;
	uint8_t *zeros = calloc(1, size);
	struct blob bomb = fixture_compress("xz", zeros, size);
	struct blob b = fixture_pack(
		"ustar", "none", NULL,
		(struct fixture_member[]){{"bomb.xz", bomb.buf, bomb.len}, two[1]}, 2);
	struct seen s;
	struct arc_walk w = walk(&b, &s);

	check_reason(&w, REASON_ARC_RATIO);
	check_place(&w.at, "1/1");
	check_member(&s, s.n - 1, two[1].name, two[1].data);
	blob_free(&b);
	blob_free(&bomb);
	free(zeros);
}
END_TEST

START_TEST(walk_time_at_the_limit_and_past_it)
{
	struct arc_limits l = arc_limits_default;
	struct blob b = fixture_pack("zip", "none", NULL, two, 2);
	struct seen s = {.sleep_msec = 1};
	struct arc_walk w;

	l.time = 20 * NSEC_PER_SEC;
	w = walk_with(&l, &b, &s);
	check_reason(&w, REASON_NONE);
	l.time = NSEC_PER_SEC; /* over while the first is looked at */
	s = (struct seen){.sleep_msec = 1100};
	w = walk_with(&l, &b, &s);
	check_reason(&w, REASON_ARC_TIME);
	ck_assert_uint_eq(s.n, 1);
	l.time = 1;
	s = (struct seen){0};
	w = walk_with(&l, &b, &s);
	check_reason(&w, REASON_ARC_TIME);
	ck_assert_uint_eq(s.n, 0);
	blob_free(&b);
}
END_TEST

START_TEST(walk_after_the_callers_deadline_is_a_timeout)
{
	struct blob b = fixture_pack("zip", "none", NULL, two, 2);
	struct seen s = {0};
	struct arc_walk w = {.buf = b.buf,
	                     .len = b.len,
	                     .deadline = 1,
	                     .member = on_member,
	                     .userdata = &s};
	_cleanup_(arc_walker_freep) struct arc_walker *walker = NULL;

	ck_assert_int_eq(arc_walker_new(&arc_limits_default, &walker), 0);
	arc_walk(walker, &w);
	check_reason(&w, REASON_TIMEOUT);
	ck_assert_uint_eq(s.n, 0);
	blob_free(&b);
}
END_TEST

static _Atomic bool cancelled;

static bool on_member_cancel(void *userdata, const struct arc_member *m,
                             nsec_t deadline, enum reason *ret_miss)
{
	cancelled = true;
	return on_member(userdata, m, deadline, ret_miss);
}

START_TEST(walk_cancelled_ends_after_the_member)
{
	struct blob b = fixture_pack("zip", "none", NULL, two, 2);
	struct seen s = {0};
	struct arc_walk w = {.buf = b.buf,
	                     .len = b.len,
	                     .deadline = UINT64_MAX,
	                     .cancel = &cancelled,
	                     .member = on_member_cancel,
	                     .userdata = &s};
	_cleanup_(arc_walker_freep) struct arc_walker *walker = NULL;

	ck_assert_int_eq(arc_walker_new(&arc_limits_default, &walker), 0);
	arc_walk(walker, &w);
	check_reason(&w, REASON_TIMEOUT);
	ck_assert_uint_eq(s.n, 1);
	blob_free(&b);
}
END_TEST

START_TEST(walk_stopped_by_its_caller_tells_where)
{
	struct blob b = fixture_pack("zip", "none", NULL, two, 2);
	struct seen s = {.stop_at = 1};
	struct arc_walk w = walk_with(&arc_limits_default, &b, &s);

	ck_assert_uint_eq(s.n, 1);
	check_reason(&w, REASON_NONE);
	check_place(&w.at, "1");
	blob_free(&b);
}
END_TEST

START_TEST(walk_member_that_cannot_be_judged_is_told)
{
	struct blob b = fixture_pack("zip", "none", NULL, two, 2);
	struct seen s = {.miss_at = 2};
	struct arc_walk w = walk_with(&arc_limits_default, &b, &s);

	ck_assert_uint_eq(s.n, 2);
	check_reason(&w, REASON_ENGINE);
	check_place(&w.at, "2");
	blob_free(&b);
}
END_TEST

START_TEST(walk_kind_that_is_off_is_told)
{
	struct arc_limits l = arc_limits_default;
	struct blob b = fixture_pack("zip", "none", NULL, two, 2);
	struct seen s = {0};
	struct arc_walk w;

	l.kinds &= ~(1U << ARC_ZIP);
	w = walk_with(&l, &b, &s);
	check_reason(&w, REASON_ARC_FORMAT);
	ck_assert_uint_eq(s.n, 0);
	l.kinds = 1U << ARC_ZIP;
	w = walk_with(&l, &b, &s);
	check_reason(&w, REASON_NONE);
	ck_assert_uint_eq(s.n, 2);
	blob_free(&b);
	b = fixture_pack("iso9660", "none", NULL, two, 2);
	w = walk_with(&arc_limits_default, &b, &s);
	check_reason(&w, REASON_ARC_FORMAT);
	check_place(&w.at, "");
	blob_free(&b);
}
END_TEST

START_TEST(walker_new_limits_out_of_bounds_are_refused)
{
	static const struct arc_limits ok = {1,
	                                     ARC_DEPTH_MAX,
	                                     ARC_MEMBERS_MAX,
	                                     ARC_BYTES_MIN,
	                                     ARC_RATIO_MIN,
	                                     ARC_TIME_MAX};
	struct arc_limits bad[12];
	_cleanup_(arc_walker_freep) struct arc_walker *w = NULL;

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		bad[i] = ok;
	bad[0].kinds = ARC_KINDS_ALL + 1;
	bad[1].depth = ARC_DEPTH_MAX + 1;
	bad[2].depth = 0;
	bad[3].n_members = ARC_MEMBERS_MAX + 1;
	bad[4].n_members = 0;
	bad[5].n_bytes = ARC_BYTES_MIN - 1;
	bad[6].n_bytes = ARC_BYTES_MAX + 1;
	bad[7].ratio = ARC_RATIO_MIN - 1;
	bad[8].ratio = ARC_RATIO_MAX + 1;
	bad[9].time = 0;
	bad[10].time = ARC_TIME_MAX + 1;
	bad[11].kinds = UINT32_MAX;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		ck_assert_int_eq(arc_walker_new(&bad[i], &w), -EINVAL);
	ck_assert_int_eq(arc_walker_new(&ok, &w), 0);
	arc_walker_freep(&w);
	bad[0] = ok;
	bad[0].n_bytes = ARC_BYTES_MAX;
	bad[0].ratio = ARC_RATIO_MAX;
	ck_assert_int_eq(arc_walker_new(&bad[0], &w), 0);
}
END_TEST

START_TEST(kinds_parse_names_and_words)
{
	unsigned kinds;

	ck_assert_int_eq(arc_kinds_parse("default", &kinds), 0);
	ck_assert_uint_eq(kinds, ARC_KINDS_DEFAULT);
	ck_assert_int_eq(arc_kinds_parse("default rar  iso ", &kinds), 0);
	ck_assert_uint_eq(kinds, ARC_KINDS_DEFAULT | 1U << ARC_RAR | 1U << ARC_ISO);
	ck_assert_int_eq(arc_kinds_parse("none", &kinds), 0);
	ck_assert_uint_eq(kinds, 0);
	for (unsigned kind = 0; kind < N_ARC_KINDS; kind++) {
		ck_assert_int_eq(arc_kinds_parse(arc_kind_name(kind), &kinds), 0);
		ck_assert_uint_eq(kinds, 1U << kind);
	}
	ck_assert_int_eq(arc_kinds_parse("zip none", &kinds), -EINVAL);
	ck_assert_int_eq(arc_kinds_parse("zi", &kinds), -EINVAL);
	ck_assert_int_eq(arc_kinds_parse("zipp", &kinds), -EINVAL);
	ck_assert_int_eq(arc_kinds_parse("zip,tar", &kinds), -EINVAL);
	ck_assert_int_eq(arc_kinds_parse(" ", &kinds), -EINVAL);
}
END_TEST

START_TEST(member_place_text_of_too_many_levels_is_cut)
{
	struct member_place m = {.n = UINT32_MAX, .payload = UINT64_MAX};
	char text[MEMBER_PLACE_BYTES];

	memset(m.number, 0xff,
	       sizeof(m.number)); /* from the process that reads hostile files */
	member_place_text(&m, text);
	ck_assert_uint_eq(strlen(text), MEMBER_PLACE_BYTES - 1);
	check_place(&(struct member_place){0}, "");
	check_place(&(struct member_place){2, {3, 1}}, "3/1");
	check_place(&(struct member_place){.payload = 1}, "payload@0");
	check_place(&(struct member_place){2, {3, 1}, .payload = 100}, "3/1/payload@99");
}
END_TEST

START_TEST(global_init_works)
{
	ck_assert_int_eq(arc_global_init(), 0);
}
END_TEST

UNIT_MAIN("archive", walk_each_format_shows_members, walk_ar_shows_members,
          walk_each_filter_shows_its_stream, walk_rpm_shows_its_files,
          walk_what_follows_a_cpio_is_walked, walk_members_of_members_tells_their_place,
          walk_depth_at_the_limit_and_past_it,
          walk_chain_of_filters_longer_than_libarchive_knows,
          walk_members_at_the_limit_and_past_it, walk_bytes_at_the_limit_and_past_it,
          walk_ratio_at_the_limit_and_past_it,
          walk_ratio_of_a_member_does_not_end_the_others,
          walk_time_at_the_limit_and_past_it,
          walk_after_the_callers_deadline_is_a_timeout,
          walk_stopped_by_its_caller_tells_where, walk_cancelled_ends_after_the_member,
          walk_member_that_cannot_be_judged_is_told, walk_kind_that_is_off_is_told,
          walker_new_limits_out_of_bounds_are_refused, kinds_parse_names_and_words,
          member_place_text_of_too_many_levels_is_cut, global_init_works)
