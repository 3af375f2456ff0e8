/* SPDX-License-Identifier: Apache-2.0 */
/* Archives that were made to mislead, to break, or to fill the machine */
#include <malloc.h>
#include <stdlib.h>
#include <string.h>

#include "custos/archive.h"
#include "custos/cleanup.h"
#include "custos/clock.h"
#include "fixture-7z.h"
#include "fixture-archive.h"
#include "fixture-asan.h"
#include "fixture-locked.h"
#include "unit.h"

/* What is looked for. */
#define EVIL     "the evil payload"
#define EVIL_LEN (sizeof(EVIL) - 1)

struct seen {
	unsigned n, n_evil, n_whole;
	uint64_t n_bytes;
	size_t whole; /* this many bytes are all of a member */
};

static bool on_member(void *userdata, const struct arc_member *m, nsec_t deadline,
                      enum reason *ret_miss)
{
	struct seen *s = userdata;

	(void)deadline;
	(void)ret_miss;
	s->n++;
	s->n_bytes += m->len;
	s->n_evil += memmem(m->buf, m->len, EVIL, EVIL_LEN) != NULL;
	s->n_whole += m->len == s->whole;
	return true;
}

static struct arc_walk walk_limited(const struct arc_limits *l, const void *buf,
                                    size_t len, struct seen *s)
{
	_cleanup_(arc_walker_freep) struct arc_walker *w = NULL;
	struct arc_walk walk = {
		.buf = buf,
		.len = len,
		.name = "file",
		.deadline = clock_now() + 50 * NSEC_PER_SEC,
		.member = on_member,
		.userdata = s,
	};

	ck_assert_int_eq(arc_walker_new(l, &w), 0);
	arc_walk(w, &walk);
	ck_assert_uint_le(walk.n_bytes, l->n_bytes);
	ck_assert_uint_le(walk.n_members, l->n_members);
	ck_assert_uint_le(walk.at.n, l->depth);
	return walk;
}

static struct arc_walk walk(const void *buf, size_t len, struct seen *s)
{
	struct arc_limits l = arc_limits_default;

	l.n_bytes = UINT64_C(8) << 20;
	*s = (struct seen){.whole = EVIL_LEN};
	return walk_limited(&l, buf, len, s);
}

static void check_reason(const struct arc_walk *w, enum reason reason)
{
	ck_assert_str_eq(reason_name(w->reason), reason_name(reason));
}

/* Everything that can be read was, and the payload was among it. */
static void check_found(const struct blob *b)
{
	struct seen s;
	struct arc_walk w = walk(b->buf, b->len, &s);

	ck_assert_uint_gt(s.n_evil, 0);
	check_reason(&w, REASON_NONE);
}

static const struct fixture_member evil = {"evil", EVIL, EVIL_LEN};

static struct blob evil_in(const char *format)
{
	return fixture_pack(format, "none", NULL, &evil, 1);
}

/* Zeros before the payload make libarchive, left to itself, see a tar without members.
 */
START_TEST(zeros_before_the_payload_hide_nothing)
{
	static const char *const filters[] = {"gzip", "bzip2", "xz", "zstd", "lz4", "lzip"};
	char data[1024 + EVIL_LEN] = {0};

	memcpy(data + 1024, EVIL, EVIL_LEN);
	for (size_t i = 0; i < ARRAY_SIZE(filters); i++) {
		struct blob b = fixture_compress(filters[i], data, sizeof(data));

		check_found(&b);
		blob_free(&b);
	}
}
END_TEST

/* As pzstd(1) writes it, of more bytes than an empty stream may have. */
START_TEST(stream_behind_a_frame_to_skip_is_read)
{
	static const uint8_t skip[12] = {0x50, 0x2a, 0x4d, 0x18, 4, 0, 0, 0, 1, 2, 3, 4};
	static const char *const filters[] = {"zstd", "lz4", "gzip"};
	char data[1000 + EVIL_LEN];

	for (size_t i = 0; i < 1000; i++)
		data[i] = (char)(i * i >> 3);
	memcpy(data + 1000, EVIL, EVIL_LEN);
	for (size_t i = 0; i < ARRAY_SIZE(filters); i++) {
		struct blob stream = fixture_compress(filters[i], data, sizeof(data)), b = {0};

		blob_add(&b, skip, sizeof(skip));
		blob_add(&b, stream.buf, stream.len);
		check_found(&b);
		blob_free(&b);
		blob_free(&stream);
	}
}
END_TEST

