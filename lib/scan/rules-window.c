/* SPDX-License-Identifier: Apache-2.0 */
/*
 * YARA rules: a file in windows
 *
 * Owns: what libyara is told of a file of which only parts are in memory.
 * Must not own: reading it (engine-window), or what makes a scanner ready (rules-scan).
 *
 * libyara takes a file as blocks, and lets its caller come back for each of them
 * (ERROR_BLOCK_NOT_READY). It puts the matches of all blocks together and evaluates the
 * conditions once, so that counts, places and negations are those of the file. What it does
 * wrong at the border of two blocks is put right between them (settle()).
 */
#include <string.h>
#include <yara.h>

#include "rules-scan.h"

/* What of a match lies at the border of a window may be due to the border: "fullword" looks
 * at two bytes beyond it when it is wide. */
#define EDGE_BYTES 2
/* Blocks overlap by what integer functions read at once, so that none is asked for bytes of
 * two of them. */
#define INTEGER_BYTES 8

static uint64_t window_end(const struct rules_window *w)
{
	return w->base + w->len;
}

static void partial(struct rules_feed *f)
{
	f->s->windows.partial = true;
}

/* --- what libyara asks for --- */

static const uint8_t *fetch_window(YR_MEMORY_BLOCK *b)
{
	return b->context;
}

/* Does the module that is being loaded read files that begin like ours? It would have read on. */
static bool is_read_by(const char *module, const struct rules_window *head)
{
	static const struct {
		const char *module, *magic;
	} readers[] = {
		{"pe", "MZ"}, {"dotnet", "MZ"}, {"elf", "\x7f" "ELF"}, {"dex", "dex\n"},
		{"macho", "\xfe\xed\xfa\xce"}, {"macho", "\xfe\xed\xfa\xcf"}, {"macho", "\xce\xfa\xed\xfe"},
		{"macho", "\xcf\xfa\xed\xfe"}, {"macho", "\xca\xfe\xba\xbe"},
	};
	bool is_known = false;

	for (size_t i = 0; i < ARRAY_SIZE(readers); i++) {
		const bool is_its = strcmp(module, readers[i].module) == 0;

		if (is_its && memcmp(head->buf, readers[i].magic, strlen(readers[i].magic)) == 0)
			return true;
		is_known |= is_its;
	}
	return !is_known;
}

static const uint8_t *fetch_head(YR_MEMORY_BLOCK *b)
{
	struct rules_feed *f = b->context;
	const struct rules_windows *w = &f->s->windows;

	if (rules_hides(f->s))
		return NULL;
	if (f->importing && w->last.base > 0 && is_read_by(f->importing, &w->head))
		partial(f);
	return w->head.buf;
}

/* Modules read the file's beginning when they are loaded, and go on to other blocks if that
 * is none of their files: a file in the middle of ours is not what is scanned. */
static const uint8_t *fetch_last(YR_MEMORY_BLOCK *b)
{
	const struct rules_feed *f = b->context;
	const struct rules_windows *w = &f->s->windows;

	return f->importing ? NULL : (const uint8_t *)w->last.buf + (b->base - w->last.base);
}

static const uint8_t *fetch_middle(YR_MEMORY_BLOCK *b)
{
	struct rules_feed *f = b->context;

	if (!f->importing)
		partial(f);
	return NULL;
}

static YR_MEMORY_BLOCK *next_block(YR_MEMORY_BLOCK_ITERATOR *it)
{
	struct rules_feed *f = it->context;

	if (f->ends_with != ERROR_BLOCK_NOT_READY) {
		it->last_error = f->ends_with;
		return f->at < f->n_blocks ? &f->block[f->at++] : NULL;
	}
	if (f->fresh) {
		f->fresh = false;
		it->last_error = ERROR_SUCCESS;
		return &f->block[0];
	}
	it->last_error = ERROR_BLOCK_NOT_READY;
	return NULL;
}

static YR_MEMORY_BLOCK *first_block(YR_MEMORY_BLOCK_ITERATOR *it)
{
	struct rules_feed *f = it->context;

	f->at = 0;
	return next_block(it);
}

/* Asked for when the last window has been seen: from here on it is conditions. */
static uint64_t file_size(YR_MEMORY_BLOCK_ITERATOR *it)
{
	const struct rules_feed *f = it->context;

	return f->s->windows.size_bytes;
}

/* --- between two windows --- */

