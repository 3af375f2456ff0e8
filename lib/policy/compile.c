/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From words to lines
 *
 * Owns: which predicates a line may have. Must not own: text (lex.c), values (value.c),
 * options (option.c), what a line means for the lines after it (policy.c). Hands off
 * to: policy_add_line().
 */
#include <errno.h>
#include <string.h>

#include "internal.h"

/* The line that is being built. */
struct draft {
	struct policy_line line;
	struct policy_pred preds[N_PREDS];
	unsigned seen_preds;   /* PRED_MASK() */
	unsigned seen_options; /* option.c */
	bool any;
};

int compile_reserve(struct compiler *c, size_t n)
{
	if (c->policy->n_values + n <= POLICY_VALUES_MAX &&
	    c->policy->arena.total_bytes <= ARENA_BYTES_MAX)
		return 0;
	(void)diag_add(c->d, c->file, c->line,
	               "the policy is too large: more than %d values or "
	               "%d MiB",
	               POLICY_VALUES_MAX, ARENA_BYTES_MAX >> 20);
	return -E2BIG;
}

/* Number of values once sets are expanded, or a negative errno. */
static int count_values(struct compiler *c, const struct word *w)
{
	size_t n = 0;

	for (size_t i = 0; i < w->n_values; i++) {
		const struct word_value *v = &w->values[i];
		const struct policy_set *set = NULL;

		if (!v->quoted && v->str[0] == '@') {
			set = set_find(c, v->str);
			if (!set)
				return diag_add(c->d, c->file, c->line,
				                "set '%s' is not defined above",
				                v->str);
		}
		n += set ? set->n_members : 1;
	}
	return (int)n; /* at most WORD_VALUES_MAX * POLICY_SET_MEMBERS_MAX = 2^24 */
}

static int take_value(struct compiler *c, struct policy_pred *pred,
                      const struct word_value *v)
{
	const char *why = NULL;
	int r = pred_value_parse(pred->type, v->str, v->len, c->names,
	                         &c->policy->arena, &pred->values[pred->n_values],
	                         &why);

	if (r == -EINVAL)
		return diag_add(c->d, c->file, c->line, "'%s%s': the value %s",
		                pred_name(pred->type), v->str, why);
	pred->n_values++;
	return r;
}

static int take_values(struct compiler *c, const struct word *w,
                       struct policy_pred *pred)
{
	int r, n, result = 0;

	n = count_values(c, w);
	r = n < 0 ? n : compile_reserve(c, (size_t)n);
	if (r < 0)
		return r;
	c->policy->n_values += (size_t)n;
	pred->values =
		arena_alloc(&c->policy->arena, (size_t)n * sizeof(*pred->values));
	if (!pred->values)
		return -ENOMEM;
	for (size_t i = 0; i < w->n_values; i++) {
		const struct word_value *v = &w->values[i];
		const struct policy_set *set =
			!v->quoted && v->str[0] == '@' ? set_find(c, v->str) : NULL;
		size_t n_members = set ? set->n_members : 1;

		for (size_t j = 0; j < n_members; j++) {
			r = take_value(c, pred, set ? &set->members[j] : v);
			if (r < 0 && r != -EINVAL)
				return r;
			result = r < 0 ? r : result;
		}
	}
	return result;
}

static bool pred_find(const struct word *w, enum pred_type *ret)
{
	size_t len = strlen(w->key);

	for (enum pred_type t = 0; t < N_PREDS; t++) {
		const char *name = pred_name(t);

		if (strncmp(name, w->key, len) == 0 && name[len] == w->op &&
		    name[len + 1] == '\0') {
			*ret = t;
			return true;
		}
	}
	return false;
}

static int take_pred(struct compiler *c, const struct word *w, enum pred_type type,
                     struct draft *draft)
{
	struct policy_pred *pred = &draft->preds[draft->line.n_preds];

	if (draft->seen_preds & PRED_MASK(type))
		return diag_add(c->d, c->file, c->line,
		                "'%s' twice: give all values in one list",
		                pred_name(type));
	draft->seen_preds |= PRED_MASK(type);
	draft->line.n_preds++;
	*pred = (struct policy_pred){.type = type, .fact = pred_fact(type)};
	if (w->n_values != 1 && (PRED_MASK(type) & (PRED_MASK(PRED_SIZE_ABOVE) |
	                                            PRED_MASK(PRED_SIZE_BELOW) |
	                                            PRED_MASK(PRED_CONTAINER))))
		return diag_add(c->d, c->file, c->line, "'%s' takes one value",
		                pred_name(type));
	return take_values(c, w, pred);
}

