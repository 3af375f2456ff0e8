/* SPDX-License-Identifier: Apache-2.0 */
/* YARA rules: what the files share that run them; private to them */
#pragma once

#include "rules-fat.h"
#include "rules-tell.h"
#include "rules-yara.h"

enum rules_part { PART_OTHER, PART_PE, N_RULES_PARTS };

/* What libyara asks of a file that is read in windows; of one part. */
struct rules_feed {
	struct rules_scanner *s;
	YR_SCANNER *yr;
	YR_MEMORY_BLOCK_ITERATOR it;
	YR_MEMORY_BLOCK block[3]; /* the window; then beginning, middle and end */
	unsigned n_blocks, at;
	bool is_open; /* libyara waits for the next window */
	bool fresh;   /* it is there */
	int ends_with; /* libyara's error behind the blocks there are */
	const char *importing; /* the module that may read the file, or NULL */
	uint64_t entry_point; /* of the first window */
};

/* A file that is read in windows. */
struct rules_windows {
	struct rules_feed feed[N_RULES_PARTS];
	unsigned n_feeds;
	struct rules_window head, last;
	uint64_t size_bytes;
	bool partial; /* something is not as it would be over the file as a whole */
};

/* A rule that matched. */
struct rules_hit {
	const YR_RULE *rule; /* NULL: none did */
	unsigned order;      /* of its set: the smaller counts */
};

struct rules_scanner {
	const struct rules *rules;
	YR_SCANNER *yr[N_RULES_PARTS]; /* NULL after an error: made anew for the next file */
	rules_tell_t tell;             /* NULL: the first rule that denies ends the scan */
	void *userdata;
	/* of the scan that is running */
	bool is_pe;
	enum rules_part part;
	const void *head; /* what the file begins with; all of it if it is not in windows */
	size_t head_len;
	enum rules_fat fat;
	nsec_t deadline;
	bool timed_out, incomplete;
	struct rule_match *ret;
	struct rules_hit deny[N_RULES_PARTS], log; /* the one of the highest priority that matched */
	struct rules_windows windows;
};

/* Before the first part: forget the scan before. */
void rules_part_reset(struct rules_scanner *s, nsec_t deadline, const void *head, size_t len,
                      struct rule_match *ret);
/* Make ready what runs @part, into *@ret. Return: RULES_CLEAN, RULES_TIMEOUT or RULES_NOMEM. */
enum rules_result rules_part_begin(struct rules_scanner *s, enum rules_part part,
                                   const char *const *vars, YR_SCANNER **ret);
/* libyara has ended it with @err, after @len bytes. */
enum rules_result rules_part_end(struct rules_scanner *s, enum rules_part part, int err, size_t len);
/* What the parts say together. */
enum rules_result rules_parts_join(struct rules_scanner *s, enum rules_result other,
                                   enum rules_result pe);
/* Is the part for PE to be run as well, after what the other one said? */
bool rules_pe_counts(const struct rules_scanner *s, enum rules_result other);
/* Is the module that is being loaded one that must not see the file? */
bool rules_hides(const struct rules_scanner *s);
void rules_part_drop(struct rules_scanner *s, enum rules_part part);
