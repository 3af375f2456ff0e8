/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Configuration
 *
 * Owns: the keys of custosd.conf, their bounds and defaults.
 * Must not own: files (confdir), syntax (ini), what a setting does.
 * Hands off to: the supervisor, which swaps the result in as a whole.
 */
#include "custos/conf.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "custos/cleanup.h"
#include "custos/confdir.h"
#include "custos/ini.h"
#include "custos/mountinfo.h"

#include "conf-set.h"
#include "conf-value.h"
#include "strlist.h"

struct parser {
	struct conf *conf;
	const char *file;
	struct diag *d;
};

#define A_PATH   "an absolute path without '.', '..' and '//'"
#define FIELD(f) .offset = offsetof(struct conf, f)

static const struct conf_key keys[] = {
	{"Daemon", "Mode", conf_parse_mode, FIELD(mode), .expected = "enforce or monitor"},
	{"Daemon", "OperatorGroup", conf_parse_group, FIELD(operator_group), .expected = "a group name"},
	{"Daemon", "Rescue", conf_parse_bool, FIELD(rescue), .expected = "yes or no"},
	{"Watch", "Mount", conf_parse_mounts, FIELD(mounts),
         .expected = "auto, or an absolute path without '.', '..' and '//'"},
	{"Watch", "Blocking", conf_parse_blocking, FIELD(blocking),
         .expected = "the mount point or the type of a network or FUSE file system, such as /srv/share or nfs4"},
	{"Watch", "Namespaces", conf_parse_namespaces, FIELD(n_namespaces), 0, CONF_NAMESPACES_MAX, "auto, or a number from 0 to 4096"},
	{"Watch", "Canary", conf_parse_canary, FIELD(canary), CONF_CANARY_MIN, CONF_CANARY_MAX,
         "yes, no, or a duration from 1s to 1h"},
	{"Limits", "MaxFileSize", conf_parse_size, FIELD(max_file_size_bytes), 1,
         CONF_MAX_FILE_SIZE_MAX, "a size from 1 byte to 1T, such as 100M"},
	{"Limits", "WholeFileSize", conf_parse_size, FIELD(whole_file_bytes), CONF_WHOLE_FILE_MIN,
         CONF_WHOLE_FILE_MAX, "a size from 1M to 2147483647 bytes, such as 256M"},
	{"Limits", "Timeout", conf_parse_duration, FIELD(timeout), CONF_TIMEOUT_MIN,
         CONF_TIMEOUT_MAX, "a duration from 50ms to 60s"},
	{"Limits", "Workers", conf_parse_count, FIELD(n_workers), 0, CONF_WORKERS_MAX, "a number from 0 to 256"},
	{"Limits", "CacheMemory", conf_parse_size, FIELD(cache_memory_bytes),
         CONF_CACHE_MEMORY_MIN, CONF_CACHE_MEMORY_MAX, "a size from 1M to 4G"},
	{"Limits", "ScannerMemory", conf_parse_scanner_memory, FIELD(scanner_memory_bytes),
         CONF_SCANNER_MEMORY_MIN, CONF_SCANNER_MEMORY_MAX, "auto, or a size from 128M to 1T"},
	{"Limits", "HeldFiles", conf_parse_count, FIELD(n_held_files), 0, CONF_HELD_FILES_MAX, "a number from 0 to 32768"},
	{"Limits", "ArchiveDepth", conf_parse_count, FIELD(archives.depth), 1, ARC_DEPTH_MAX,
         "a number from 1 to 16"},
	{"Limits", "ArchiveMembers", conf_parse_count, FIELD(archives.n_members), 1,
         ARC_MEMBERS_MAX, "a number from 1 to 1000000"},
	{"Limits", "ArchiveExpandedMax", conf_parse_size, FIELD(archives.n_bytes), ARC_BYTES_MIN,
         ARC_BYTES_MAX, "a size from 64K to 2147483647 bytes, such as 256M"},
	{"Limits", "ArchiveRatio", conf_parse_count, FIELD(archives.ratio), ARC_RATIO_MIN,
         ARC_RATIO_MAX, "a number from 2 to 100000"},
	{"Limits", "ArchiveTime", conf_parse_duration, FIELD(archives.time), ARC_TIME_MIN,
         ARC_TIME_MAX, "a duration from 100ms to 60s"},
	{"Archives", "OnDemand", conf_parse_bool, FIELD(archives_on_demand), .expected = "yes or no"},
	{"Archives", "Payloads", conf_parse_bool, FIELD(payloads), .expected = "yes or no"},
	{"Archives", "Formats", conf_parse_archive_kinds, FIELD(archives.kinds),
         .expected = "none, or names of formats with spaces between them: default zip tar cpio "
                     "7z ar rpm gz bz2 xz zstd lz4 lzma lzip compress rar iso cab lha"},
	{"Rules", "Hashes", conf_parse_paths, FIELD(hashes), .expected = A_PATH},
	{"Rules", "AllowHashes", conf_parse_paths, FIELD(allow_hashes), .expected = A_PATH},
	{"Rules", "Yara", conf_parse_paths, FIELD(yara), .expected = A_PATH},
	{"Rules", "SelfTest", conf_parse_bool, FIELD(self_test), .expected = "yes or no"},
	{"Rules", "RuleBudget", conf_parse_budget, FIELD(rule_budget), CONF_RULE_BUDGET_MIN,
         CONF_RULE_BUDGET_MAX, "no, or a duration from 1ms to 10s"},
	{"Bundles", "Threshold", conf_parse_threshold, FIELD(bundle_threshold), 1,
         CONF_THRESHOLD_MAX, "a number from 1 to 16, or vendor+site"},
	{"Bundles", "MaxAge", conf_parse_duration, FIELD(bundle_max_age), CONF_MAX_AGE_MIN,
         CONF_MAX_AGE_MAX, "a duration from 1h to 3650d"},
};

