/* SPDX-License-Identifier: Apache-2.0 */
#include "custos/conf.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "custos/cleanup.h"
#include "custos/mountinfo.h"
#include "unit.h"

static int parse(const char *text, struct conf *c, char **ret_errors)
{
	_cleanup_(diag_deinit) struct diag d = DIAG_NULL;
	int r = conf_parse("f", text, strlen(text), c, &d);

	*ret_errors = diag_text(&d);
	return r;
}

static void expect_errors(const char *text, const char *errors)
{
	_cleanup_(conf_deinit) struct conf c;
	_cleanup_(freep) char *got = NULL;

	conf_init(&c);
	c.n_workers = 77;
	ck_assert_int_eq(parse(text, &c, &got), -EINVAL);
	ck_assert_str_eq(got, errors);
	ck_assert_uint_eq(c.n_workers, 77); /* unchanged on error */
	ck_assert_uint_eq(c.mounts.n, 0);
}

static void parse_ok(const char *text, struct conf *c)
{
	_cleanup_(freep) char *errors = NULL;

	conf_init(c);
	ck_assert_msg(parse(text, c, &errors) == 0, "%s", errors);
}

START_TEST(conf_parse_empty_gives_defaults)
{
	_cleanup_(conf_deinit) struct conf c;

	parse_ok("", &c);
	ck_assert_int_eq(c.mode, MODE_ENFORCE);
	ck_assert_ptr_null(c.operator_group);
	ck_assert(c.rescue);
	ck_assert_uint_eq(c.mounts.n, 0);
	ck_assert_uint_eq(c.max_file_size_bytes, 104857600);
	ck_assert_uint_eq(c.timeout, 3 * NSEC_PER_SEC);
	ck_assert_uint_eq(c.n_workers, 0);
	ck_assert_uint_eq(c.cache_memory_bytes, 33554432);
	ck_assert_uint_eq(c.canary, 10 * NSEC_PER_SEC);
	ck_assert(memcmp(&c.archives, &arc_limits_default, sizeof(c.archives)) == 0);
	ck_assert(arc_limits_valid(&c.archives) && c.archives_on_demand);
	ck_assert_uint_eq(c.bundle_threshold, 1);
	ck_assert_uint_eq(c.bundle_max_age, 45 * 86400 * NSEC_PER_SEC);
}
END_TEST