static int take_events(struct compiler *c, const struct word *w, struct draft *draft)
{
	static const struct {
		const char *name;
		enum policy_event event;
	} events[] = {{"open", POLICY_OPEN},
	              {"exec", POLICY_EXEC},
	              {"write-close", POLICY_WRITE_CLOSE}};

	if (draft->line.events)
		return diag_add(c->d, c->file, c->line,
		                "'event=' twice: give all values in one list");
	for (size_t i = 0; i < w->n_values; i++) {
		size_t e = 0;

		while (e < ARRAY_SIZE(events) &&
		       strcmp(w->values[i].str, events[e].name) != 0)
			e++;
		if (e == ARRAY_SIZE(events))
			return diag_add(
				c->d, c->file, c->line,
				"'event=%s': expected open, exec or write-close",
				w->values[i].str);
		draft->line.events |= events[e].event;
	}
	return 0;
}

static int take_word(struct compiler *c, const struct word *w, struct draft *draft)
{
	enum pred_type type;
	int r;

	if (!w->op && strcmp(w->key, "any") == 0) {
		draft->any = true;
		return 0;
	}
	if (!w->op)
		return diag_add(c->d, c->file, c->line,
		                "'%s' is no predicate or option", w->key);
	if (w->op == '=' && strcmp(w->key, "event") == 0)
		return take_events(c, w, draft);
	if (pred_find(w, &type))
		return take_pred(c, w, type, draft);
	r = compile_option(c, w, &draft->line, &draft->seen_options);
	if (r == 0)
		return diag_add(c->d, c->file, c->line,
		                "'%s%c' is no predicate or option", w->key, w->op);
	return r < 0 ? r : 0;
}

/* What only the whole line shows. */
static int draft_check(struct compiler *c, struct draft *draft)
{
	struct policy_line *line = &draft->line;
	bool named = line->events != 0;

	if (draft->any && (line->n_preds > 0 || named))
		return diag_add(c->d, c->file, c->line,
		                "'any' beside other predicates");
	if (!draft->any && line->n_preds == 0 && !named)
		return diag_add(c->d, c->file, c->line,
		                "no predicate: write 'any' if you mean it");
	if (line->action == POLICY_NOWATCH &&
	    ((draft->seen_preds & ~PREDS_NOWATCH) || named))
		return diag_add(c->d, c->file, c->line,
		                "nowatch takes mount=, fstype=, dev=, path=, dir= and "
		                "glob= only; "
		                "use allow");
	if (!named)
		line->events = POLICY_OPEN | POLICY_EXEC;
	return compile_options_check(c, line, draft->seen_options);
}

static int draft_keep(struct compiler *c, struct draft *draft)
{
	struct policy_line *line = &draft->line;
	size_t size = line->n_preds * sizeof(*line->preds);

	if (c->policy->n_lines >= POLICY_LINES_MAX) {
		(void)diag_add(c->d, c->file, c->line, "more than %d lines",
		               POLICY_LINES_MAX);
		return -E2BIG;
	}
	line->preds = arena_alloc(&c->policy->arena, size);
	if (!line->preds)
		return -ENOMEM;
	memcpy(line->preds, draft->preds, size);
	return policy_add_line(c->policy, line);
}

static int compile_rule(struct compiler *c, struct lexer *l, struct draft *draft)
{
	struct word w;
	int r, result = 0;

	while ((r = lex_word(l, &w)) > 0) {
		r = take_word(c, &w, draft);
		if (r < 0 && r != -EINVAL)
			return r;
		result = r < 0 ? r : result;
	}
	if (r < 0)
		return diag_add(c->d, c->file, c->line, "%s", l->why);
	if (result == 0)
		result = draft_check(c, draft);
	return result < 0 ? result : draft_keep(c, draft);
}

static bool action_find(const struct word *w, enum policy_action *ret)
{
	static const char *const actions[] = {[POLICY_NOWATCH] = "nowatch",
	                                      [POLICY_ALLOW] = "allow",
	                                      [POLICY_SCAN] = "scan"};

	for (size_t i = 0; !w->op && i < ARRAY_SIZE(actions); i++) {
		if (strcmp(actions[i], w->key) == 0) {
			*ret = (enum policy_action)i;
			return true;
		}
	}
	return false;
}

int compile_statement(struct compiler *c, char *text, struct word_value *scratch)
{
	struct draft draft = {.line = {.reason = "", .file = c->file, .line = c->line}};
	struct lexer l = {.p = text, .values = scratch};
	struct word w;
	int r;

	r = compile_reserve(c, 0);
	if (r < 0)
		return r;
	draft.line.text = arena_strndup(&c->policy->arena, text, strlen(text));
	if (!draft.line.text)
		return -ENOMEM;
	r = lex_word(&l, &w);
	if (r < 0)
		return diag_add(c->d, c->file, c->line, "%s", l.why);
	if (!w.op && strcmp(w.key, "set") == 0) {
		if (lex_set(&l, &w) < 0)
			return diag_add(c->d, c->file, c->line, "%s", l.why);
		return set_define(c, &w);
	}
	if (!action_find(&w, &draft.line.action))
		return diag_add(
			c->d, c->file, c->line,
			"'%s' is no action: expected nowatch, allow, scan or set",
			w.key);
	return compile_rule(c, &l, &draft);
}