static bool section_known(const char *section)
{
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
		if (strcmp(keys[i].section, section) == 0)
			return true;
	return false;
}

static const struct conf_key *key_find(const char *section, const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
		if (strcmp(keys[i].section, section) == 0 &&
		    strcmp(keys[i].name, name) == 0)
			return &keys[i];
	return NULL;
}

static bool is_list(const struct conf_key *key)
{
	return key->parse == conf_parse_paths || key->parse == conf_parse_mounts ||
	       key->parse == conf_parse_blocking;
}

/* The empty value: back to the default. */
static void key_reset(const struct conf_key *key, struct conf *c)
{
	char *field = (char *)c + key->offset;
	struct conf defaults;

	conf_init(&defaults); /* owns nothing: no list, no group */
	if (is_list(key))
		strlist_deinit((struct strlist *)field);
	else if (key->parse == conf_parse_mode)
		c->mode = defaults.mode;
	else if (key->parse == conf_parse_bool)
		memcpy(field, (char *)&defaults + key->offset, sizeof(bool));
	else if (key->parse == conf_parse_group)
		c->operator_group = (free(c->operator_group), NULL);
	else if (key->parse == conf_parse_threshold)
		(void)conf_parse_threshold(key, "1", field); /* in its bounds */
	else if (key->parse == conf_parse_count || key->parse == conf_parse_namespaces ||
	         key->parse == conf_parse_archive_kinds)
		memcpy(field, (char *)&defaults + key->offset, sizeof(unsigned));
	else
		memcpy(field, (char *)&defaults + key->offset, sizeof(uint64_t));
}

/* Where the newest entry of a list comes from. */
static int note_origin(const struct parser *p, const struct conf_key *key, unsigned line)
{
	struct strlist *l = (struct strlist *)((char *)p->conf + key->offset);
	char *file;

	if (!is_list(key) || l->n == 0)
		return 0;
	file = strdup(p->file);
	if (!file)
		return -ENOMEM;
	free(l->from[l->n - 1].file);
	l->from[l->n - 1] = (struct strlist_from){file, line};
	return 0;
}

static int on_key(void *userdata, const char *section, const char *name,
                  const char *value, unsigned line)
{
	struct parser *p = userdata;
	const struct conf_key *key;
	int r;

	if (conf_set_is(section))
		return conf_set_key(p->conf, &(struct conf_set_line){section, name, value, p->file, line}, p->d);
	if (!name && !section_known(section))
		return diag_add(p->d, p->file, line, "unknown section [%s]", section);
	if (!name || !section_known(section))
		return 0; /* a header; or a key of a section that was reported */
	key = key_find(section, name);
	if (!key)
		return diag_add(p->d, p->file, line, "unknown key '%s=' in [%s]", name,
		                section);
	if (!*value) {
		key_reset(key, p->conf);
		return 0;
	}
	r = key->parse(key, value, (char *)p->conf + key->offset);
	if (r == -E2BIG)
		return diag_add(p->d, p->file, line, "more than %d entries in '%s='",
		                CONF_LIST_MAX, name);
	if (r == -EINVAL)
		return diag_add(p->d, p->file, line, "'%s=%s': expected %s", name,
		                value, key->expected);
	return r < 0 ? r : note_origin(p, key, line);
}

