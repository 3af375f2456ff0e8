/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <time.h>

#include "custos/cleanup.h"
#include "custos/policy.h"
#include "unit.h"

#define N_POLICIES 200
#define N_QUERIES  100
#define NOW        INT64_C(1800000000)

/* Small domains, so that random queries do match random rules. */
static const char *const paths[] = {"/",   "/a",         "/a/b", "/a/b/c",
                                    "/ab", "/srv/x.doc", ""};
static const char *const types[] = {"ext4", "xfs", "proc", ""};
static const char *const units[] = {"a.service", "b.service", ""};
static const char *const slices[] = {"a.slice", "b.slice", ""};
static const char *const globs[] = {"/a/*", "/**/c", "/srv/*.doc", "/[a-b]*/**"};

#define PICK(a, n_excluded) ((a)[(size_t)random() % (ARRAY_SIZE(a) - (n_excluded))])

static void random_pred(FILE *f, unsigned which)
{
	switch (which) {
	case 0:
		(void)fprintf(f, " dir=%s,%s", PICK(paths, 1), PICK(paths, 1));
		break;
	case 1:
		(void)fprintf(f, " path=\"%s\"", PICK(paths, 1));
		break;
	case 2:
		(void)fprintf(f, " glob=%s", PICK(globs, 0));
		break;
	case 3:
		(void)fprintf(f, " mount=%s", PICK(paths, 1));
		break;
	case 4:
		(void)fprintf(f, " fstype=%s,%s", PICK(types, 1), PICK(types, 1));
		break;
	case 5:
		(void)fprintf(f, " dev=8:%ld", random() % 3);
		break;
	case 6:
		(void)fprintf(f, " size>%ld", random() % 4);
		break;
	case 7:
		(void)fprintf(f, " size<%ld", random() % 4);
		break;
	case 8:
		(void)fprintf(f, " owner-not=root,%ld", random() % 3);
		break;
	case 9:
		(void)fprintf(f, " uid=%ld gid=%ld", random() % 3, random() % 3);
		break;
	case 10:
		(void)fprintf(f, " exe=%s", PICK(paths, 1));
		break;
	case 11:
		(void)fprintf(f, " unit=%s slice=%s", PICK(units, 1), PICK(slices, 1));
		break;
	case 12:
		(void)fprintf(f, " cgroup=%s", PICK(paths, 1));
		break;
	case 13:
		(void)fprintf(f, " container=%s", random() % 2 ? "yes" : "no");
		break;
	default:
		(void)fprintf(f, " event=%s",
		              PICK(((const char *const[]){"open", "exec",
		                                          "write-close,open"}),
		                   0));
		break;
	}
}

static void random_rule(FILE *f)
{
	unsigned action = (unsigned)random() % 3, first = (unsigned)random() % 15;

	(void)fputs(action == 0 ? "nowatch" : action == 1 ? "allow" : "scan", f);
	if (action == 0)
		first %= 6; /* what becomes a mark */
	random_pred(f, first);
	if (action != 0 && random() % 2)
		random_pred(f, (first + 1 + (unsigned)random() % 14) % 15);
	if (action == 2 && random() % 2)
		(void)fprintf(f,
		              " on-match=log on-error=deny timeout=%lds max-size=%ldK",
		              1 + random() % 60, 1 + random() % 60);
	if (action == 2 && random() % 2)
		(void)fprintf(f, " archives=%s", random() % 2 ? "yes" : "no");
	if (random() % 3 == 0)
		(void)fprintf(f, " expires=%d-01-01 reason=\"r, %ld\"",
		              random() % 2 ? 2020 : 2040, random());
	(void)fputc('\n', f);
}

static struct policy *random_policy(unsigned seed)
{
	_cleanup_(diag_deinit) struct diag d = DIAG_NULL;
	_cleanup_(freep) char *text = NULL, *errors = NULL;
	struct policy *p = NULL;
	size_t size;
	FILE *f = open_memstream(&text, &size);

	for (long n = random() % 12; n > 0; n--)
		random_rule(f);
	(void)fputs("scan any\n", f);
	ck_assert_int_eq(fclose(f), 0);
	if (policy_parse("f", text, size, &p, &d) < 0) {
		errors = diag_text(&d);
		ck_abort_msg("seed %u: %s\n%s", seed, errors, text);
	}
	return p;
}

