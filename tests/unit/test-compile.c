/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "build.h"
#include "custos/cleanup.h"
#include "custos/engine.h"
#include "custos/image.h"
#include "inputs.h"
#include "seal.h"
#include "unit.h"

#define MD5_HEX    "0123456789abcdef0123456789abcdef"
#define SHA256_HEX MD5_HEX MD5_HEX

static char dir[64];

static void setup(void)
{
	(void)snprintf(dir, sizeof(dir), "/tmp/custos-test-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(dir));
}

static void teardown(void)
{
	char cmd[128];

	(void)snprintf(cmd, sizeof(cmd), "rm -rf '%s'", dir);
	ck_assert_int_eq(system(cmd), 0);
}

/* Path below the folder of this test; valid until the fourth call after it. */
static const char *below(const char *name)
{
	static char paths[4][128];
	static unsigned next;
	char *p = paths[next++ % 4];

	(void)snprintf(p, sizeof(paths[0]), "%s/%s", dir, name);
	return p;
}

static const char *put(const char *name, const char *text)
{
	const char *path = below(name);
	FILE *f = fopen(path, "w");

	ck_assert_ptr_nonnull(f);
	ck_assert_int_ge(fputs(text, f), 0);
	ck_assert_int_eq(fclose(f), 0);
	return path;
}

START_TEST(add_yara_folder_takes_its_rules_in_order)
{
	_cleanup_(diag_deinit) struct diag d = DIAG_NULL;
	_cleanup_(inputs_deinit) struct inputs in = INPUTS_NULL;

	ck_assert_int_eq(mkdir(below("b"), 0700), 0);
	put("c.yar", "c");
	put("a.yara", "a");
	put("b/x.yar", "x");
	put("README", "no rules");
	put(".hidden.yar", "no rules either");
	ck_assert_int_eq(inputs_add_yara(&in, dir, &d), 0);
	ck_assert_int_eq(inputs_add_yara(&in, below("c.yar"), &d), 0); /* known already */
	ck_assert_uint_eq(in.n_yara, 3);
	ck_assert_str_eq(in.yara[0].text, "a");
	ck_assert_str_eq(in.yara[1].text, "x");
	ck_assert_str_eq(in.yara[2].text, "c");
}
END_TEST

START_TEST(use_set_files_belong_to_it)
{
	_cleanup_(diag_deinit) struct diag d = DIAG_NULL;
	_cleanup_(inputs_deinit) struct inputs in = INPUTS_NULL;
	_cleanup_(freep) char *text = NULL, *want = NULL;
	struct rules_set a, b;

	rules_set_init(&a, "a");
	rules_set_init(&b, "b");
	put("1.yar", "1");
	put("2.yar", "2");
	put("3.yar", "3");
	ck_assert_int_eq(inputs_add_yara(&in, below("1.yar"), &d), 0);
	ck_assert_int_eq(inputs_use_set(&in, &a, &d), 0);
	ck_assert_int_eq(inputs_add_yara(&in, below("2.yar"), &d), 0);
	ck_assert_int_eq(inputs_use_set(&in, &b, &d), 0);
	ck_assert_int_eq(inputs_use_set(&in, &a, &d), 0);
	ck_assert_int_eq(inputs_add_yara(&in, below("3.yar"), &d), 0);
	ck_assert_ptr_null(in.yara[0].set);
	ck_assert_str_eq(in.yara[1].set->name, "a");
	ck_assert_ptr_eq(in.yara[2].set, in.yara[1].set);
	ck_assert_uint_eq(in.n_sets, 2);
	ck_assert_int_eq(inputs_use_set(&in, &b, &d), 0);
	ck_assert_int_eq(inputs_add_yara(&in, below("3.yar"), &d), -EINVAL);
	b.priority++;
	ck_assert_int_eq(inputs_use_set(&in, &b, &d), -EINVAL);
	text = diag_text(&d);
	ck_assert_int_gt(asprintf(&want,
	                          "%s: belongs to the rule set a already\n"
	                          "the rule set b is given twice, as b:100:deny:3ff:fff and as "
	                          "b:101:deny:3ff:fff",
	                          below("3.yar")),
	                 0);
	ck_assert_str_eq(text, want);
}
END_TEST

START_TEST(use_set_at_limit_and_past)
{
	_cleanup_(diag_deinit) struct diag d = DIAG_NULL;
	_cleanup_(inputs_deinit) struct inputs in = INPUTS_NULL;
	struct rules_set s;
	char name[16];

	for (int i = 0; i <= RULES_SETS_MAX; i++) {
		(void)snprintf(name, sizeof(name), "s%d", i);
		rules_set_init(&s, name);
		ck_assert_int_eq(inputs_use_set(&in, &s, &d), i < RULES_SETS_MAX ? 0 : -EINVAL);
	}
}
END_TEST

START_TEST(add_untrusted_inputs_are_refused)
{
	_cleanup_(diag_deinit) struct diag d = DIAG_NULL;
	_cleanup_(inputs_deinit) struct inputs in = INPUTS_NULL;
	const char *group = put("group", ""), *world = put("world.yar", "");

	ck_assert_int_eq(chmod(group, 0660), 0);
	ck_assert_int_eq(chmod(world, 0602), 0);
	ck_assert_int_eq(inputs_add_block(&in, group, &d), -EINVAL);
	ck_assert_int_eq(inputs_add_yara(&in, world, &d), -EINVAL);
	ck_assert_int_eq(mkfifo(below("fifo"), 0600), 0);
	ck_assert_int_eq(inputs_add_allow(&in, below("fifo"), &d), -EINVAL);
	ck_assert_int_eq(inputs_add_block(&in, dir, &d), -EINVAL);
	ck_assert_int_eq(inputs_add_yara(&in, below("none"), &d), -EINVAL);
	ck_assert_uint_eq(d.n_total, 5);
	ck_assert_uint_eq(in.n_block + in.n_allow + in.n_yara, 0);
	if (geteuid() == 0) {
		ck_assert_int_eq(chmod(below("group"), 0600), 0);
		ck_assert_int_eq(chown(below("group"), 65534, 0), 0);
		ck_assert_int_eq(inputs_add_block(&in, below("group"), &d), -EINVAL);
	}
}
END_TEST

START_TEST(add_yara_file_too_large_is_refused)
{
	_cleanup_(diag_deinit) struct diag d = DIAG_NULL;
	_cleanup_(inputs_deinit) struct inputs in = INPUTS_NULL;
	const char *path = put("big.yar", "");

	ck_assert_int_eq(truncate(path, (off_t)INPUT_YARA_MAX_BYTES + 1), 0);
	ck_assert_int_eq(inputs_add_yara(&in, path, &d), -EINVAL);
	ck_assert_int_eq(truncate(path, (off_t)INPUT_YARA_MAX_BYTES), 0);
	ck_assert_int_eq(inputs_add_yara(&in, path, &d), 0);
}
END_TEST

START_TEST(add_hash_list_too_large_is_refused)
{
	_cleanup_(diag_deinit) struct diag d = DIAG_NULL;
	_cleanup_(inputs_deinit) struct inputs in = INPUTS_NULL;
	const char *path = put("big.sha256", "");

	ck_assert_int_eq(truncate(path, (off_t)INPUT_HASHES_MAX_BYTES + 1), 0);
	ck_assert_int_eq(inputs_add_block(&in, path, &d), -EINVAL);
	ck_assert_int_eq(truncate(path, (off_t)INPUT_HASHES_MAX_BYTES), 0);
	ck_assert_int_eq(inputs_add_block(&in, path, &d), 0);
}
END_TEST

static int new_memfd(void)
{
	return memfd_create("image", MFD_CLOEXEC | MFD_ALLOW_SEALING);
}

START_TEST(build_inside_the_seal_makes_an_image_that_loads)
{
	_cleanup_(ruleset_freep) struct ruleset *rs = NULL;
	_cleanup_(diag_deinit) struct diag d = DIAG_NULL;
	_cleanup_(inputs_deinit) struct inputs in = INPUTS_NULL;
	_cleanup_(fd_closep) int fd = new_memfd();
	struct ruleset_counts c;
	int status;
	pid_t pid;

	ck_assert_int_eq(inputs_add_yara(&in, put("a.yar", "import \"pe\" rule a { condition: "
	                                          "pe.is_dll() and filename == \"x\" }"), &d), 0);
	ck_assert_int_eq(inputs_add_block(&in, put("h", SHA256_HEX "  x\n" MD5_HEX ":1:N\n"),
	                                  &d), 0);
	ck_assert_int_eq(inputs_add_allow(&in, put("g", SHA256_HEX "\n"), &d), 0);
	ck_assert_int_eq(engine_global_init(), 0);
	pid = fork();
	if (pid == 0) {
		struct seal_ids ids = {.set = geteuid() == 0, .uid = 65534, .gid = 65534};
		const char *step;

		if (seal_self(&ids, &step) != 0)
			_exit(1);
		if (open("/etc/passwd", O_RDONLY) >= 0 || errno != EPERM)
			_exit(2);
		if (build_image(&in, NULL, NULL, NULL, fd, &c, &d) != 0)
			_exit(3);
		_exit(image_seal(fd) == 0 ? 0 : 4);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert(WIFEXITED(status));
	ck_assert_int_eq(WEXITSTATUS(status), 0);
	ck_assert_int_eq(ruleset_load(fd, -1, &rs), 0);
	ruleset_counts(rs, &c);
	ck_assert_uint_eq(c.n_yara, 1);
	ck_assert_uint_eq(c.n_hashes, 2);
	ck_assert_uint_eq(c.n_allow_hashes, 1);
}
END_TEST

START_TEST(build_with_any_error_reports_all_and_makes_no_image)
{
	_cleanup_(ruleset_freep) struct ruleset *rs = NULL;
	_cleanup_(diag_deinit) struct diag d = DIAG_NULL;
	_cleanup_(inputs_deinit) struct inputs in = INPUTS_NULL;
	_cleanup_(fd_closep) int fd = new_memfd();
	_cleanup_(freep) char *text = NULL;
	struct ruleset_counts c;

	ck_assert_int_eq(inputs_add_yara(&in, put("a.yar", "rule a { condition: oops }"), &d), 0);
	ck_assert_int_eq(inputs_add_block(&in, put("h", SHA256_HEX "\n\nnonsense\n"), &d), 0);
	ck_assert_int_eq(inputs_add_allow(&in, put("g", "# md5\n" MD5_HEX "\n"), &d), 0);
	ck_assert_int_eq(engine_global_init(), 0);
	ck_assert_int_eq(build_image(&in, NULL, NULL, NULL, fd, &c, &d), -EINVAL);
	text = diag_text(&d);
	ck_assert_msg(strstr(text, "/h:3: "), "%s", text);
	ck_assert_msg(strstr(text, "/g:2: MD5 cannot allow a file"), "%s", text);
	ck_assert_msg(strstr(text, "/a.yar:1: "), "%s", text);
	ck_assert_int_eq(image_seal(fd), 0);
	ck_assert_int_eq(ruleset_load(fd, -1, &rs), -EBADMSG);
}
END_TEST

START_TEST(build_without_inputs_is_an_empty_rule_set)
{
	_cleanup_(ruleset_freep) struct ruleset *rs = NULL;
	_cleanup_(diag_deinit) struct diag d = DIAG_NULL;
	_cleanup_(inputs_deinit) struct inputs in = INPUTS_NULL;
	_cleanup_(fd_closep) int fd = new_memfd();
	struct ruleset_counts c;

	ck_assert_int_eq(engine_global_init(), 0);
	ck_assert_int_eq(build_image(&in, NULL, NULL, NULL, fd, &c, &d), 0);
	ck_assert_int_eq(image_seal(fd), 0);
	ck_assert_int_eq(ruleset_load(fd, -1, &rs), 0);
	ruleset_counts(rs, &c);
	ck_assert_uint_eq(c.n_yara + c.n_hashes + c.n_allow_hashes, 0);
}
END_TEST

/* INT64_MIN / -1: libyara computes it when it reads the rule, and a signal ends the process. */
START_TEST(build_ended_by_a_signal_leaves_the_name_of_the_file)
{
	_cleanup_(diag_deinit) struct diag d = DIAG_NULL;
	_cleanup_(inputs_deinit) struct inputs in = INPUTS_NULL;
	_cleanup_(fd_closep) int fd = new_memfd();
	char at[sizeof(struct image_header)];
	struct ruleset_counts c;
	int status;
	pid_t pid;

	put("a.yar", "rule a { condition: false }");
	put("b.yar", "rule b { condition: (-9223372036854775807 - 1) \\ -1 == filesize }");
	put("c.yar", "rule c { condition: false }");
	ck_assert_int_eq(inputs_add_yara(&in, dir, &d), 0);
	ck_assert_uint_eq(in.n_yara, 3);
	ck_assert_int_eq(engine_global_init(), 0);
	pid = fork();
	if (pid == 0) {
		(void)build_image(&in, NULL, NULL, NULL, fd, &c, &d);
		_exit(101);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	/* a sanitizer takes the signal and exits itself */
	ck_assert_msg(WIFSIGNALED(status) || WEXITSTATUS(status) < 100, "status %d", status);
	ck_assert(image_at_read(fd, at));
	ck_assert_str_eq(at, below("b.yar"));
}
END_TEST

UNIT_MAIN_WITH(setup, teardown, "compile", add_yara_folder_takes_its_rules_in_order, use_set_files_belong_to_it, use_set_at_limit_and_past,
               add_untrusted_inputs_are_refused, add_yara_file_too_large_is_refused,
               add_hash_list_too_large_is_refused, build_inside_the_seal_makes_an_image_that_loads,
               build_with_any_error_reports_all_and_makes_no_image, build_without_inputs_is_an_empty_rule_set,
               build_ended_by_a_signal_leaves_the_name_of_the_file)
