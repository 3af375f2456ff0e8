/* SPDX-License-Identifier: Apache-2.0 */
/* Bundles made with signify-openbsd 31 and minisign 0.11, and what can be wrong with
 * their folder */
#include "custos/bundle.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <string.h>
#include <sys/stat.h>

#include "custos/bundle-floor.h"
#include "custos/cleanup.h"
#include "custos/digest.h"
#include "unit.h"

static const char rules[] = "rule a { condition: false }\n";
static const char manifest[] =
	"custos-bundle 1\n"
	"channel: base\n"
	"serial: 5\n"
	"created: 2026-11-23T04:00:00Z\n"
	"7bc865dba783f4b2046d88fdea0ef3adc72f1f90c24cae0dd5a22107d6d8829c  rules.yar\n";
static const char key_a[] =
	"untrusted comment: custos test key public key\n"
	"RWR6zVImmxiRLqp6HaOWtsWodw/ealFAF26eg6Yh+xER3LnltKeUsI5d\n";
static const char key_b[] =
	"untrusted comment: minisign public key 7F3914D03883D06B\n"
	"RWRr0IM40BQ5fxUUWhsfj+mIVhmomYIpAmFV+MT4dfu0ckkJ5tI/vvtR\n";
static const char sig_a[] =
	"untrusted comment: verify with a.pub\n"
	"RWR6zVImmxiRLkhKHbrnn+TP14H1y0w27+"
        "40ZCJh0ARAC77qN7QYgHdXhXm4leEPccEhVVaT47AhaRgyHhvHf+HNMsWIuxuvTAE=\n";
static const char sig_b[] =
	"untrusted comment: signature from minisign secret key\n"
	"RURr0IM40BQ5f0VodVFxo+q9vvhyWoASHkqTIJqzmMCAitpM6VYJTTgmv11W0o7pAyahg/"
        "QjPHO64FwGit+T6pVqCpT73Z9LkwI=\n"
	"trusted comment: x\n"
	"svFsNvCoGf0JOtfcImLxjSA2CYjPN/"
        "Y4Yni0stxyr1s6HzJTTn9Y8dl210Z1lQDIQEO0qra9fOIIptg7gXVWCQ==\n";

static char root[] = "/tmp/custos-bundle-XXXXXX";
static struct bundle_keys keys;

static int remove_one(const char *path, const struct stat *st, int type,
                      struct FTW *ftw)
{
	return remove(path);
}

static void put(const char *path, const char *text)
{
	FILE *f = fopen(path, "we");

	ck_assert_ptr_nonnull(f);
	(void)fputs(text, f);
	ck_assert_int_eq(fclose(f), 0);
}

/* A whole bundle in b/, an empty folder c/; a is the vendor's key, b the site's. */
static void setup(void)
{
	_cleanup_(diag_deinit) struct diag d = DIAG_NULL;

	umask(022);
	memcpy(root + sizeof(root) - 7, "XXXXXX", 6);
	ck_assert_int_eq(digest_global_init(), 0);
	ck_assert_ptr_nonnull(mkdtemp(root));
	ck_assert_int_eq(chdir(root), 0);
	for (const char *const *p =
	             (const char *const[]){"b", "c", "conf", "conf/keys.d",
	                                   "conf/vendor", "conf/vendor/keys.d", NULL};
	     *p; p++)
		ck_assert_int_eq(mkdir(*p, 0755), 0);
	put("b/rules.yar", rules);
	put("b/MANIFEST", manifest);
	put("b/MANIFEST.a.sig", sig_a);
	put("b/MANIFEST.b.minisig", sig_b);
	put("conf/vendor/keys.d/a.pub", key_a);
	put("conf/keys.d/b.pub", key_b);
	ck_assert_int_eq(bundle_keys_load("conf", &keys, &d), 0);
	ck_assert_uint_eq(keys.n, 2);
}