START_TEST(conf_parse_every_key_is_taken)
{
	_cleanup_(conf_deinit) struct conf c;

	parse_ok("[Daemon]\nMode=monitor\nOperatorGroup=ops\nRescue=no\n[Watch]\nMount=/srv/"
	         "\nMount=/\nCanary=no\n"
	         "[Limits]\nMaxFileSize=1G\nTimeout=1s "
	         "500ms\nWorkers=4\nCacheMemory=1M\nHeldFiles=7\n"
	         "ArchiveDepth=16\nArchiveMembers=1000000\nArchiveExpandedMax=64K\n"
	         "ArchiveRatio=100000\nArchiveTime=100ms\n"
	         "[Archives]\nOnDemand=no\nPayloads=no\nFormats=zip rar\n"
	         "[Rules]\nHashes=/a b\nHashes=/c\nAllowHashes=/d\nYara=/e\nSelfTest=no\nRuleBudget=20ms\n"
	         "[Bundles]\nThreshold=2\nMaxAge=2w\n",
	         &c);
	ck_assert_int_eq(c.mode, MODE_MONITOR);
	ck_assert_str_eq(c.operator_group, "ops");
	ck_assert(!c.rescue);
	ck_assert_str_eq(c.mounts.from[0].file, "f");
	ck_assert_uint_eq(c.mounts.from[0].line, 6);
	ck_assert_uint_eq(c.mounts.n, 2);
	ck_assert_str_eq(c.mounts.items[0], "/srv");
	ck_assert_str_eq(c.mounts.items[1], "/");
	ck_assert_ptr_null(c.mounts.items[2]);
	ck_assert_uint_eq(c.max_file_size_bytes, 1073741824);
	ck_assert_uint_eq(c.timeout, 1500 * NSEC_PER_MSEC);
	ck_assert_uint_eq(c.n_workers, 4);
	ck_assert_uint_eq(c.cache_memory_bytes, 1048576);
	ck_assert_uint_eq(c.canary, 0);
	ck_assert_uint_eq(c.n_held_files, 7);
	ck_assert_uint_eq(c.archives.depth, 16);
	ck_assert_uint_eq(c.archives.n_members, 1000000);
	ck_assert_uint_eq(c.archives.n_bytes, 65536);
	ck_assert_uint_eq(c.archives.ratio, 100000);
	ck_assert_uint_eq(c.archives.time, 100 * NSEC_PER_MSEC);
	ck_assert_uint_eq(c.archives.kinds, 1U << ARC_ZIP | 1U << ARC_RAR);
	ck_assert(!c.archives_on_demand);
	ck_assert(!c.payloads);
	ck_assert_uint_eq(c.hashes.n, 2);
	ck_assert_str_eq(c.hashes.items[0], "/a b");
	ck_assert_str_eq(c.allow_hashes.items[0], "/d");
	ck_assert_str_eq(c.yara.items[0], "/e");
	ck_assert(!c.self_test);
	ck_assert_uint_eq(c.rule_budget, 20 * NSEC_PER_MSEC);
	ck_assert_uint_eq(c.bundle_threshold, 2);
	ck_assert_uint_eq(c.bundle_max_age, 14 * 86400 * NSEC_PER_SEC);
}
END_TEST

START_TEST(conf_parse_empty_value_gives_default_back)
{
	_cleanup_(conf_deinit) struct conf c, dflt;

	parse_ok(
		"[Daemon]\nMode=monitor\nMode=\nOperatorGroup=x\nOperatorGroup=\nRescue=no\nRescue=\n"
		"[Watch]\nMount=/a\nMount=\nCanary=1m\nCanary=\n[Limits]\nMaxFileSize=1\nMaxFileSize=\n"
		"Timeout=9s\nTimeout=\nWorkers=3\nWorkers=\nCacheMemory="
	        "2M\nCacheMemory=\nHeldFiles=1\nHeldFiles=\n"
		"ArchiveDepth=2\nArchiveDepth=\nArchiveMembers=2\nArchiveMembers=\n"
		"ArchiveExpandedMax=1M\nArchiveExpandedMax=\nArchiveRatio=2\nArchiveRatio=\n"
		"ArchiveTime=1s\nArchiveTime=\n[Archives]\nOnDemand=no\nOnDemand=\nPayloads=no\nPayloads=\n"
		"Formats=none\nFormats=\n"
		"[Rules]\nYara=/a\nYara=\nYara=/b\nSelfTest=no\nSelfTest=\nRuleBudget=1s\nRuleBudget=\n[Bundles]\nThreshold=3\nThreshold=\n"
		"MaxAge=1h\nMaxAge=\n",
		&c);
	ck_assert_uint_eq(c.yara.n, 1);
	ck_assert_str_eq(c.yara.items[0], "/b");
	conf_init(&dflt);
	ck_assert_int_eq(c.mode, dflt.mode);
	ck_assert_ptr_null(c.operator_group);
	ck_assert_uint_eq(c.mounts.n, 0);
	ck_assert_uint_eq(c.max_file_size_bytes, dflt.max_file_size_bytes);
	ck_assert_uint_eq(c.timeout, dflt.timeout);
	ck_assert_uint_eq(c.n_workers, dflt.n_workers);
	ck_assert_uint_eq(c.cache_memory_bytes, dflt.cache_memory_bytes);
	ck_assert_uint_eq(c.canary, dflt.canary);
	ck_assert_uint_eq(c.n_held_files, 8192);
	ck_assert(memcmp(&c.archives, &dflt.archives, sizeof(c.archives)) == 0);
	ck_assert(c.archives_on_demand);
	ck_assert(c.payloads);
	ck_assert(c.rescue);
	ck_assert(c.self_test);
	ck_assert_uint_eq(c.rule_budget, 0);
	ck_assert_uint_eq(c.bundle_threshold, dflt.bundle_threshold);
	ck_assert_uint_eq(c.bundle_max_age, dflt.bundle_max_age);
}
END_TEST