START_TEST(every_reading_of_an_ambiguous_file_counts)
{
	struct blob gz = fixture_compress("gzip", "harmless", 8),
		    tar = evil_in("ustar");
	struct blob zip = evil_in("zip"), seven = evil_in("7zip"), b = {0};
	struct blob named = fixture_pack_one("ustar", "PK\3\4name", EVIL, EVIL_LEN);
	struct seen s;
	struct arc_walk w;

	blob_add(&b, gz.buf, gz.len); /* gunzip sees the one, unzip the other */
	blob_add(&b, zip.buf, zip.len);
	check_found(&b);
	b.len = gz.len;
	blob_add(&b, seven.buf, seven.len);
	check_found(&b);
	b.len = 0;
	blob_add(&b, tar.buf, 512); /* a tar that breaks off, and a zip behind it */
	blob_add(&b, zip.buf, zip.len);
	w = walk(b.buf, b.len, &s);
	ck_assert_uint_gt(s.n_evil, 0);
	check_reason(&w, REASON_ARC_DAMAGED);
	blob_free(&b);
	/* A tar whose first name looks like a zip: that one makes no sense, so the file
	 * is not clean. */
	w = walk(named.buf, named.len, &s);
	ck_assert_uint_gt(s.n_evil, 0);
	ck_assert_int_ne(w.reason, REASON_NONE);
	blob_free(&named);
	blob_free(&seven);
	blob_free(&zip);
	blob_free(&tar);
	blob_free(&gz);
}
END_TEST

START_TEST(tar_with_a_first_header_that_is_damaged_is_told)
{
	struct blob b = evil_in("ustar");
	struct seen s;
	struct arc_walk w;

	b.buf[0] ^= 1; /* its sum is wrong now */
	w = walk(b.buf, b.len, &s);
	check_reason(&w, REASON_ARC_DAMAGED);
	blob_free(&b);
}
END_TEST

static struct blob with_comment(size_t len)
{
	struct blob b = evil_in("zip");
	uint8_t *comment = malloc(len);

	memset(comment, 'c', len);
	b.buf[b.len - 2] = (uint8_t)len;
	b.buf[b.len - 1] = (uint8_t)(len >> 8);
	blob_add(&b, comment, len);
	free(comment);
	return b;
}

START_TEST(archive_behind_a_program_is_found)
{
	static const char *const formats[] = {"zip", "7zip"};
	static uint8_t program[100000] = "\x7f"
					 "ELF";
	struct blob b = {0};

	for (size_t i = 0; i < ARRAY_SIZE(formats); i++) {
		struct blob packed = evil_in(formats[i]);

		b.len = 0;
		blob_add(&b, program, sizeof(program));
		blob_add(&b, packed.buf, packed.len);
		check_found(&b);
		blob_free(&packed);
	}
	blob_free(&b);
}
END_TEST

/* libarchive looks for the end of a zip in the last 16 KiB, others in the last 64. */
START_TEST(zip_behind_a_program_with_a_long_comment_is_found)
{
	struct blob packed = with_comment(UINT16_MAX), b = {0};

	check_found(&packed);
	blob_add(&b, "#!/bin/sh\n", 10);
	blob_add(&b, packed.buf, packed.len);
	check_found(&b);
	blob_free(&b);
	blob_free(&packed);
}
END_TEST

START_TEST(encrypted_members_are_told_and_the_others_read)
{
	static const struct fixture_member two[] = {{"a", "aaa", 3},
	                                            {"evil", EVIL, EVIL_LEN}};
	static const char *const options[] = {"zip:encryption=zipcrypt",
	                                      "zip:encryption=aes256"};
	struct seen s;
	struct arc_walk w;

	for (size_t i = 0; i < ARRAY_SIZE(options); i++) {
		struct blob b = fixture_pack("zip", "none", options[i], two, 2);
		struct blob inner = evil_in("ustar"), outer;

		w = walk(b.buf, b.len, &s);
		check_reason(&w, REASON_ARC_ENCRYPTED);
		ck_assert_uint_eq(s.n, 0);
		outer = fixture_pack(
			"ustar", "none", NULL,
			(struct fixture_member[]){{"b.zip", b.buf, b.len},
		                                  {"c.tar", inner.buf, inner.len}},
			2);
		w = walk(outer.buf, outer.len, &s);
		check_reason(&w, REASON_ARC_ENCRYPTED);
		ck_assert_uint_ge(s.n_evil, 1);
		blob_free(&outer);
		blob_free(&inner);
		blob_free(&b);
	}
}
END_TEST