static void teardown(void)
{
	bundle_keys_deinit(&keys);
	ck_assert_int_eq(chdir("/"), 0);
	(void)nftw(root, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

static int open_dir(const char *name)
{
	int fd = open(name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	ck_assert_int_ge(fd, 0);
	return fd;
}

/* What reading, then the folder, then its files say: NULL for all is well, else a part
 * of the error. */
static void expect(const char *name, const struct bundle_demand *demand, int want,
                   const char *error)
{
	_cleanup_(diag_deinit) struct diag d = DIAG_NULL;
	_cleanup_(bundle_deinit) struct bundle b = BUNDLE_NULL;
	_cleanup_(fd_closep) int fd = open_dir(name);
	_cleanup_(freep) char *text = NULL;
	int r = bundle_read(fd, name, &keys, demand, &b, &d);

	if (r == 0)
		r = bundle_check_names(fd, name, &b, &d);
	if (r == 0)
		r = bundle_check_files(fd, name, &b, &d);
	text = diag_text(&d);
	ck_assert_msg(r == want, "%d: %s", r, text);
	ck_assert_msg(!error || strstr(text, error), "'%s' lacks '%s'", text, error);
	if (r == 0)
		ck_assert_int_eq(b.manifest.serial, 5);
}

START_TEST(read_whole_bundle_is_verified)
{
	const struct bundle_demand two = {.threshold = 2}, three = {.threshold = 3};
	const struct bundle_demand both = {.threshold = 2, .both = true};

	expect("b", NULL, 0, NULL);
	expect("b", &two, 0, NULL);
	expect("b", &both, 0, NULL);
	expect("b", &three, -EKEYREJECTED, "signed by 2 trusted keys, 3 are needed");
}
END_TEST

START_TEST(read_each_key_counts_once)
{
	const struct bundle_demand two = {.threshold = 2},
				   both = {.threshold = 1, .both = true};

	ck_assert_int_eq(unlink("b/MANIFEST.b.minisig"), 0);
	put("b/MANIFEST.sig", sig_a);
	expect("b", &two, -EKEYREJECTED, "signed by 1 trusted key, 2 are needed");
	expect("b", &both, -EKEYREJECTED, "signed by the vendor, but not by this site");
	ck_assert_int_eq(unlink("b/MANIFEST.sig"), 0);
	ck_assert_int_eq(unlink("b/MANIFEST.a.sig"), 0);
	put("b/MANIFEST.minisig", sig_b);
	expect("b", &both, -EKEYREJECTED, "signed by this site, but not by the vendor");
	ck_assert_int_eq(unlink("b/MANIFEST.minisig"), 0);
	expect("b", NULL, -EKEYREJECTED, "no signature");
}
END_TEST

START_TEST(read_masked_key_counts_no_more)
{
	_cleanup_(diag_deinit) struct diag d = DIAG_NULL;
	const struct bundle_demand two = {.threshold = 2};

	ck_assert_int_eq(symlink("/dev/null", "conf/keys.d/a.pub"), 0);
	bundle_keys_deinit(&keys);
	ck_assert_int_eq(bundle_keys_load("conf", &keys, &d), 0);
	ck_assert_uint_eq(keys.n, 1);
	expect("b", NULL, 0, NULL);
	expect("b", &two, -EKEYREJECTED, "2 are needed");
}
END_TEST

START_TEST(keys_wrong_ones_are_errors)
{
	_cleanup_(diag_deinit) struct diag d = DIAG_NULL;
	_cleanup_(freep) char *text = NULL;
	struct bundle_keys k = BUNDLE_KEYS_NULL;

	put("conf/keys.d/again.pub", key_a);
	put("conf/keys.d/bad.pub", "x\n");
	put("conf/keys.d/ignored", "x\n");
	ck_assert_int_eq(bundle_keys_load("conf", &k, &d), -EINVAL);
	text = diag_text(&d);
	ck_assert_uint_eq(d.n_total, 2);
	ck_assert_ptr_nonnull(
		strstr(text, "has the same key id as conf/vendor/keys.d/a.pub"));
	ck_assert_ptr_nonnull(strstr(text, "conf/keys.d/bad.pub: not a public key"));
}
END_TEST

/* Every single byte of MANIFEST counts. */
START_TEST(read_changed_byte_rejected)
{
	char *text = strdup(manifest);

	for (size_t i = 0; text[i]; i++) {
		text[i] ^= 1;
		put("b/MANIFEST", text);
		expect("b", NULL, -EKEYREJECTED, "was changed");
		text[i] ^= 1;
	}
	free(text);
}
END_TEST

START_TEST(check_folder_must_be_what_manifest_says)
{
	put("b/more.yar", "");
	expect("b", NULL, -EINVAL, "'more.yar' is not listed");
	ck_assert_int_eq(unlink("b/more.yar"), 0);
	put("b/rules.yar", "rule b { condition: false }\n");
	expect("b", NULL, -EINVAL, "'rules.yar' was changed");
	ck_assert_int_eq(unlink("b/rules.yar"), 0);
	expect("b", NULL, -EINVAL, "'rules.yar' is missing");
	ck_assert_int_eq(symlink("../conf/keys.d/b.pub", "b/rules.yar"), 0);
	expect("b", NULL, -EINVAL, "'rules.yar': a symbolic link");
}
END_TEST

START_TEST(read_signatures_at_limit_and_past)
{
	char name[64];

	for (unsigned i = 0; i < BUNDLE_SIGNATURES_MAX - 2; i++) {
		snprintf(name, sizeof(name), "b/MANIFEST.%u.sig", i);
		put(name, sig_a);
	}
	expect("b", NULL, 0, NULL);
	put("b/MANIFEST.more.sig", sig_a);
	expect("b", NULL, -EKEYREJECTED, "more than 16 signatures");
}
END_TEST

START_TEST(read_names_at_limit_and_past)
{
	const unsigned max = BUNDLE_FILES_MAX + 1 + BUNDLE_SIGNATURES_MAX;
	char name[64];

	for (unsigned i = 0; i < max - 4; i++) {
		snprintf(name, sizeof(name), "b/f%u", i);
		put(name, "");
	}
	expect("b", NULL, -EINVAL, "'f0' is not listed");
	put("b/more", "");
	expect("b", NULL, -EINVAL, "more than 1041 files");
}
END_TEST

static int copy_all(const char **ret_step, struct diag *d)
{
	_cleanup_(bundle_deinit) struct bundle b = BUNDLE_NULL;
	_cleanup_(fd_closep) int from = open_dir("b");
	_cleanup_(fd_closep) int to = open_dir("c");
	int r = bundle_copy_head(from, to, "b", d);

	*ret_step = "head";
	if (r == 0) {
		*ret_step = "read";
		r = bundle_read(to, "c", &keys, NULL, &b, d);
	}
	if (r == 0) {
		*ret_step = "files";
		r = bundle_copy_files(from, to, "b", &b, d);
	}
	return r;
}

START_TEST(copy_whole_bundle_is_whole)
{
	_cleanup_(diag_deinit) struct diag d = DIAG_NULL;
	const char *step;

	ck_assert_int_eq(copy_all(&step, &d), 0);
	expect("c", NULL, 0, NULL);
}
END_TEST

START_TEST(copy_too_large_refused_before_it_is_copied)
{
	_cleanup_(diag_deinit) struct diag d = DIAG_NULL;
	_cleanup_(freep) char *text = NULL;
	const char *step;

	ck_assert_int_eq(truncate("b/rules.yar", BUNDLE_BYTES_MAX + 1), 0);
	ck_assert_int_eq(copy_all(&step, &d), -EINVAL);
	ck_assert_str_eq(step, "files");
	text = diag_text(&d);
	ck_assert_ptr_nonnull(strstr(text, "'rules.yar': too large"));
}
END_TEST

START_TEST(copy_manifest_at_limit_and_past)
{
	for (off_t more = 0; more < 2; more++) {
		_cleanup_(diag_deinit) struct diag d = DIAG_NULL;
		const char *step;

		ck_assert_int_eq(
			truncate("b/MANIFEST", (off_t)BUNDLE_MANIFEST_MAX + more), 0);
		ck_assert_int_lt(copy_all(&step, &d), 0);
		ck_assert_str_eq(step, more ? "head" : "read");
		for (const char *const *p =
		             (const char *const[]){"c/MANIFEST", "c/MANIFEST.a.sig",
		                                   "c/MANIFEST.b.minisig", NULL};
		     *p; p++)
			(void)unlink(*p);
	}
}
END_TEST

START_TEST(copy_pipe_does_not_block)
{
	_cleanup_(diag_deinit) struct diag d = DIAG_NULL;
	const char *step;

	ck_assert_int_eq(unlink("b/MANIFEST"), 0);
	ck_assert_int_eq(mkfifo("b/MANIFEST", 0644), 0);
	ck_assert_int_eq(copy_all(&step, &d), -EINVAL);
	ck_assert_str_eq(step, "head");
}
END_TEST

START_TEST(floor_highest_of_the_channel)
{
	_cleanup_(diag_deinit) struct diag d = DIAG_NULL;
	int64_t floor = -1;

	ck_assert_int_eq(bundle_floor_load("conf", "base", &floor, &d), 0);
	ck_assert_int_eq(floor, 0);
	put("conf/vendor/bundle-floor",
	    "# of the package\n\nbase 3\nbase 12\nsite 20\n");
	ck_assert_int_eq(bundle_floor_load("conf", "base", &floor, &d), 0);
	ck_assert_int_eq(floor, 12);
	put("conf/vendor/bundle-floor", "base x\n");
	ck_assert_int_eq(bundle_floor_load("conf", "base", &floor, &d), -EINVAL);
	put("conf/vendor/bundle-floor", "base 1 2\n");
	ck_assert_int_eq(bundle_floor_load("conf", "base", &floor, &d), -EINVAL);
}
END_TEST

UNIT_MAIN_WITH(setup, teardown, "bundle", read_whole_bundle_is_verified, read_each_key_counts_once,
               read_masked_key_counts_no_more, keys_wrong_ones_are_errors, read_changed_byte_rejected,
               check_folder_must_be_what_manifest_says, read_signatures_at_limit_and_past,
               read_names_at_limit_and_past, copy_whole_bundle_is_whole,
               copy_too_large_refused_before_it_is_copied, copy_manifest_at_limit_and_past,
               copy_pipe_does_not_block, floor_highest_of_the_channel)