/* @c: replaced on success, unchanged on error. */
static int conf_apply(const struct confdir_file *files, size_t n, struct conf *c,
                      struct diag *d)
{
	_cleanup_(conf_deinit) struct conf new;
	struct parser p = {.conf = &new, .d = d};
	int r, result = 0;

	conf_init(&new);
	for (size_t i = 0; i < n; i++) {
		p.file = files[i].path;
		r = ini_parse(p.file, files[i].text, files[i].len, on_key, &p, d);
		if (r < 0 && r != -EINVAL)
			return r;
		if (r < 0)
			result = r;
	}
	if (result < 0)
		return result;

	conf_deinit(c);
	*c = new;
	conf_init(&new); /* moved: nothing left to free */
	return 0;
}

void conf_init(struct conf *c)
{
	*c = (struct conf){
		.mode = MODE_ENFORCE,
		.rescue = true,
		.max_file_size_bytes = UINT64_C(100) << 20,
		.whole_file_bytes = UINT64_C(256) << 20,
		.timeout = 3 * NSEC_PER_SEC,
		.cache_memory_bytes = UINT64_C(32) << 20,
		.n_namespaces = CONF_NAMESPACES_AUTO,
		.canary = CONF_CANARY_DEFAULT,
		.n_held_files = 8192,
		.archives = arc_limits_default,
		.archives_on_demand = true,
		.payloads = true,
		.self_test = true,
		.bundle_threshold = 1,
		.bundle_max_age = 45 * 86400 * NSEC_PER_SEC,
	};
}

int conf_load(const char *config_root, struct conf *c, struct diag *d)
{
	static const struct confdir_want want = {
		.main = "custosd.conf", .subdir = "custosd.conf.d", .suffix = ".conf"};
	_cleanup_(confdir_files_deinit) struct confdir_files files = {0};
	_cleanup_(conf_deinit) struct conf new;
	int r, q;

	conf_init(&new);
	r = confdir_read(config_root, &want, &files, d);
	if (r < 0 && r != -EINVAL)
		return r;
	q = conf_apply(files.items, files.n, &new, d);
	if (r < 0 || q < 0)
		return q < 0 ? q : r;

	conf_deinit(c);
	*c = new;
	conf_init(&new); /* moved: nothing left to free */
	return 0;
}

int conf_parse(const char *file, const char *text, size_t len, struct conf *c,
               struct diag *d)
{
	struct confdir_file one = {
		.path = (char *)file, .text = (char *)text, .len = len};

	return conf_apply(&one, 1, c, d);
}

static int check_paths(const char *name, const struct strlist *l, const struct mount_list *mounts,
                       struct diag *d)
{
	int r = 0;

	for (size_t i = 0; i < l->n; i++)
		if (!(mounts && mount_asks_server(mounts, l->items[i])) &&
		    access(l->items[i], F_OK) < 0)
			r = diag_add(d, l->from[i].file, l->from[i].line, "'%s=%s': %s", name,
			             l->items[i], strerrordesc_np(errno));
	return r;
}

int conf_check(const struct conf *c, const struct mount_list *mounts, struct diag *d)
{
	int r = check_paths("Hashes", &c->hashes, mounts, d);
	int s = check_paths("AllowHashes", &c->allow_hashes, mounts, d);
	int t = check_paths("Yara", &c->yara, mounts, d);

	for (size_t i = 0; i < c->n_rule_sets; i++)
		if (check_paths("Yara", &c->rule_sets[i].yara, mounts, d) < 0)
			t = -EINVAL;
	return r < 0 ? r : s < 0 ? s : t;
}

void conf_deinit(struct conf *c)
{
	free(c->operator_group);
	strlist_deinit(&c->mounts);
	strlist_deinit(&c->blocking);
	strlist_deinit(&c->hashes);
	strlist_deinit(&c->allow_hashes);
	strlist_deinit(&c->yara);
	for (size_t i = 0; i < c->n_rule_sets; i++)
		strlist_deinit(&c->rule_sets[i].yara);
	free(c->rule_sets);
	conf_init(c);
}

const char *mode_name(enum mode m)
{
	return m == MODE_MONITOR ? "monitor" : "enforce";
}