START_TEST(conf_parse_mount_auto_empties_the_list)
{
	_cleanup_(conf_deinit) struct conf c, b;

	parse_ok("[Watch]\nMount=/a\nMount=auto\n", &c);
	ck_assert_uint_eq(c.mounts.n, 0);
	parse_ok("[Watch]\nMount=auto\nMount=/a\n", &b);
	ck_assert_uint_eq(b.mounts.n, 1);
}
END_TEST

START_TEST(conf_parse_blocking_takes_paths_and_types_of_servers)
{
	_cleanup_(conf_deinit) struct conf c, b;

	parse_ok("[Watch]\nBlocking=/srv/share/\nBlocking=nfs4\nBlocking=fuse.sshfs\n", &c);
	ck_assert_uint_eq(c.blocking.n, 3);
	ck_assert_str_eq(c.blocking.items[0], "/srv/share");
	ck_assert_str_eq(c.blocking.items[1], "nfs4");
	ck_assert_str_eq(c.blocking.items[2], "fuse.sshfs");
	ck_assert_uint_eq(c.blocking.from[2].line, 4);
	parse_ok("[Watch]\nBlocking=nfs4\nBlocking=\n", &b);
	ck_assert_uint_eq(b.blocking.n, 0);
	expect_errors("[Watch]\nBlocking=ext4\nBlocking=srv/share\nBlocking=/a/../b\nBlocking=fuse.a b\n",
	              "f:2: 'Blocking=ext4': expected the mount point or the type of a network or FUSE file system, such as "
	              "/srv/share or nfs4\n"
	              "f:3: 'Blocking=srv/share': expected the mount point or the type of a network or FUSE file system, such "
	              "as /srv/share or nfs4\n"
	              "f:4: 'Blocking=/a/../b': expected the mount point or the type of a network or FUSE file system, such "
	              "as /srv/share or nfs4\n"
	              "f:5: 'Blocking=fuse.a b': expected the mount point or the type of a network or FUSE file system, such "
	              "as /srv/share or nfs4");
}
END_TEST

