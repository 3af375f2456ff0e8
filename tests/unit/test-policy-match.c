/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <string.h>
#include <sys/sysmacros.h>

#include "custos/cleanup.h"
#include "custos/policy.h"
#include "unit.h"

#define ALL_FACTS (POLICY_FACT_PATH | POLICY_FACT_MOUNT | POLICY_FACT_SUBJECT)
#define NOW       INT64_C(1800000000) /* 2027-01-15 */

static const char *const mounts[] = {"/srv", "/mnt/x"};

static struct policy_query query(void)
{
	return (struct policy_query){
		.known = ALL_FACTS,
		.event = POLICY_OPEN,
		.size_bytes = 1000,
		.owner = 1000,
		.path = "/srv/upload/a.doc",
		.dev = makedev(8, 1),
		.fs_type = "ext4",
		.mount_points = mounts,
		.n_mount_points = 2,
		.uid = 33,
		.gid = 34,
		.exe = "/usr/bin/cat",
		.unit = "backup.service",
		.slice = "system.slice",
		.cgroup = "/system.slice/backup.service/sub",
		.container = true,
	};
}

/* Compile @rules and add the last line, so that a case is one line. */
static struct policy *compile(const char *rules)
{
	_cleanup_(diag_deinit) struct diag d = DIAG_NULL;
	_cleanup_(freep) char *text = NULL, *errors = NULL;
	struct policy *p = NULL;

	ck_assert_int_ge(asprintf(&text, "%s\nscan any\n", rules), 0);
	if (policy_parse("f", text, strlen(text), &p, &d) < 0) {
		errors = diag_text(&d);
		ck_abort_msg("%s: %s", rules, errors);
	}
	return p;
}

/* Does the first line of @rules decide @q? */
static bool decides(const char *rules, const struct policy_query *q)
{
	_cleanup_(policy_freep) struct policy *p = compile(rules);
	const struct policy_line *line;

	ck_assert_uint_eq(policy_match(p, q, NOW, &line), 0);
	ck_assert_ptr_nonnull(line);
	return line->index == 0;
}

static const struct {
	const char *yes, *no;
} preds[] = {
	{"allow path=/srv/upload/a.doc", "allow path=/srv/upload/a.do"},
	{"allow path=/x,/srv/upload/a.doc", "allow path=/srv/upload"},
	{"allow dir=/srv", "allow dir=/sr"},
	{"allow dir=/srv/", "allow dir=/srv/up"},
	{"allow dir=/", "allow dir=/srv/upload/a.doc/x"},
	{"allow dir=/srv/upload/a.doc", "allow dir=/x,/y"},
	{"allow glob=/srv/*/*.doc", "allow glob=/srv/*.doc"},
	{"allow mount=/mnt/x", "allow mount=/mnt"},
	{"allow mount=/a,/srv", "allow mount=/srv/upload"},
	{"allow fstype=xfs,ext4", "allow fstype=ext"},
	{"allow dev=8:1", "allow dev=8:2"},
	{"allow event=open", "allow event=exec"},
	{"allow event=exec,open dir=/srv", "allow event=write-close"},
	{"allow size>999", "allow size>1000"},
	{"allow size<1001", "allow size<1000"},
	{"allow size>1 size<2K", "allow size>1K size<2K"},
	{"allow owner-not=root", "allow owner-not=root,1000"},
	{"allow uid=33", "allow uid=34"},
	{"allow gid=33,34", "allow gid=root"},
	{"allow exe=/usr/bin/cat", "allow exe=/usr/bin"},
	{"allow unit=backup.service", "allow unit=other.service"},
	{"allow slice=system.slice", "allow slice=user.slice"},
	{"allow cgroup=/system.slice/backup.service",
         "allow cgroup=/system.slice/back"},
	{"allow container=yes", "allow container=no"},
	{"set @s = /a, \"/srv\"\nallow dir=@s", "set @s = /a\nallow dir=@s"},
	{"set @s = /a\nset @t = @s, /srv\nallow dir=/b,@t",
         "allow dir=\"/srv/upload,x\""},
	{"allow dir=/srv uid=33 size>1", "allow dir=/srv uid=33 size<1"},
	{"allow dir=/srv expires=2027-01-16", "allow dir=/srv expires=2027-01-15"},
	{"nowatch dir=/srv", "nowatch dir=/usr"},
};

