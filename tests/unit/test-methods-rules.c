/* SPDX-License-Identifier: Apache-2.0 */
/* RuleCost: what comes back, and its bounds; the report that custosd reads from an image */
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "custos/image.h"
#include "custos/rules-report.h"
#include "rule-report.h"
#include "server-fixture.h"
#include "unit.h"

static const char *text_of(json_t *rows, size_t i, const char *key)
{
	return json_string_value(json_object_get(json_array_get(rows, i), key)) ?: "";
}

START_TEST(rule_cost_left_out_comes_first)
{
	json_t *r, *rows;
	int fd;

	setup();
	fd = client();
	call(fd, CALL("RuleCost"));
	r = reply(fd);
	rows = member(r, "rows");
	ck_assert(json_is_true(member(r, "tried")));
	ck_assert_int_eq(json_integer_value(json_object_get(member(r, "selfTest"), "stockFilesAll")), 4);
	ck_assert_uint_eq(json_array_size(rows), 3);
	ck_assert_str_eq(text_of(rows, 0, "state"), "unfit");
	ck_assert_str_eq(text_of(rows, 0, "why"), "rule bad matches /bin/sh");
	ck_assert_str_eq(text_of(rows, 1, "file"), "/r/slow.yar");
	ck_assert_str_eq(text_of(rows, 1, "rule"), "");
	ck_assert_str_eq(text_of(rows, 2, "rule"), "slow");
	ck_assert_int_eq(json_integer_value(json_object_get(json_array_get(rows, 2), "line")), 7);
	json_decref(r);
	close(fd);
	teardown();
}
END_TEST

/* @top of those in force; what is left out always. */
START_TEST(rule_cost_top_at_limit_and_past)
{
	json_t *r;
	int fd;

	setup();
	fd = client();
	call(fd, CALL_WITH("RuleCost", "{\"top\":1}"));
	r = reply(fd);
	ck_assert_uint_eq(json_array_size(member(r, "rows")), 2);
	json_decref(r);
	call(fd, CALL_WITH("RuleCost", "{\"top\":256}"));
	r = reply(fd);
	ck_assert_uint_eq(json_array_size(member(r, "rows")), 3);
	json_decref(r);
	call(fd, CALL_WITH("RuleCost", "{\"top\":0}"));
	expect_error(fd, "org.varlink.service.InvalidParameter");
	call(fd, CALL_WITH("RuleCost", "{\"top\":257}"));
	expect_error(fd, "org.varlink.service.InvalidParameter");
	close(fd);
	teardown();
}
END_TEST

/* An image, as far as the report goes. */
static int image_with(const struct rules_report *report)
{
	int fd = memfd_create("image", MFD_CLOEXEC);
	struct image_writer *w;
	const struct ruleset_counts counts = {0};

	ck_assert_int_eq(image_writer_new(fd, 1, &w), 0);
	image_writer_section(w, IMAGE_REPORT);
	if (report)
		ck_assert_int_eq(rules_report_write(report, image_writer_add, w), 0);
	ck_assert_int_eq(image_writer_finish(w, 0, &counts), 0);
	image_writer_free(w);
	return fd;
}

/* Why something is left out, as told of the image on @fd, which is closed; or "". */
static const char *reason_in(int fd)
{
	static char text[512];
	struct rule_report *r = rule_report_read(fd, NULL, 1);

	ck_assert_ptr_nonnull(r);
	(void)snprintf(text, sizeof(text), "%s", rule_report_reason(r) ?: "");
	(void)rule_report_free(r);
	if (fd >= 0)
		close(fd);
	return text;
}

START_TEST(rule_report_first_that_is_left_out_is_the_reason)
{
	struct rules_report r = RULES_REPORT_NULL;
	const struct rules_row dear = {.file = "/a.yar", .rule = "", .why = "", .nsec = 9};
	const struct rules_row bad = {.file = "/b.yar", .rule = "x", .line = 3,
	                              .why = "rule x matches /bin/sh", .state = RULES_UNFIT};

	ck_assert_int_eq(rules_report_add(&r, &dear), 0);
	ck_assert_str_eq(reason_in(image_with(&r)), "");
	ck_assert_int_eq(rules_report_add(&r, &bad), 0);
	r.tried.n_left_out = 1;
	ck_assert_str_eq(reason_in(image_with(&r)),
	                 "/b.yar:3 is left out: rule x matches /bin/sh (custosctl rules cost)");
	r.tried.n_left_out = 3;
	ck_assert_ptr_nonnull(strstr(reason_in(image_with(&r)),
	                             "; so are 2 other files of rules"));
	rules_report_deinit(&r);
}
END_TEST