START_TEST(conf_parse_bounds_are_inclusive)
{
	_cleanup_(conf_deinit) struct conf c, b;

	parse_ok("[Limits]\nMaxFileSize=1T\nWholeFileSize=2147483647\nTimeout=60s\nWorkers="
	         "256\nCacheMemory=4G\nHeldFiles=32768\nScannerMemory=1T\n[Rules]\nRuleBudget=10s\n"
	         "[Bundles]\nThreshold=16\nMaxAge=3650d\n",
	         &c);
	ck_assert_uint_eq(c.scanner_memory_bytes, UINT64_C(1) << 40);
	parse_ok("[Limits]\nMaxFileSize=1\nTimeout=50ms\nWorkers=0\nCacheMemory=1M\nScannerMemory=128M\n[Rules]\nRuleBudget=1ms\n"
	         "[Bundles]\nThreshold=1\nMaxAge=1h\n",
	         &b);
	expect_errors("[Limits]\nMaxFileSize=1025G\nTimeout=60001ms\nWorkers=257\n"
	              "CacheMemory=4294967297\n[Bundles]\nThreshold=17\nMaxAge=3651d\n[Rules]\nRuleBudget=10001ms\n",
	              "f:2: 'MaxFileSize=1025G': expected a size from 1 byte to 1T, such as 100M\n"
	              "f:3: 'Timeout=60001ms': expected a duration from 50ms to 60s\n"
	              "f:4: 'Workers=257': expected a number from 0 to 256\n"
	              "f:5: 'CacheMemory=4294967297': expected a size from 1M to 4G\n"
	              "f:7: 'Threshold=17': expected a number from 1 to 16, or vendor+site\n"
	              "f:8: 'MaxAge=3651d': expected a duration from 1h to 3650d\n"
	              "f:10: 'RuleBudget=10001ms': expected no, or a duration from 1ms to 10s");
	expect_errors(
		"[Limits]\nMaxFileSize=0\nTimeout=49ms\nWorkers=-1\nCacheMemory=1023K\n"
		"[Bundles]\nThreshold=0\nMaxAge=59min\n[Rules]\nRuleBudget=999us\n",
		"f:2: 'MaxFileSize=0': expected a size from 1 byte to 1T, such as 100M\n"
		"f:3: 'Timeout=49ms': expected a duration from 50ms to 60s\n"
		"f:4: 'Workers=-1': expected a number from 0 to 256\n"
		"f:5: 'CacheMemory=1023K': expected a size from 1M to 4G\n"
		"f:7: 'Threshold=0': expected a number from 1 to 16, or vendor+site\n"
		"f:8: 'MaxAge=59min': expected a duration from 1h to 3650d\n"
		"f:10: 'RuleBudget=999us': expected no, or a duration from 1ms to 10s");
}
END_TEST

START_TEST(conf_parse_whole_file_size)
{
	_cleanup_(conf_deinit) struct conf c;

	parse_ok("[Limits]\nWholeFileSize=1M\n", &c);
	ck_assert_uint_eq(c.whole_file_bytes, 1 << 20);
	conf_deinit(&c);
	parse_ok("[Limits]\nWholeFileSize=1M\nWholeFileSize=\n", &c);
	ck_assert_uint_eq(c.whole_file_bytes, 256 << 20);
	expect_errors("[Limits]\nWholeFileSize=1048575\nWholeFileSize=2147483648\n",
	              "f:2: 'WholeFileSize=1048575': expected a size from 1M to 2147483647 bytes, such as 256M\n"
	              "f:3: 'WholeFileSize=2147483648': expected a size from 1M to 2147483647 bytes, such as 256M");
}
END_TEST

START_TEST(conf_parse_scanner_memory)
{
	_cleanup_(conf_deinit) struct conf c, b;

	parse_ok("[Limits]\nScannerMemory=2G\n", &c);
	ck_assert_uint_eq(c.scanner_memory_bytes, UINT64_C(2) << 30);
	parse_ok("[Limits]\nScannerMemory=2G\nScannerMemory=auto\n", &b);
	ck_assert_uint_eq(b.scanner_memory_bytes, 0);
	expect_errors("[Limits]\nScannerMemory=134217727\nScannerMemory=1099511627777\nScannerMemory=much\n",
	              "f:2: 'ScannerMemory=134217727': expected auto, or a size from 128M to 1T\n"
	              "f:3: 'ScannerMemory=1099511627777': expected auto, or a size from 128M to 1T\n"
	              "f:4: 'ScannerMemory=much': expected auto, or a size from 128M to 1T");
}
END_TEST

START_TEST(conf_parse_rescue_neither_yes_nor_no_is_an_error)
{
	expect_errors("[Daemon]\nRescue=true\n", "f:2: 'Rescue=true': expected yes or no");
}
END_TEST