static struct policy_query random_query(const char *const *mounts)
{
	return (struct policy_query){
		.known = (unsigned)random() % 8,
		.event = 1U << random() % 3,
		.size_bytes = (uint64_t)random() % 4,
		.owner = (uid_t)random() % 3,
		.path = PICK(paths, 0),
		.dev = makedev(8, (unsigned)random() % 3),
		.fs_type = PICK(types, 0),
		.mount_points = mounts,
		.n_mount_points = (unsigned)random() % 3,
		.uid = (uid_t)random() % 3,
		.gid = (gid_t)random() % 3,
		.exe = PICK(paths, 0),
		.unit = PICK(units, 0),
		.slice = PICK(slices, 0),
		.cgroup = PICK(paths, 0),
		.container = random() % 2,
	};
}

static struct policy *through_image(const struct policy *p)
{
	_cleanup_(freep) char *image = NULL, *again = NULL;
	struct policy *copy = NULL;
	size_t len, again_len;

	ck_assert_int_eq(policy_image(p, &image, &len), 0);
	ck_assert_int_eq(policy_parse_image(image, len, &copy), 0);
	ck_assert_int_eq(policy_image(copy, &again, &again_len), 0);
	ck_assert_uint_eq(len, again_len);
	ck_assert_mem_eq(image, again, len);
	return copy;
}

static void expect_same(const struct policy *a, const struct policy *b,
                        const struct policy_query *q, unsigned seed)
{
	const struct policy_line *x = NULL, *y = NULL;
	unsigned r = policy_match(a, q, NOW, &x);

	ck_assert_msg(policy_match(b, q, NOW, &y) == r, "seed %u", seed);
	ck_assert_msg(!x == !y && (!x || x->index == y->index), "seed %u", seed);
	/* What it asks for is not known yet, and with it the walk goes on to an end. */
	ck_assert_msg((r & q->known) == 0, "seed %u", seed);
	ck_assert_msg(r || x || q->event == POLICY_WRITE_CLOSE, "seed %u", seed);
	x = policy_nowatch_mount(a, q, NOW);
	y = policy_nowatch_mount(b, q, NOW);
	ck_assert_msg(!x == !y && (!x || x->index == y->index), "seed %u", seed);
}

/* Facts fetched one after the other lead to the answer that all facts at once give. */
static void expect_stepwise(const struct policy *p, struct policy_query q,
                            unsigned seed)
{
	const struct policy_line *full, *step, *mark;
	unsigned missing;

	q.known = 7;
	ck_assert_uint_eq(policy_match(p, &q, NOW, &full), 0);
	mark = policy_nowatch_mount(p, &q, NOW);
	q.known = 0;
	while ((missing = policy_match(p, &q, NOW, &step)) != 0)
		q.known |= missing;
	/* On a file system without a mark there is no event to ask about. */
	ck_assert_msg(step == full || mark, "seed %u", seed);
}

START_TEST(policy_image_random_policies_decide_the_same)
{
	const char *env = getenv("SEED");
	unsigned seed = env ? (unsigned)strtoul(env, NULL, 10) : (unsigned)time(NULL);

	(void)printf("SEED=%u\n", seed);
	srandom(seed);
	for (unsigned i = 0; i < N_POLICIES; i++) {
		_cleanup_(policy_freep) struct policy *p = random_policy(seed),
						      *copy = NULL;

		copy = through_image(p);
		for (unsigned k = 0; k < N_QUERIES; k++) {
			const char *mounts[2] = {PICK(paths, 1), PICK(paths, 1)};
			struct policy_query q = random_query(mounts);

			expect_same(p, copy, &q, seed);
			expect_stepwise(p, q, seed);
		}
	}
}
END_TEST

static const char sample[] =
	"set @s = /a, \"/b c\"\n"
	"nowatch fstype=proc reason=\"r\"\n"
	"scan dir=@s uid=1,2 timeout=1s expires=2030-01-01 log=all archives=yes\n"
	"scan any";

static struct policy *sample_policy(void)
{
	struct policy *p = NULL;

	ck_assert_int_eq(policy_parse("the file", sample, sizeof(sample) - 1, &p, NULL),
	                 0);
	return p;
}