START_TEST(policy_match_each_predicate_matches_and_fails)
{
	struct policy_query q = query();

	for (size_t i = 0; i < ARRAY_SIZE(preds); i++) {
		ck_assert_msg(decides(preds[i].yes, &q), "%s", preds[i].yes);
		ck_assert_msg(!decides(preds[i].no, &q), "%s", preds[i].no);
	}
}
END_TEST

START_TEST(policy_match_unknown_strings_match_nothing)
{
	static const char *const rules[] = {
		"allow exe=/usr/bin/cat",
		"allow unit=backup.service",
		"allow slice=system.slice",
		"allow cgroup=/",
		"allow fstype=ext4",
		"allow dir=/",
		"allow glob=/**",
		"allow path=/a",
		"allow mount=/",
	};
	struct policy_query q = {.known = ALL_FACTS,
	                         .event = POLICY_OPEN,
	                         .path = "",
	                         .fs_type = "",
	                         .exe = "",
	                         .unit = "",
	                         .slice = "",
	                         .cgroup = ""};

	for (size_t i = 0; i < ARRAY_SIZE(rules); i++)
		ck_assert_msg(!decides(rules[i], &q), "%s", rules[i]);
	q = (struct policy_query){.known = ALL_FACTS, .event = POLICY_OPEN};
	for (size_t i = 0; i < ARRAY_SIZE(rules); i++)
		ck_assert_msg(!decides(rules[i], &q), "NULL: %s", rules[i]);
}
END_TEST

static const struct {
	const char *pattern, *path;
	bool match;
} globs[] = {
	{"/a/*.c", "/a/b.c", true},
	{"/a/*.c", "/a/b/c.c", false},
	{"/a/*", "/a/b", true},
	{"/a/*", "/a", false},
	{"/a/**", "/a/b/c", true},
	{"/a/**", "/a/b", true},
	{"/a/**", "/a", false},
	{"/a/**/z", "/a/z", true},
	{"/a/**/z", "/a/b/c/z", true},
	{"/a/**/z", "/a/b/c/zz", false},
	{"/**/b/*/d", "/a/b/b/c/d", true},
	{"/**/b/*/d", "/a/b/c", false},
	{"/**/x/**/y", "/x/x/q/y", true},
	{"/**", "/", false},
	{"/**", "/a", true},
	{"/a?c", "/abc", true},
	{"/a?c", "/a/c", false},
	{"/[a-c]x", "/bx", true},
	{"/[!a-c]x", "/bx", false},
	{"/[!a-c]x", "/dx", true},
	{"/[]x]", "/]", true},
	{"/[a-]", "/-", true},
	{"/\\*", "/*", true},
	{"/\\*", "/a", false},
	{"/*a*b*c", "/xxaxxbxxc", true},
	{"/*a*b*c", "/xxaxxcxxb", false},
	{"/a*", "/a", true},
	{"/a", "/a/", false},
};

START_TEST(policy_match_glob_follows_its_rules)
{
	struct policy_query q = query();
	char rule[256];

	for (size_t i = 0; i < ARRAY_SIZE(globs); i++) {
		(void)snprintf(rule, sizeof(rule), "allow glob=%s", globs[i].pattern);
		q.path = globs[i].path;
		ck_assert_msg(decides(rule, &q) == globs[i].match, "%s %s", rule,
		              q.path);
	}
}
END_TEST

/* The cost of a hostile name is bounded: with a naive matcher this does not end. */
START_TEST(policy_match_glob_hostile_name_ends)
{
	char path[4096], rule[] = "allow glob=/**/*a*a*a*a*a*a*a*a*b/**/*a*a*a*a*a*b";
	struct policy_query q = query();

	for (size_t i = 0; i < sizeof(path) - 1; i++)
		path[i] = i % 256 == 0 ? '/' : 'a';
	path[sizeof(path) - 1] = '\0';
	q.path = path;
	ck_assert(!decides(rule, &q));
}
END_TEST