START_TEST(conf_parse_namespaces_one_past_the_limit_is_an_error)
{
	expect_errors("[Watch]\nCanary=1s\nCanary=1h\nCanary=yes\nCanary=no\nCanary=999ms\n",
	              "f:6: 'Canary=999ms': expected yes, no, or a duration from 1s to 1h");
	expect_errors("[Watch]\nCanary=3601s\n",
	              "f:2: 'Canary=3601s': expected yes, no, or a duration from 1s to 1h");
	expect_errors("[Watch]\nNamespaces=4096\nNamespaces=auto\nNamespaces=0\nNamespaces=4097\n",
	              "f:5: 'Namespaces=4097': expected auto, or a number from 0 to 4096");
}
END_TEST

START_TEST(conf_parse_archive_limits_one_past_are_errors)
{
	expect_errors("[Limits]\nArchiveDepth=17\nArchiveMembers=1000001\n"
	              "ArchiveExpandedMax=2G\nArchiveRatio=100001\nArchiveTime=61s\n"
	              "[Archives]\nFormats=zip arj\n",
	              "f:2: 'ArchiveDepth=17': expected a number from 1 to 16\n"
	              "f:3: 'ArchiveMembers=1000001': expected a number from 1 to 1000000\n"
	              "f:4: 'ArchiveExpandedMax=2G': expected a size from 64K to 2147483647 "
	              "bytes, such as 256M\n"
	              "f:5: 'ArchiveRatio=100001': expected a number from 2 to 100000\n"
	              "f:6: 'ArchiveTime=61s': expected a duration from 100ms to 60s\n"
	              "f:8: 'Formats=zip arj': expected none, or names of formats with spaces "
	              "between them: default zip tar cpio 7z ar rpm gz bz2 xz zstd lz4 lzma "
	              "lzip compress rar iso cab lha");
	expect_errors("[Limits]\nArchiveDepth=0\nArchiveMembers=0\nArchiveExpandedMax=65535\n"
	              "ArchiveRatio=1\nArchiveTime=99ms\n",
	              "f:2: 'ArchiveDepth=0': expected a number from 1 to 16\n"
	              "f:3: 'ArchiveMembers=0': expected a number from 1 to 1000000\n"
	              "f:4: 'ArchiveExpandedMax=65535': expected a size from 64K to 2147483647 "
	              "bytes, such as 256M\n"
	              "f:5: 'ArchiveRatio=1': expected a number from 2 to 100000\n"
	              "f:6: 'ArchiveTime=99ms': expected a duration from 100ms to 60s");
}
END_TEST

START_TEST(conf_parse_held_files_one_past_the_limit_is_an_error)
{
	expect_errors("[Limits]\nHeldFiles=32769\n",
	              "f:2: 'HeldFiles=32769': expected a number from 0 to 32768");
}
END_TEST

START_TEST(conf_parse_unknown_names_are_all_reported)
{
	expect_errors("[Daemon]\nMode=Enforce\nmode=enforce\n[daemon]\nMode=enforce\n["
	              "Limits]\n"
	              "ArchiveLevels=3\nWorkers=1K\n[Rules]\nMode=enforce\nYara=rules\n"
	              "Hashes=/a/../b\n[Daemon]\nOperatorGroup=a b\n",
	              "f:2: 'Mode=Enforce': expected enforce or monitor\n"
	              "f:3: unknown key 'mode=' in [Daemon]\n"
	              "f:4: unknown section [daemon]\n"
	              "f:7: unknown key 'ArchiveLevels=' in [Limits]\n"
	              "f:8: 'Workers=1K': expected a number from 0 to 256\n"
	              "f:10: unknown key 'Mode=' in [Rules]\n"
	              "f:11: 'Yara=rules': expected an absolute path without '.', '..' "
	              "and '//'\n"
	              "f:12: 'Hashes=/a/../b': expected an absolute path without '.', "
	              "'..' and "
	              "'//'\n"
	              "f:14: 'OperatorGroup=a b': expected a group name");
}
END_TEST

