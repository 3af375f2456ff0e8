/* SPDX-License-Identifier: Apache-2.0 */
/* Configuration: custosd.conf and its drop-ins */
#pragma once

#include <stdbool.h>

#include "custos/archive-kind.h"
#include "custos/diag.h"
#include "custos/rules-set.h"
#include "custos/types.h"

/* Bounds of the keys; custosd.conf(5) states them. */
#define CONF_LIST_MAX           256  /* entries of one list key: each costs a descriptor or a mark */
#define CONF_MAX_FILE_SIZE_MAX  (UINT64_C(1) << 40)
#define CONF_WHOLE_FILE_MIN     (UINT64_C(1) << 20)
#define CONF_WHOLE_FILE_MAX     ((UINT64_C(2) << 30) - 1) /* address space per worker is reserved */
#define CONF_TIMEOUT_MIN        (50 * NSEC_PER_MSEC) /* less denies or allows every large file */
#define CONF_TIMEOUT_MAX        (60 * NSEC_PER_SEC)  /* half of the kernel's hung-task limit of 120 s */
#define CONF_WORKERS_MAX        256
#define CONF_MONITOR_MAX        (7 * 86400 * NSEC_PER_SEC) /* of an order: weakening always ends */
#define CONF_SCANNER_MEMORY_MIN (UINT64_C(128) << 20)
#define CONF_SCANNER_MEMORY_MAX (UINT64_C(1) << 40)
#define CONF_CACHE_MEMORY_MIN   (UINT64_C(1) << 20)
#define CONF_CACHE_MEMORY_MAX   (UINT64_C(4) << 30)
#define CONF_HELD_FILES_MAX     32768 /* half of the unit's LimitNOFILE= */
#define CONF_CANARY_MIN         (1 * NSEC_PER_SEC)
#define CONF_CANARY_MAX         (3600 * NSEC_PER_SEC)
#define CONF_CANARY_DEFAULT     (10 * NSEC_PER_SEC)
#define CONF_RULE_BUDGET_MIN    (1 * NSEC_PER_MSEC) /* less is the clock's noise */
#define CONF_RULE_BUDGET_MAX    (10 * NSEC_PER_SEC)
#define CONF_THRESHOLD_MAX      16
#define CONF_MAX_AGE_MIN        (3600 * NSEC_PER_SEC)
#define CONF_MAX_AGE_MAX        (3650 * 86400 * NSEC_PER_SEC)

#define CONF_RULE_SETS_MAX      15 /* with that of [Rules] and all channels of bundles: RULES_SETS_MAX */

enum mode { MODE_ENFORCE, MODE_MONITOR };

struct strlist {
	char **items; /* owned, NULL-terminated, or NULL when n is 0 */
	size_t n;
	struct strlist_from {
		char *file;
		unsigned line;
	} *from;      /* where each was set; owned */
};

#define CONF_NAMESPACES_MAX  4096
#define CONF_NAMESPACES_AUTO UINT32_MAX /* 512 with Mount=auto, else none */
#define CONF_NAMESPACES_DEFAULT 512

/* [RuleSet NAME] */
struct conf_rule_set {
	struct rules_set set;
	struct strlist yara;
};

/* The set of the rules of [Rules]. */
#define CONF_RULE_SET_LOCAL "local"

struct conf {
	enum mode mode;
	bool rescue;                /* root is let through when nothing is judged */
	char *operator_group;       /* NULL: root only */
	struct strlist mounts;      /* empty: auto */
	struct strlist blocking;    /* mount points, and types, of network and FUSE file systems where opens wait */
	uint64_t max_file_size_bytes;
	uint64_t whole_file_bytes;  /* larger ones are read in windows */
	nsec_t timeout;
	unsigned n_workers;         /* 0: one per CPU */
	uint64_t cache_memory_bytes;
	uint64_t scanner_memory_bytes; /* 0: by the other limits */
	unsigned n_namespaces;      /* other mount namespaces to cover; CONF_NAMESPACES_AUTO */
	nsec_t canary;              /* between two rounds; 0: none */
	unsigned n_held_files;      /* 0: none */
	struct arc_limits archives;
	bool archives_on_demand;    /* custosctl scan opens them */
	bool payloads;              /* what scripts carry encoded is judged where archives are opened */
	struct strlist hashes, allow_hashes, yara;
	struct conf_rule_set *rule_sets; /* owned; in the order of their first headers */
	size_t n_rule_sets;
	bool self_test;             /* rules are tried before they are used */
	nsec_t rule_budget;         /* of one file of rules for a MiB; 0: none */
	unsigned bundle_threshold;  /* different keys that must have signed */
	bool bundle_both;           /* and one of them the vendor's, one the site's */
	nsec_t bundle_max_age;
};

/* Fill in the documented defaults (interface.md). */
void conf_init(struct conf *c);

/**
 * conf_load() - read custosd.conf and custosd.conf.d/ in UAPI.6 order
 * @config_root: look in this directory alone; NULL = /usr/lib/custos < /run/custos < /etc/custos
 * @c:           initialised; replaced on success, unchanged on error
 * @d:           every error, with file and line
 *
 * What no file sets has its default. A later setting wins; lists append; an empty value gives
 * the default back, for lists the empty one. `Mount=auto` empties the list of mounts.
 *
 * Context: supervisor or ctl; allocates; blocks on disk. No NSS: the group is only a name.
 * Return: 0, -EINVAL when @d has errors, or another negative errno.
 */
int conf_load(const char *config_root, struct conf *c, struct diag *d);

/* One text instead of the files, for fuzzers and tests. Same contract, no disk access. */
int conf_parse(const char *file, const char *text, size_t len, struct conf *c,
               struct diag *d);

struct mount_list;

/**
 * conf_check() - is there a file for each path of [Rules]?
 * @mounts: those of our namespace. What lies behind a server is not looked at: it may never answer (custos-compile
 *          will tell). NULL: all are
 *
 * Context: as conf_load(); opens nothing. Return: 0, or -EINVAL with the line that names it in @d.
 */
int conf_check(const struct conf *c, const struct mount_list *mounts, struct diag *d);

/* What is configured for the set @name, a valid one: its section, or what holds without one. */
void conf_rule_set(const struct conf *c, const char *name, struct rules_set *ret);

void conf_deinit(struct conf *c);
const char *mode_name(enum mode m); /* "enforce", "monitor" */
