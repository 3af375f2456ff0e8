/* SPDX-License-Identifier: Apache-2.0 */
/* What the engine found out about one file's bytes */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define SHA256_BYTES     32
#define RULE_SET_BYTES   33  /* with its NUL; as BUNDLE_CHANNEL_MAX has it */
#define RULE_NAME_BYTES  128 /* longer YARA identifiers exist on paper only (their own limit is 128) */

enum verdict {
	VERDICT_UNKNOWN = 0, /* not judged */
	VERDICT_CLEAN,       /* every byte was read and no rule matched */
	VERDICT_MALICIOUS,
	VERDICT_ERROR,       /* could not be judged in full: never treated as clean */
};

enum reason {
	REASON_NONE = 0,
	REASON_EICAR,     /* built-in test rule */
	REASON_HASH,      /* block list */
	REASON_YARA,      /* rule matched */
	REASON_ALLOWLIST, /* allow list (verdict clean) */
	REASON_POLICY,    /* a policy line decided without a scan */
	REASON_TOO_LARGE, /* over the size limit: only part was or could be read */
	REASON_TIMEOUT,   /* deadline passed */
	REASON_IO,        /* read failed */
	REASON_NOMEM,
	REASON_ENGINE,    /* libyara reported an internal error */
	REASON_CRASH,     /* scanning this file brought the scanner down twice */
	REASON_OVERLOAD,
	REASON_RESCUE,    /* root was let through because nothing was judged in time */
	/* Not everything in an archive was read: */
	REASON_ARC_DEPTH,     /* too many archives in archives */
	REASON_ARC_MEMBERS,   /* too many members */
	REASON_ARC_BYTES,     /* too much to unpack */
	REASON_ARC_RATIO,     /* it unpacks to too many times its size */
	REASON_ARC_TIME,      /* it took too long */
	REASON_ARC_ENCRYPTED,
	REASON_ARC_DAMAGED,   /* or packed in a way that libarchive does not know */
	REASON_ARC_FORMAT,    /* a kind that the configuration does not have opened */
	REASON_WINDOWS,       /* too large to be held: some rule may say something else of it as a whole */
	/* Not every payload of a script was decoded: */
	REASON_PAY_COUNT,     /* too many */
	REASON_PAY_BYTES,     /* too much to decode */
	REASON_PAY_RATIO,     /* one inflates to too many times its size */
	REASON_PAY_TIME,      /* it took too long */
	N_REASONS,
};

/* Where in a file. In an archive: the number of the member, counted from 1 as the archive has them, then the number of
 * the member in it, and so on. Numbers, because names are content (I8). */
#define MEMBER_LEVELS_MAX 16
struct member_place {
	uint32_t n; /* 0: not in an archive */
	uint32_t number[MEMBER_LEVELS_MAX];
	uint64_t payload; /* 0: none; else it is what is written in base64, or compressed, at this offset + 1 of it */
};

/* What matched. */
struct rule_match {
	char rule[RULE_NAME_BYTES]; /* NUL-terminated; "" when none */
	char set[RULE_SET_BYTES];   /* the set of a YARA rule; "" for everything else */
};

struct finding {
	enum verdict verdict;
	enum reason reason;
	bool partial;                   /* not judged in full */
	bool windows;                   /* too large to be held: rules saw it piece by piece (docs/adr/0040) */
	bool log_only;                  /* malicious by rules of level "log" alone: never refused for it */
	bool has_sha256;
	uint8_t sha256[SHA256_BYTES];   /* of the bytes read, valid if has_sha256 */
	uint64_t size_bytes;            /* bytes read */
	struct rule_match match;
	struct member_place member;     /* member or payload that verdict, reason and rule speak of */
};

/* Stable lower-case names used in JSON, journal and tests: "clean", "hash-list", ... */
const char *verdict_name(enum verdict v);
const char *reason_name(enum reason r);
/* "2/1/14", "payload@5120", "2/1/payload@0"; "" when it is none. More than MEMBER_LEVELS_MAX levels are cut. */
#define MEMBER_PLACE_BYTES (MEMBER_LEVELS_MAX * 11 + 29)
void member_place_text(const struct member_place *m, char ret[MEMBER_PLACE_BYTES]);
/* Parse a name; returns false if it is none. */
bool verdict_from_name(const char *name, enum verdict *ret);