START_TEST(conf_parse_list_at_limit_passes_and_past_it_fails)
{
	_cleanup_(conf_deinit) struct conf c;
	_cleanup_(freep) char *text = NULL;
	size_t size;
	FILE *f = open_memstream(&text, &size);

	(void)fputs("[Rules]\n", f);
	for (unsigned i = 0; i < CONF_LIST_MAX; i++)
		(void)fprintf(f, "Yara=/r/%u\n", i);
	(void)fflush(f);
	parse_ok(text, &c);
	ck_assert_uint_eq(c.yara.n, CONF_LIST_MAX);
	(void)fputs("Yara=/one/more\n", f);
	ck_assert_int_eq(fclose(f), 0);
	expect_errors(text, "f:258: more than 256 entries in 'Yara='");
}
END_TEST

START_TEST(conf_check_looks_for_files_but_not_behind_a_server)
{
	static const char mounts[] = "1 0 0:1 / / rw - ext4 a rw\n"
				     "2 1 0:2 / /nowhere/far rw - nfs4 b rw\n";
	_cleanup_(mount_list_deinit) struct mount_list list = {0};
	_cleanup_(fd_closep) int fd = memfd_create("mountinfo", MFD_CLOEXEC);
	_cleanup_(diag_deinit) struct diag near = DIAG_NULL, all = DIAG_NULL;
	_cleanup_(freep) char *near_text = NULL, *all_text = NULL;
	_cleanup_(conf_deinit) struct conf c;

	ck_assert_int_eq(write(fd, mounts, sizeof(mounts) - 1), sizeof(mounts) - 1);
	ck_assert_int_eq(mountinfo_read(fd, &list), 0);
	parse_ok("[Rules]\nYara=/nowhere/near/a\nHashes=/nowhere/far/b\nYara=/dev/null\n", &c);
	ck_assert_int_eq(conf_check(&c, &list, &near), -EINVAL);
	near_text = diag_text(&near);
	ck_assert_str_eq(near_text, "f:2: 'Yara=/nowhere/near/a': No such file or directory");
	ck_assert_int_eq(conf_check(&c, NULL, &all), -EINVAL);
	all_text = diag_text(&all);
	ck_assert_ptr_nonnull(strstr(all_text, "f:3: 'Hashes=/nowhere/far/b': No such"));
}
END_TEST

START_TEST(conf_parse_rule_sets)
{
	_cleanup_(conf_deinit) struct conf c;
	struct rules_set s;

	parse_ok("[RuleSet vendor]\nYara=/v\nYara=/w/\nPriority=1000\nLevel=log\nModules=pe elf\n"
	         "Variables=none\n[Rules]\nYara=/l\n[RuleSet site]\nModules=none\n"
	         "[RuleSet vendor]\nYara=/x\n",
	         &c);
	ck_assert_uint_eq(c.n_rule_sets, 2);
	ck_assert_str_eq(c.rule_sets[0].set.name, "vendor");
	ck_assert_uint_eq(c.rule_sets[0].yara.n, 3);
	ck_assert_str_eq(c.rule_sets[0].yara.items[1], "/w");
	ck_assert_uint_eq(c.rule_sets[0].yara.from[2].line, 13);
	ck_assert_uint_eq(c.rule_sets[0].set.priority, 1000);
	ck_assert(c.rule_sets[0].set.log_only);
	ck_assert_uint_eq(c.rule_sets[0].set.modules, 1U << RULES_PE | 1U << RULES_ELF);
	ck_assert_uint_eq(c.rule_sets[0].set.vars, 0);
	ck_assert_uint_eq(c.yara.n, 1);
	conf_rule_set(&c, "site", &s);
	ck_assert_uint_eq(s.modules, 0);
	ck_assert_uint_eq(s.priority, RULES_PRIORITY_DEFAULT);
	conf_rule_set(&c, "local", &s); /* no section */
	ck_assert_str_eq(s.name, "local");
	ck_assert(s.modules == RULES_MODULES_ALL && s.vars == RULES_SET_VARS_ALL && !s.log_only);
}
END_TEST