START_TEST(rule_report_anything_else_is_empty)
{
	struct rules_report r = RULES_REPORT_NULL;
	const struct rules_row bad = {.file = "/b.yar", .rule = "", .why = "y",
	                              .state = RULES_UNFIT};
	struct image_header h;
	int fd;

	ck_assert_str_eq(reason_in(-1), "");
	ck_assert_str_eq(reason_in(image_with(NULL)), "");
	ck_assert_int_eq(rules_report_add(&r, &bad), 0);
	fd = image_with(&r);
	ck_assert_int_eq(pread(fd, &h, sizeof(h), 0), sizeof(h));
	h.sections[IMAGE_REPORT].offset += 8; /* not where it is */
	ck_assert_int_eq(pwrite(fd, &h, sizeof(h), 0), sizeof(h));
	ck_assert_str_eq(reason_in(fd), "");
	fd = image_with(&r);
	ck_assert_int_eq(ftruncate(fd, sizeof(h) + 4), 0);
	ck_assert_str_eq(reason_in(fd), "");
	fd = image_with(&r);
	ck_assert_int_eq(pwrite(fd, "x", 1, 0), 1);
	ck_assert_str_eq(reason_in(fd), "");
	rules_report_deinit(&r);
	ck_assert_ptr_null(rule_report_reason(NULL));
}
END_TEST

START_TEST(rule_sets_tell_policy_and_generation)
{
	json_t *r, *sets, *first;
	int fd;

	setup();
	fd = client();
	call(fd, CALL("RuleSets"));
	r = reply(fd);
	sets = member(r, "sets");
	ck_assert_uint_eq(json_array_size(sets), 2);
	first = json_array_get(sets, 0);
	ck_assert_str_eq(json_string_value(json_object_get(first, "name")), "site");
	ck_assert_int_eq(json_integer_value(json_object_get(first, "priority")), 500);
	ck_assert_int_eq(json_integer_value(json_object_get(first, "generation")), 40);
	ck_assert_str_eq(json_string_value(json_object_get(first, "level")), "log");
	ck_assert_uint_eq(json_array_size(json_object_get(first, "modules")), 2);
	ck_assert_uint_eq(json_array_size(json_object_get(first, "variables")), 0);
	ck_assert_int_eq(json_integer_value(json_object_get(first, "filesLeftOut")), 1);
	ck_assert_uint_eq(json_array_size(json_object_get(json_array_get(sets, 1), "variables")),
	                  N_RULES_SET_VARS);
	json_decref(r);
	close(fd);
	teardown();
}
END_TEST

/* A set that is what it was keeps the generation in which it came to be. */
START_TEST(rule_report_generation_is_of_the_last_change)
{
	struct rules_report w = RULES_REPORT_NULL;
	struct rule_report *first, *second, *third;
	int fd;

	rules_set_init(&w.sets[0].set, "a");
	rules_set_init(&w.sets[1].set, "b");
	w.n_sets = 2;
	fd = image_with(&w);
	first = rule_report_read(fd, NULL, 7);
	close(fd);
	w.sets[1].id[31] = 1; /* another text */
	fd = image_with(&w);
	second = rule_report_read(fd, first, 8);
	close(fd);
	w.sets[2] = w.sets[0];
	w.sets[0] = w.sets[1];
	w.sets[1] = w.sets[2]; /* another order */
	rules_set_init(&w.sets[2].set, "c");
	w.n_sets = 3;
	fd = image_with(&w);
	third = rule_report_read(fd, second, 9);
	close(fd);
	ck_assert_uint_eq(rule_report_generation(first, 0), 7);
	ck_assert_uint_eq(rule_report_generation(first, 1), 7);
	ck_assert_uint_eq(rule_report_generation(first, 2), 0);
	ck_assert_uint_eq(rule_report_generation(second, 0), 7);
	ck_assert_uint_eq(rule_report_generation(second, 1), 8);
	ck_assert_uint_eq(rule_report_generation(third, 0), 8);
	ck_assert_uint_eq(rule_report_generation(third, 1), 7);
	ck_assert_uint_eq(rule_report_generation(third, 2), 9);
	ck_assert_uint_eq(rule_report_generation(NULL, 0), 0);
	(void)rule_report_free(first);
	(void)rule_report_free(second);
	(void)rule_report_free(third);
}
END_TEST

UNIT_MAIN("methods-rules", rule_sets_tell_policy_and_generation, rule_report_generation_is_of_the_last_change,
          rule_cost_left_out_comes_first, rule_cost_top_at_limit_and_past,
          rule_report_first_that_is_left_out_is_the_reason,
          rule_report_anything_else_is_empty)