static void remove_match(YR_MATCHES *list, YR_MATCH *m)
{
	if (m->prev)
		m->prev->next = m->next;
	else
		list->head = m->next;
	if (m->next)
		m->next->prev = m->prev;
	else
		list->tail = m->prev;
	list->count--;
}

/*
 * A match that this window has found first and that begins at its first byte was none in the
 * window before, which had the bytes before it: it is one because of the border. One that
 * ends at the last byte, and lies in the overlap, is looked for once more in the next window.
 * @last: there is none.
 */
static void settle_string(struct rules_feed *f, const YR_STRING *string, bool is_last)
{
	const struct rules_window *w = &f->s->windows.last;
	YR_MATCHES *list = &f->yr->matches[string->idx];

	for (YR_MATCH *m = list->tail, *prev; m && m->base + m->offset >= (int64_t)w->base; m = prev) {
		const int64_t end = m->offset + m->match_length;

		prev = m->prev;
		if (m->base != (int64_t)w->base)
			continue;
		if (w->base > 0 && m->offset < EDGE_BYTES) {
			/* libyara has not looked for another where one is enough */
			if (STRING_IS_SINGLE_MATCH(string))
				partial(f);
			remove_match(list, m);
		} else if (!is_last && end > (int64_t)w->len - EDGE_BYTES &&
		           m->offset >= (int64_t)(w->len - RULES_OVERLAP_BYTES)) {
			remove_match(list, m);
		}
	}
}

/* Strings with large gaps are found in parts that libyara puts together by their places in
 * the window. Does one wait for a part that may lie beyond it, and begins before the next? */
static bool is_waiting(const struct rules_feed *f, const YR_STRING *next)
{
	const struct rules_window *w = &f->s->windows.last;
	const YR_STRING *string = next->chained_to;

	for (const YR_MATCH *m = f->yr->unconfirmed_matches[string->idx].head; m; m = m->next) {
		const int64_t reach = m->offset + m->match_length + next->chain_gap_max +
		                      (int64_t)RULES_OVERLAP_BYTES;

		if (reach > (int64_t)w->len &&
		    (string->chained_to || m->offset < (int64_t)(w->len - RULES_OVERLAP_BYTES)))
			return true;
	}
	return false;
}

static void settle(struct rules_feed *f, bool is_last)
{
	const YR_RULES *rules = f->yr->rules;

	for (uint32_t i = 0; i < rules->num_strings; i++) {
		const YR_STRING *string = &rules->strings_table[i];

		settle_string(f, string, is_last);
		if (!is_last && string->chained_to && is_waiting(f, string))
			partial(f);
	}
	/* their places are those in this window */
	if (!is_last)
		memset(f->yr->unconfirmed_matches, 0,
		       rules->num_strings * sizeof(*f->yr->unconfirmed_matches));
}

/* --- the scan --- */

/* Only literal strings can be so long: of others libyara tries 4 KiB to each side. */
static bool has_long_strings(const YR_RULES *rules)
{
	for (uint32_t i = 0; i < rules->num_strings; i++) {
		const YR_STRING *string = &rules->strings_table[i];

		if (STRING_IS_LITERAL(string) &&
		    (size_t)string->length * (STRING_IS_WIDE(string) ? 2 : 1) + 2 * EDGE_BYTES >
		            RULES_OVERLAP_BYTES)
			return true;
	}
	return false;
}

static enum rules_result show(struct rules_feed *f, const struct rules_window *w)
{
	struct rules_scanner *s = f->s;
	const enum rules_part part = (enum rules_part)(f - s->windows.feed);
	int err;

	s->part = part;
	f->block[0] = (YR_MEMORY_BLOCK){
		.size = w->len, .base = w->base, .context = (void *)w->buf, .fetch_data = fetch_window};
	f->fresh = true;
	f->ends_with = ERROR_BLOCK_NOT_READY;
	err = yr_scanner_scan_mem_blocks(f->yr, &f->it);
	if (w->base == 0)
		f->entry_point = f->yr->entry_point;
	f->is_open = err == ERROR_BLOCK_NOT_READY;
	return f->is_open ? RULES_CLEAN : rules_part_end(s, part, err, w->len);
}

/* There is no window any more. @end: ERROR_SUCCESS, and conditions are evaluated; or any error. */
static int resume(struct rules_feed *f, int end)
{
	f->ends_with = end;
	f->at = f->n_blocks;
	f->is_open = false;
	return yr_scanner_scan_mem_blocks(f->yr, &f->it);
}