START_TEST(encrypted_7z_is_told)
{
	struct seen s;
	struct arc_walk w = walk(seven_locked, sizeof(seven_locked), &s);

	check_reason(&w, REASON_ARC_ENCRYPTED);
	w = walk(seven_locked_names, sizeof(seven_locked_names), &s);
	check_reason(&w, REASON_ARC_ENCRYPTED);
}
END_TEST

/* Method @method in place of the one that is there, in both headers of a zip of one
 * member. */
static void set_zip_method(struct blob *b, uint8_t method)
{
	uint8_t *list = memmem(b->buf, b->len, "PK\1\2", 4);

	b->buf[8] = method;
	list[10] = method;
}

START_TEST(zip_methods_that_are_not_known_are_told)
{
	static const uint8_t methods[] = {1, 6, 9, 10, 97, 99};

	for (size_t i = 0; i < ARRAY_SIZE(methods); i++) {
		struct blob b = evil_in("zip");
		struct seen s;
		struct arc_walk w;

		set_zip_method(&b, methods[i]);
		w = walk(b.buf, b.len, &s);
		ck_assert_uint_eq(s.n_evil, 0);
		ck_assert_int_ne(w.reason, REASON_NONE);
		blob_free(&b);
	}
}
END_TEST

/* With the bytes that it takes to be taken for one. */
static const struct {
	const char *name;
	size_t head;
} all_formats[] = {{"zip", 4},   {"ustar", 512}, {"gnutar", 512},
                   {"pax", 512}, {"newc", 110},  {"odc", 76},
                   {"bin", 32},  {"7zip", 6},    {"arbsd", 68}};

START_TEST(formats_cut_anywhere_are_never_clean_for_what_is_missing)
{
	for (size_t i = 0; i < ARRAY_SIZE(all_formats); i++) {
		struct blob b = evil_in(all_formats[i].name);
		unsigned n_read = 0;

		for (size_t len = 0; len < b.len; len++) {
			struct seen s;
			struct arc_walk w = walk(b.buf, len, &s);

			/* Either the member was there to its end, or that is told, or
			 * not even the beginning of the archive is left. */
			ck_assert_msg(s.n_whole == 1 || w.reason != REASON_NONE ||
			                      (!s.n && len < all_formats[i].head),
			              "%s cut to %zu bytes", all_formats[i].name, len);
			n_read += s.n_whole;
		}
		(void)printf("%s: %zu bytes, whole in %u of the cuts\n",
		             all_formats[i].name, b.len, n_read);
		blob_free(&b);
	}
}
END_TEST

START_TEST(streams_cut_anywhere_are_never_clean_for_what_is_missing)
{
	static const char *const filters[] = {"gzip", "bzip2", "xz", "zstd", "lz4", "lzip"};

	for (size_t i = 0; i < ARRAY_SIZE(filters); i++) {
		struct blob b = fixture_compress(filters[i], EVIL, EVIL_LEN);

		for (size_t len = 10; len < b.len; len++) { /* a magic is left */
			struct seen s;
			struct arc_walk w = walk(b.buf, len, &s);

			ck_assert_msg(s.n_whole == 1 || w.reason != REASON_NONE,
			              "%s cut to %zu of %zu bytes", filters[i], len,
			              b.len);
		}
		blob_free(&b);
	}
}
END_TEST

START_TEST(damaged_bytes_break_nothing)
{
	static const char *const filters[] = {"none", "gzip", "bzip2",
	                                      "xz",   "zstd", "lz4", "lzip"};
	struct blob seed = {0};

	srand(7);
	(void)mallopt(M_PERTURB, 0); /* meson has memory filled, all of it */
	for (size_t i = 0; i < ARRAY_SIZE(all_formats) * ARRAY_SIZE(filters); i++) {
		struct seen s;

		if (strcmp(all_formats[i / ARRAY_SIZE(filters)].name, "7zip") == 0)
			seed = evil_in("7zip");
		else
			seed = fixture_pack(all_formats[i / ARRAY_SIZE(filters)].name,
			                    filters[i % ARRAY_SIZE(filters)], NULL,
			                    &evil, 1);
		for (unsigned round = 0; round < 100; round++) {
			const size_t at = (size_t)rand() % seed.len;
			const uint8_t was = seed.buf[at];

			seed.buf[at] = (uint8_t)rand();
			(void)walk(seed.buf, seed.len, &s);
			if (round % 8 != 7) /* now and then damage adds up */
				seed.buf[at] = was;
		}
		blob_free(&seed);
	}
}
END_TEST