START_TEST(policy_parse_image_keeps_every_field)
{
	_cleanup_(policy_freep) struct policy *p = sample_policy(),
					      *copy = through_image(p);

	ck_assert_uint_eq(policy_n_lines(copy), 3);
	for (size_t i = 0; i < 3; i++) {
		const struct policy_line *a = policy_line(p, i),
					 *b = policy_line(copy, i);

		ck_assert_int_eq(a->action, b->action);
		ck_assert_uint_eq(a->events, b->events);
		ck_assert_uint_eq(a->facts, b->facts);
		ck_assert_int_eq(a->on_match, b->on_match);
		ck_assert_int_eq(a->on_error, b->on_error);
		ck_assert_int_eq(a->log, b->log);
		ck_assert_int_eq(a->archives, b->archives);
		ck_assert_uint_eq(a->timeout, b->timeout);
		ck_assert_uint_eq(a->max_size_bytes, b->max_size_bytes);
		ck_assert_int_eq(a->expires, b->expires);
		ck_assert_str_eq(a->reason, b->reason);
		ck_assert_str_eq(a->file, b->file);
		ck_assert_str_eq(a->text, b->text);
		ck_assert_uint_eq(a->line, b->line);
		ck_assert_uint_eq(a->index, b->index);
	}
	ck_assert_uint_eq(policy_min_timeout(copy, 5 * NSEC_PER_SEC), NSEC_PER_SEC);
}
END_TEST

START_TEST(policy_parse_image_truncated_is_refused)
{
	_cleanup_(policy_freep) struct policy *p = sample_policy(), *copy = NULL;
	_cleanup_(freep) char *image = NULL;
	size_t len;

	ck_assert_int_eq(policy_image(p, &image, &len), 0);
	for (size_t n = 0; n < len; n++)
		ck_assert_int_eq(policy_parse_image(image, n, &copy), -EBADMSG);
	image = realloc(image, len + 1);
	image[len] = '\0';
	ck_assert_int_eq(policy_parse_image(image, len + 1, &copy), -EBADMSG);
}
END_TEST

/* A flipped bit is refused or gives a policy that is still one: no crash, an end in
 * `scan`. */
START_TEST(policy_parse_image_flipped_bits_stay_sound)
{
	_cleanup_(policy_freep) struct policy *p = sample_policy();
	_cleanup_(freep) char *image = NULL;
	size_t len;

	ck_assert_int_eq(policy_image(p, &image, &len), 0);
	for (size_t bit = 0; bit < 8 * len; bit++) {
		_cleanup_(policy_freep) struct policy *copy = NULL;
		struct policy_query q = {
			.known = 7, .event = POLICY_EXEC, .path = "/z"};
		const struct policy_line *line;
		int r;

		image[bit / 8] ^= (char)(1 << bit % 8);
		r = policy_parse_image(image, len, &copy);
		ck_assert(r == 0 || r == -EBADMSG);
		if (r == 0) {
			ck_assert_uint_eq(policy_match(copy, &q, NOW, &line), 0);
			ck_assert_ptr_nonnull(line);
		}
		image[bit / 8] ^= (char)(1 << bit % 8);
	}
}
END_TEST

START_TEST(policy_parse_image_too_large_is_refused)
{
	_cleanup_(freep) char *image = calloc(1, POLICY_IMAGE_BYTES_MAX + 1);
	struct policy *p;

	ck_assert_int_eq(policy_parse_image(image, POLICY_IMAGE_BYTES_MAX, &p),
	                 -EBADMSG);
	ck_assert_int_eq(policy_parse_image(image, POLICY_IMAGE_BYTES_MAX + 1, &p),
	                 -E2BIG);
}
END_TEST

START_TEST(policy_digest_tells_policies_apart)
{
	_cleanup_(policy_freep) struct policy *a = sample_policy(),
					      *b = sample_policy(), *c = NULL;
	char x[65], y[65], z[65];

	ck_assert_int_eq(policy_parse("the file", "scan any", 8, &c, NULL), 0);
	ck_assert_int_eq(policy_digest(a, x), 0);
	ck_assert_int_eq(policy_digest(b, y), 0);
	ck_assert_int_eq(policy_digest(c, z), 0);
	ck_assert_str_eq(x, y);
	ck_assert_str_ne(x, z);
	ck_assert_uint_eq(strspn(x, "0123456789abcdef"), 64);
}
END_TEST

UNIT_MAIN("policy-image", policy_image_random_policies_decide_the_same,
          policy_parse_image_keeps_every_field, policy_parse_image_truncated_is_refused,
          policy_parse_image_flipped_bits_stay_sound,
          policy_parse_image_too_large_is_refused, policy_digest_tells_policies_apart)
