/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the policy share: the compiled form, and the way from text to it */
#pragma once

#include <stdbool.h>

#include "custos/policy.h"

#include "arena.h"

/* In the order in which they are tried: what costs no fact and is cheap comes first. */
enum pred_type {
	PRED_SIZE_ABOVE,
	PRED_SIZE_BELOW,
	PRED_OWNER_NOT,
	PRED_DEV,
	PRED_FSTYPE,
	PRED_MOUNT,
	PRED_PATH,
	PRED_DIR,
	PRED_GLOB,
	PRED_UID,
	PRED_GID,
	PRED_CONTAINER,
	PRED_EXE,
	PRED_UNIT,
	PRED_SLICE,
	PRED_CGROUP,
	N_PREDS,
};

#define ARENA_BYTES_MAX (16 * 1024 * 1024) /* four images: values carry lengths too */

#define PRED_MASK(type) (1U << (type))
#define PREDS_MOUNT                                                                    \
	(PRED_MASK(PRED_DEV) | PRED_MASK(PRED_FSTYPE) | PRED_MASK(PRED_MOUNT))
#define PREDS_PATH (PRED_MASK(PRED_PATH) | PRED_MASK(PRED_DIR) | PRED_MASK(PRED_GLOB))
#define PREDS_SUBJECT                                                                  \
	(PRED_MASK(PRED_UID) | PRED_MASK(PRED_GID) | PRED_MASK(PRED_CONTAINER) |       \
	 PRED_MASK(PRED_EXE) | PRED_MASK(PRED_UNIT) | PRED_MASK(PRED_SLICE) |          \
	 PRED_MASK(PRED_CGROUP))
/* What can be turned into a mark before anybody opens anything. */
#define PREDS_NOWATCH (PREDS_MOUNT | PREDS_PATH)
#define PREDS_NUMBER                                                                   \
	(PRED_MASK(PRED_SIZE_ABOVE) | PRED_MASK(PRED_SIZE_BELOW) |                     \
	 PRED_MASK(PRED_OWNER_NOT) | PRED_MASK(PRED_DEV) | PRED_MASK(PRED_UID) |       \
	 PRED_MASK(PRED_GID) | PRED_MASK(PRED_CONTAINER))

struct pred_value {
	uint64_t number; /* PREDS_NUMBER */
	const char *str; /* the others; NUL-terminated, in the arena */
	size_t len;
};

struct policy_pred {
	enum pred_type type;
	unsigned fact;             /* enum policy_fact it needs, 0 for none */
	struct pred_value *values; /* one must match; PRED_OWNER_NOT: none */
	size_t n_values;
};

struct policy {
	struct arena arena;
	struct policy_line *lines;
	size_t n_lines;
	/* Leading lines that can only have been decided by a mark: see policy_finish().
	 */
	size_t n_mark_only;
	size_t n_values;    /* of all predicates */
	nsec_t min_timeout; /* of the lines that name one; 0: none */
	bool wants_write_close;
};

/* How names become numbers: NSS, or, where the disk is off limits, "root" alone. */
struct policy_names {
	/* Return true and set *ret, or false when there is no such name. */
	bool (*uid)(const char *name, uint64_t *ret);
	bool (*gid)(const char *name, uint64_t *ret);
};

extern const struct policy_names policy_names_builtin;

/* --- policy.c --- */
int policy_new(struct policy **ret);
/* Append a line; its index is set. -E2BIG past POLICY_LINES_MAX. */
int policy_add_line(struct policy *p, const struct policy_line *line);
/* The built-in policy, for when no file has a line. */
int policy_add_default(struct policy *p);
/* Is @line unconditional, so that nothing behind it is reached? */
bool policy_line_final(const struct policy_line *line);
/* Order the predicates of every line, work out what is derived. -EINVAL: reported in
 * @d. */
int policy_finish(struct policy *p, struct diag *d);
unsigned policy_line_preds(const struct policy_line *line); /* mask of PRED_MASK() */