START_TEST(policy_match_first_line_wins)
{
	_cleanup_(policy_freep) struct policy *p = compile(
		"allow dir=/a uid=33\nscan dir=/srv on-match=log\nallow dir=/srv");
	struct policy_query q = query();
	const struct policy_line *line;

	ck_assert_uint_eq(policy_match(p, &q, NOW, &line), 0);
	ck_assert_uint_eq(line->index, 1);
	ck_assert_int_eq(line->on_match, ON_MATCH_LOG);
	ck_assert_uint_eq(line->line, 2);
	ck_assert_str_eq(line->text, "scan dir=/srv on-match=log");
}
END_TEST

START_TEST(policy_match_asks_for_cheap_facts_first)
{
	_cleanup_(policy_freep) struct policy *p =
		compile("allow dir=/srv unit=backup.service");
	struct policy_query q = query();
	const struct policy_line *line = NULL;

	q.known = 0;
	ck_assert_uint_eq(policy_match(p, &q, NOW, &line), POLICY_FACT_PATH);
	ck_assert_ptr_null(line);
	q.known = POLICY_FACT_PATH;
	ck_assert_uint_eq(policy_match(p, &q, NOW, &line), POLICY_FACT_SUBJECT);
	q.known = POLICY_FACT_PATH | POLICY_FACT_SUBJECT;
	ck_assert_uint_eq(policy_match(p, &q, NOW, &line), 0);
	ck_assert_uint_eq(line->index, 0);
}
END_TEST

START_TEST(policy_match_known_failure_needs_no_more_facts)
{
	_cleanup_(policy_freep) struct policy *p = compile(
		"allow uid=33 size>5000 dir=/srv\nallow unit=a.service dir=/usr\n"
		"allow event=exec uid=33\nallow uid=33 expires=2020-01-01");
	struct policy_query q = query();
	const struct policy_line *line;

	q.known = POLICY_FACT_PATH;
	ck_assert_uint_eq(policy_match(p, &q, NOW, &line), 0);
	ck_assert_uint_eq(line->index, 4);
}
END_TEST

START_TEST(policy_match_mark_lines_ask_for_nothing)
{
	_cleanup_(policy_freep) struct policy *p =
		compile("nowatch fstype=proc,sysfs\nnowatch mount=/srv dev=8:1");
	struct policy_query q = query();
	const struct policy_line *line;

	q.known = 0;
	q.watched = true;
	ck_assert_uint_eq(policy_match(p, &q, NOW, &line), 0);
	ck_assert_uint_eq(line->index, 2);
	q.known = POLICY_FACT_MOUNT; /* which another line may have asked for */
	ck_assert_uint_eq(policy_match(p, &q, NOW, &line), 0);
	ck_assert_uint_eq(line->index, 2);
	q.watched = false; /* explain: the whole answer */
	ck_assert_uint_eq(policy_match(p, &q, NOW, &line), 0);
	ck_assert_uint_eq(line->index, 1);
}
END_TEST

START_TEST(policy_match_nowatch_behind_a_scan_line_asks)
{
	_cleanup_(policy_freep) struct policy *p =
		compile("scan event=exec mount=/srv\nnowatch mount=/srv");
	struct policy_query q = query();
	const struct policy_line *line;

	q.known = 0;
	ck_assert_uint_eq(policy_match(p, &q, NOW, &line), POLICY_FACT_MOUNT);
}
END_TEST

START_TEST(policy_match_write_close_needs_a_line_that_names_it)
{
	_cleanup_(policy_freep) struct policy *none = compile("allow dir=/srv");
	_cleanup_(policy_freep) struct policy *some =
		compile("scan event=write-close dir=/srv");
	struct policy_query q = query();
	const struct policy_line *line = (void *)&q;

	q.event = POLICY_WRITE_CLOSE;
	ck_assert_uint_eq(policy_match(none, &q, NOW, &line), 0);
	ck_assert_ptr_null(line);
	ck_assert(!policy_wants_write_close(none));
	ck_assert_uint_eq(policy_match(some, &q, NOW, &line), 0);
	ck_assert_uint_eq(line->index, 0);
	ck_assert_int_eq(line->on_match, ON_MATCH_LOG);
	ck_assert(policy_wants_write_close(some));
	q.event = POLICY_OPEN;
	ck_assert_uint_eq(policy_match(some, &q, NOW, &line), 0);
	ck_assert_uint_eq(line->index, 1);
}
END_TEST