void rules_windows_drop(struct rules_scanner *s)
{
	for (unsigned i = 0; i < s->windows.n_feeds; i++) {
		struct rules_feed *f = &s->windows.feed[i];

		/* libyara gives back what it has for a scan when that ends */
		if (f->is_open)
			(void)resume(f, ERROR_CALLBACK_ERROR);
		rules_part_drop(s, i);
	}
	s->windows.n_feeds = 0;
}

static enum rules_result show_all(struct rules_scanner *s, const struct rules_window *w)
{
	s->windows.last = *w;
	s->windows.size_bytes = window_end(w);
	s->fat = rules_fat_of(s->head, s->head_len, s->windows.size_bytes);
	for (unsigned i = 0; i < s->windows.n_feeds; i++) {
		const enum rules_result r = show(&s->windows.feed[i], w);

		if (r != RULES_CLEAN) {
			rules_windows_drop(s);
			return r;
		}
	}
	return RULES_CLEAN;
}

enum rules_result rules_windows_begin(struct rules_scanner *s, const struct rules_window *head,
                                      const char *const *vars, nsec_t deadline,
                                      struct rule_match *ret)
{
	rules_part_reset(s, deadline, head->buf, head->len, ret);
	s->windows = (struct rules_windows){.head = *head, .n_feeds = s->is_pe ? N_RULES_PARTS : 1};
	for (unsigned i = 0; i < s->windows.n_feeds; i++) {
		struct rules_feed *f = &s->windows.feed[i];
		const enum rules_result r = rules_part_begin(s, i, vars, &f->yr);

		if (r != RULES_CLEAN) {
			rules_windows_drop(s);
			return r;
		}
		f->s = s;
		f->it = (YR_MEMORY_BLOCK_ITERATOR){
			.context = f, .first = first_block, .next = next_block, .file_size = file_size};
		s->windows.partial |= has_long_strings(f->yr->rules);
	}
	return show_all(s, head);
}

enum rules_result rules_windows_add(struct rules_scanner *s, const struct rules_window *w)
{
	for (unsigned i = 0; i < s->windows.n_feeds; i++)
		settle(&s->windows.feed[i], false);
	return show_all(s, w);
}

static void add_block(struct rules_feed *f, uint64_t base, uint64_t end,
                      YR_MEMORY_BLOCK_FETCH_DATA_FUNC fetch)
{
	f->block[f->n_blocks++] = (YR_MEMORY_BLOCK){
		.base = base, .size = (size_t)(end - base), .context = f, .fetch_data = fetch};
}

/* From here on libyara goes through the file as often as it likes: its beginning, what is
 * no longer there, its end. */
static void lay_out(struct rules_feed *f)
{
	const struct rules_windows *w = &f->s->windows;
	const uint64_t head_end = window_end(&w->head);
	const uint64_t begin = MAX(w->last.base, head_end - INTEGER_BYTES);

	f->n_blocks = 0;
	add_block(f, 0, head_end, fetch_head);
	if (w->last.base == 0)
		return;
	if (begin > head_end)
		add_block(f, head_end - INTEGER_BYTES, begin + INTEGER_BYTES, fetch_middle);
	add_block(f, begin, w->size_bytes, fetch_last);
}

static enum rules_result conclude(struct rules_feed *f)
{
	struct rules_scanner *s = f->s;
	const enum rules_part part = (enum rules_part)(f - s->windows.feed);

	settle(f, true);
	lay_out(f);
	s->part = part;
	f->yr->entry_point = f->entry_point;
	return rules_part_end(s, part, resume(f, ERROR_SUCCESS),
	                      (size_t)MIN(s->windows.size_bytes, (uint64_t)SIZE_MAX));
}

enum rules_result rules_windows_end(struct rules_scanner *s, bool *ret_partial)
{
	enum rules_result other, pe = RULES_CLEAN;

	other = conclude(&s->windows.feed[PART_OTHER]);
	if (rules_pe_counts(s, other))
		pe = conclude(&s->windows.feed[PART_PE]);
	rules_windows_drop(s);
	other = rules_parts_join(s, other, pe);
	*ret_partial = s->windows.partial;
	if (!s->windows.partial || (other != RULES_CLEAN && other != RULES_MATCH_LOG))
		return other;
	/* no match of level "log" stands for a rule that might have denied */
	*s->ret = (struct rule_match){0};
	return RULES_PARTIAL;
}