START_TEST(conf_parse_rule_set_empty_values_give_defaults_back)
{
	_cleanup_(conf_deinit) struct conf c;

	parse_ok("[RuleSet a]\nYara=/v\nPriority=0\nLevel=log\nModules=none\nVariables=none\n"
	         "Yara=\nPriority=\nLevel=\nModules=\nVariables=\n",
	         &c);
	ck_assert_uint_eq(c.rule_sets[0].yara.n, 0);
	ck_assert_uint_eq(c.rule_sets[0].set.priority, RULES_PRIORITY_DEFAULT);
	ck_assert(!c.rule_sets[0].set.log_only);
	ck_assert_uint_eq(c.rule_sets[0].set.modules, RULES_MODULES_ALL);
	ck_assert_uint_eq(c.rule_sets[0].set.vars, RULES_SET_VARS_ALL);
}
END_TEST

START_TEST(conf_parse_rule_set_errors)
{
	expect_errors("[RuleSet]\nYara=/x\n[RuleSet B]\n[RuleSet a]\nPriority=1001\nLevel=no\n"
	              "Modules=magic\nYara=x\nHashes=/x\n",
	              "f:1: [RuleSet]: expected [RuleSet NAME], a name of 1 to 32 of a-z, 0-9 and '-'\n"
	              "f:3: [RuleSet B]: expected [RuleSet NAME], a name of 1 to 32 of a-z, 0-9 and '-'\n"
	              "f:5: 'Priority=1001': expected a number from 0 to 1000\n"
	              "f:6: 'Level=no': expected deny or log\n"
	              "f:7: 'Modules=magic': expected all, none, or names with spaces between them: pe elf "
	              "math hash dotnet dex macho time console string\n"
	              "f:8: 'Yara=x': expected an absolute path without '.', '..' and '//'\n"
	              "f:9: unknown key 'Hashes=' in [RuleSet a]");
	expect_errors("[Rules x]\nYara=/x\n", "f:1: unknown section [Rules x]");
}
END_TEST

START_TEST(conf_parse_rule_sets_at_limit_and_past)
{
	_cleanup_(conf_deinit) struct conf c;
	_cleanup_(freep) char *errors = NULL;
	char text[64 * (CONF_RULE_SETS_MAX + 1)] = "";

	for (int i = 0; i < CONF_RULE_SETS_MAX; i++)
		sprintf(text + strlen(text), "[RuleSet s%d]\n", i);
	parse_ok(text, &c);
	ck_assert_uint_eq(c.n_rule_sets, CONF_RULE_SETS_MAX);
	strcat(text, "[RuleSet s0]\n[RuleSet more]\nYara=/x\n");
	ck_assert_int_eq(parse(text, &c, &errors), -EINVAL);
	ck_assert_str_eq(errors, "f:17: more than 15 rule sets");
}
END_TEST

UNIT_MAIN("conf", conf_parse_rule_sets, conf_parse_rule_set_empty_values_give_defaults_back,
          conf_parse_rule_set_errors, conf_parse_rule_sets_at_limit_and_past,
          conf_parse_empty_gives_defaults, conf_parse_every_key_is_taken,
          conf_parse_empty_value_gives_default_back,
          conf_parse_mount_auto_empties_the_list,
          conf_parse_blocking_takes_paths_and_types_of_servers, conf_parse_bounds_are_inclusive,
          conf_parse_whole_file_size, conf_parse_scanner_memory, conf_parse_rescue_neither_yes_nor_no_is_an_error,
          conf_parse_namespaces_one_past_the_limit_is_an_error,
          conf_parse_held_files_one_past_the_limit_is_an_error,
          conf_parse_archive_limits_one_past_are_errors,
          conf_parse_unknown_names_are_all_reported,
          conf_parse_list_at_limit_passes_and_past_it_fails,
          conf_check_looks_for_files_but_not_behind_a_server)