/* What the old GNU form of a sparse file says: @size bytes, of which only the last 512
 * are there. */
static struct blob sparse_tar(uint64_t size)
{
	uint8_t data[512] = {0};
	struct blob b = fixture_pack_one("gnutar", "sparse", data, sizeof(data));
	uint8_t *h = b.buf;
	unsigned sum = 0;

	h[156] = 'S';
	(void)snprintf((char *)h + 386, 12, "%011llo",
	               (unsigned long long)(size - 512));
	(void)snprintf((char *)h + 398, 12, "%011o", 512U);
	(void)snprintf((char *)h + 483, 12, "%011llo", (unsigned long long)size);
	memset(h + 148, ' ', 8);
	for (unsigned i = 0; i < 512; i++)
		sum += h[i];
	(void)snprintf((char *)h + 148, 8, "%06o", sum);
	return b;
}

START_TEST(holes_count_as_what_they_unpack_to)
{
	struct blob small = sparse_tar(1 << 20), large = sparse_tar(UINT64_C(7) << 30);
	struct seen s;
	struct arc_walk w = walk(small.buf, small.len, &s);

	check_reason(&w, REASON_NONE);
	ck_assert_uint_eq(s.n_bytes, 1 << 20);
	w = walk(large.buf, large.len, &s);
	check_reason(&w, REASON_ARC_BYTES);
	blob_free(&small);
	blob_free(&large);
}
END_TEST

/* One member, listed @n times: what overlaps is unpacked again and again. */
static struct blob overlapping_zip(uint16_t n)
{
	uint8_t *zeros = calloc(1, 65536), *list, *end;
	struct blob b = fixture_pack_one("zip", "z", zeros, 65536), out;
	size_t list_at, entry_len;
	uint32_t list_len;

	list = memmem(b.buf, b.len, "PK\1\2", 4);
	list_at = (size_t)(list - b.buf);
	entry_len = b.len - 22 - list_at;
	list_len = (uint32_t)(entry_len * n);
	out = (struct blob){calloc(1, list_at + list_len + 22),
	                    list_at + list_len + 22};
	memcpy(out.buf, b.buf, list_at);
	for (unsigned i = 0; i < n; i++)
		memcpy(out.buf + list_at + i * entry_len, list, entry_len);
	end = out.buf + out.len - 22;
	memcpy(end, b.buf + b.len - 22, 22);
	memcpy(end + 8, &n, 2);
	memcpy(end + 10, &n, 2);
	memcpy(end + 12, &list_len, 4);
	blob_free(&b);
	free(zeros);
	return out;
}

START_TEST(zip_of_overlapping_members_ends_at_a_ceiling)
{
	struct blob b = overlapping_zip(20000);
	struct seen s;
	struct arc_walk w = walk(b.buf, b.len, &s);

	/* 3.6 reads what overlaps once */
	ck_assert(s.n == 1 || w.reason == REASON_ARC_RATIO ||
	          w.reason == REASON_ARC_BYTES || w.reason == REASON_ARC_MEMBERS ||
	          w.reason == REASON_ARC_DAMAGED);
	blob_free(&b);
}
END_TEST

START_TEST(bomb_in_bombs_ends_at_a_ceiling)
{
	const size_t size = (size_t)64 << 20;
	uint8_t *zeros = calloc(1, size);
	struct blob b = fixture_compress("xz", zeros, size), bombs[10];
	struct fixture_member m[10];
	struct arc_limits l = arc_limits_default;
	struct seen s = {0};
	struct arc_walk w;

	free(zeros);
	l.n_bytes = UINT64_C(8) << 20;
	l.ratio = ARC_RATIO_MAX;
	for (unsigned i = 0; i < 10; i++)
		m[i] = (struct fixture_member){"bomb.xz", b.buf, b.len};
	bombs[0] = fixture_pack("zip", "none", NULL, m, 10);
	w = walk_limited(&l, bombs[0].buf, bombs[0].len, &s);
	check_reason(&w, REASON_ARC_BYTES);
	ck_assert_uint_le(s.n_bytes, l.n_bytes);
	blob_free(&bombs[0]);
	blob_free(&b);
}
END_TEST