START_TEST(policy_match_expires_at_midnight_utc)
{
	_cleanup_(policy_freep) struct policy *p =
		compile("allow dir=/srv expires=2027-01-15");
	const int64_t midnight = 1799971200;
	struct policy_query q = query();
	const struct policy_line *line;

	ck_assert_int_eq(policy_line(p, 0)->expires, midnight);
	ck_assert_uint_eq(policy_match(p, &q, midnight - 1, &line), 0);
	ck_assert_uint_eq(line->index, 0);
	ck_assert_uint_eq(policy_match(p, &q, midnight, &line), 0);
	ck_assert_uint_eq(line->index, 1);
}
END_TEST

/* Index of the nowatch line, or -1. */
static int nowatch(const char *rules)
{
	_cleanup_(policy_freep) struct policy *p = compile(rules);
	struct policy_query q = query();
	const struct policy_line *line;

	q.known = POLICY_FACT_MOUNT;
	line = policy_nowatch_mount(p, &q, NOW);
	return line ? (int)line->index : -1;
}

START_TEST(policy_nowatch_mount_follows_first_match)
{
	ck_assert_int_eq(nowatch("nowatch mount=/srv"), 0);
	ck_assert_int_eq(nowatch("nowatch fstype=ext4 dev=8:1"), 0);
	ck_assert_int_eq(nowatch("nowatch fstype=xfs\nnowatch fstype=ext4"), 1);
	ck_assert_int_eq(nowatch("nowatch fstype=ext4 dev=8:2"), -1);
	ck_assert_int_eq(nowatch("nowatch mount=/srv dir=/srv"), -1);
	ck_assert_int_eq(nowatch("nowatch dir=/srv\nnowatch mount=/srv"), 1);
	ck_assert_int_eq(nowatch("allow unit=a.service\nnowatch mount=/srv"), 1);
	ck_assert_int_eq(nowatch("allow mount=/srv\nnowatch mount=/srv"), -1);
	ck_assert_int_eq(nowatch("scan mount=/srv\nnowatch mount=/srv"), -1);
	ck_assert_int_eq(nowatch("scan event=exec\nnowatch mount=/srv"), -1);
	ck_assert_int_eq(nowatch("scan uid=5 mount=/other\nnowatch mount=/srv"), 1);
	ck_assert_int_eq(nowatch("nowatch mount=/srv expires=2027-01-15"), -1);
	ck_assert_int_eq(nowatch("allow dir=/srv"), -1);
}
END_TEST

START_TEST(policy_min_timeout_is_the_smallest)
{
	_cleanup_(policy_freep) struct policy *none = compile("scan dir=/a");
	_cleanup_(policy_freep) struct policy *some =
		compile("scan dir=/a timeout=2s\nscan dir=/b timeout=300ms\nscan "
	                "dir=/c timeout=9s");

	ck_assert_uint_eq(policy_min_timeout(none, 5), 5);
	ck_assert_uint_eq(policy_min_timeout(some, NSEC_PER_SEC), 300 * NSEC_PER_MSEC);
	ck_assert_uint_eq(policy_min_timeout(some, 5), 5);
}
END_TEST

UNIT_MAIN("policy-match", policy_match_each_predicate_matches_and_fails,
          policy_match_unknown_strings_match_nothing,
          policy_match_glob_follows_its_rules, policy_match_glob_hostile_name_ends,
          policy_match_first_line_wins, policy_match_asks_for_cheap_facts_first,
          policy_match_known_failure_needs_no_more_facts,
          policy_match_mark_lines_ask_for_nothing,
          policy_match_nowatch_behind_a_scan_line_asks,
          policy_match_write_close_needs_a_line_that_names_it,
          policy_match_expires_at_midnight_utc,
          policy_nowatch_mount_follows_first_match, policy_min_timeout_is_the_smallest)
