/* SPDX-License-Identifier: Apache-2.0 */
/* What the engine found out about one file's bytes */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define SHA256_BYTES     32
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
	N_REASONS,
};

struct finding {
	enum verdict verdict;
	enum reason reason;
	bool partial;                   /* not all bytes were looked at */
	bool log_only;                  /* malicious by rules of level "log" alone: never refused for it */
	bool has_sha256;
	uint8_t sha256[SHA256_BYTES];   /* of the bytes read, valid if has_sha256 */
	uint64_t size_bytes;            /* bytes read */
	char rule[RULE_NAME_BYTES];     /* NUL-terminated; "" when none */
};

/* Stable lower-case names used in JSON, journal and tests: "clean", "hash-list", ... */
const char *verdict_name(enum verdict v);
const char *reason_name(enum reason r);
/* Parse a name; returns false if it is none. */
bool verdict_from_name(const char *name, enum verdict *ret);