#define FILE_OF(text)                                                                  \
	{                                                                              \
		text, sizeof(text) - 1                                                 \
	}

START_TEST(what_is_no_archive_is_left_alone)
{
	static const struct {
		const char *text;
		size_t len;
	} files[] = {
		FILE_OF(""),
		FILE_OF("P"),
		FILE_OF("#!/bin/sh\necho BZh PK 7z\n"),
		FILE_OF("BZhello, world, this is no bzip2"),
		FILE_OF("\x1f\x8b\7 no deflate"),
		FILE_OF("070701 in plain words, more of them than a header has, as "
	                "many as it takes "
	                "to fill one up to its end and beyond"),
		FILE_OF("\xc7\x71 two bytes of a binary cpio, nothing else of it"),
		FILE_OF("\x50\x2a\x4d\x18\xff\xff\xff\xff a frame to skip that never "
	                "ends"),
		FILE_OF("text PK\5\6 text PK\5\6 and on and on and on and on and on"),
		FILE_OF("\x1f\x8b\x08\xff as no gzip begins, and longer than one that holds nothing "
	                "at all may be: 64 bytes, a name of 255, and the zero byte behind it. "
	                "................................................................"
	                "................................................................"
	                "................................................................"),
		FILE_OF("table: 7z\xbc\xaf\x27\x1c, Rar!\x1a\x07, PK\3\4, "
	                "\x1f\x8b\x08, !<arch>"),
	};
	uint8_t zeros[4096] = {0};
	struct seen s;
	struct arc_walk w = walk(zeros, sizeof(zeros), &s);

	check_reason(&w, REASON_NONE);
	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		w = walk(files[i].text, files[i].len, &s);
		ck_assert_msg(w.reason == REASON_NONE, "file %zu: %s", i,
		              reason_name(w.reason));
		ck_assert_uint_eq(s.n, 0);
	}
}
END_TEST

static const uint8_t *shown_at;
static size_t shown_len;

static bool note_place(void *userdata, const struct arc_member *m, nsec_t deadline,
                       enum reason *ret_miss)
{
	(void)userdata;
	(void)deadline;
	(void)ret_miss;
	shown_at = m->buf;
	shown_len = m->len;
	return true;
}

/* MADV_DONTNEED refuses locked pages, and a scanner has no others. */
START_TEST(locked_memory_of_a_large_member_is_given_back)
{
	static uint8_t data[(4 << 20) + 1];
	struct arc_walker *w;
	struct blob b;
	const bool locked = fixture_lock_all();
	struct arc_walk walk = {.deadline = clock_now() + 50 * NSEC_PER_SEC,
	                        .member = note_place};

	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (uint8_t)(i * i >> 5);
	b = fixture_compress("gzip", data, sizeof(data));
	walk.buf = b.buf;
	walk.len = b.len;
	ck_assert_int_eq(arc_walker_new(&arc_limits_default, &w), 0);
	arc_walk(w, &walk);
	check_reason(&walk, REASON_NONE);
	ck_assert_uint_eq(shown_len, sizeof(data));
	ck_assert_msg(fixture_pages_there(shown_at + (2 << 20), shown_len - (2 << 20)) == 0,
	              "locked: %d", locked);
	arc_walker_free(w);
	blob_free(&b);
}
END_TEST

UNIT_MAIN("archive-hostile", zeros_before_the_payload_hide_nothing,
          stream_behind_a_frame_to_skip_is_read,
          every_reading_of_an_ambiguous_file_counts, archive_behind_a_program_is_found,
          tar_with_a_first_header_that_is_damaged_is_told,
          zip_behind_a_program_with_a_long_comment_is_found,
          encrypted_members_are_told_and_the_others_read, encrypted_7z_is_told,
          zip_methods_that_are_not_known_are_told,
          formats_cut_anywhere_are_never_clean_for_what_is_missing,
          streams_cut_anywhere_are_never_clean_for_what_is_missing,
          damaged_bytes_break_nothing, holes_count_as_what_they_unpack_to,
          zip_of_overlapping_members_ends_at_a_ceiling, bomb_in_bombs_ends_at_a_ceiling,
          what_is_no_archive_is_left_alone,
          locked_memory_of_a_large_member_is_given_back)