/* --- value.c --- */
const char *
pred_name(enum pred_type type); /* as written, with its operator: "dir=", "size>" */
unsigned pred_fact(enum pred_type type);
/* Read one value of a predicate into @v, whose string is copied into @a. Return 0,
 * -EINVAL with the reason in *ret_why, or -ENOMEM. */
int pred_value_parse(enum pred_type type, const char *s, size_t len,
                     const struct policy_names *names, struct arena *a,
                     struct pred_value *v, const char **ret_why);
/* Is @v what pred_value_parse() could have made? For images, which come from outside.
 */
bool pred_value_valid(enum pred_type type, const struct pred_value *v);
/* Midnight UTC at the start of YYYY-MM-DD. -EINVAL when it is no date. */
int date_parse(const char *s, int64_t *ret_sec);

/* --- glob.c --- */
const char *glob_error(const char *pattern); /* why it is not one, or NULL */
bool glob_match(const char *pattern, const char *path);
/* Length of the leading part of @pattern that names a plain directory: 4 for "/srv/?".
 */
size_t glob_prefix(const char *pattern);

/* --- lex.c --- */
#define WORD_VALUES_MAX 4096 /* members of one list or set */

struct word_value {
	char *str; /* unquoted, NUL-terminated, in the lexer's buffer */
	size_t len;
	bool quoted;
};

/* KEY, KEY=VALUE[,VALUE...], KEY>VALUE or KEY<VALUE; for a `set`: @name = VALUE[,
 * VALUE...] */
struct word {
	char *key;
	char op; /* '=', '>', '<', or 0 for a bare word */
	struct word_value *values;
	size_t n_values;
};

struct lexer {
	char *p;                   /* the rest of the line, changed in place */
	struct word_value *values; /* WORD_VALUES_MAX of them, for the current word */
	const char *why;           /* set with -EINVAL */
};

/* Next word of the line. 1: *w is set, valid until the next call; 0: end; -EINVAL:
 * l->why. */
int lex_word(struct lexer *l, struct word *w);
/* The `@name = a, b` of a set, which may have blanks around = and commas. 0 or -EINVAL.
 */
int lex_set(struct lexer *l, struct word *w);

/* --- set.c --- */
#define SET_NAME_MAX 63

struct policy_set {
	char *name;
	struct word_value *members; /* in the arena of the parser */
	size_t n_members;
	const char *file;
	unsigned line;
};

/* --- compile.c --- */
struct compiler {
	struct policy *policy;
	const struct policy_names *names;
	struct diag *d;
	const char *file; /* in the policy's arena */
	unsigned line;
	struct arena arena; /* sets */
	struct policy_set *sets;
	size_t n_sets;
};

/* Room for @n more values, or -E2BIG, reported: reading stops there. */
int compile_reserve(struct compiler *c, size_t n);
/* One statement, already known to be neither blank nor a comment. @text is changed.
 * 0; -EINVAL: reported; -E2BIG: reported, give up; -ENOMEM. */
int compile_statement(struct compiler *c, char *text, struct word_value *scratch);
/* `key=value` behind the predicates. 1: taken; 0: no option of that name; -EINVAL;
 * -ENOMEM. */
int compile_option(struct compiler *c, const struct word *w, struct policy_line *line,
                   unsigned *seen);
/* Do the options fit the action and events? 0 or -EINVAL. Fills in defaults. */
int compile_options_check(struct compiler *c, struct policy_line *line, unsigned seen);
int set_define(struct compiler *c, const struct word *w);
const struct policy_set *set_find(const struct compiler *c, const char *name);

/* --- parse.c --- */
struct policy_source {
	const char *file;
	const char *text;
	size_t len;
};

/* All sources as one policy. Same contract as policy_parse(). */
int policy_build(const struct policy_source *sources, size_t n,
                 const struct policy_names *names, struct policy **ret, struct diag *d);
