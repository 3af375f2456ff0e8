/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files of a race hold, before and after.
 *
 * Owns: the contents; the lists and rules of the test come from `race --sample`.
 * Must not own: files.
 */
#include "race.h"

#include <stdio.h>
#include <string.h>

#define EICAR_SIZE  68
#define LISTED_SIZE (2 * RACE_BLOCK)
#define SHORT_ZEROS (RACE_BLOCK - 2) /* as many different lengths */
#define TAIL_SIZE   64
#define SEED_LISTED 0x9e3779b97f4a7c15u
#define SEED_ZEROED 0xc2b2ae3d27d4eb4fu

/* Not in one piece, so that the program that tries it does not hold it. */
static void put_eicar(uint8_t *buf)
{
	static const char head[] = "X5O!P%@AP[4\\PZX54(P^)7CC)7}$";
	static const char tail[] = "EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*";

	memcpy(buf, head, sizeof(head) - 1);
	memcpy(buf + sizeof(head) - 1, tail, EICAR_SIZE - (sizeof(head) - 1));
}

static void put_pattern(uint64_t seed, uint8_t *buf, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		seed ^= seed << 13;
		seed ^= seed >> 7;
		seed ^= seed << 17;
		buf[i] = (uint8_t)(seed >> 32) | 1; /* never zero */
	}
}

/* @n bytes that no other serial has. */
static void put_serial(uint64_t serial, uint8_t *buf, size_t n)
{
	char text[32];
	int length;

	memset(buf, '.', n);
	length = snprintf(text, sizeof(text), "clean %020llu", (unsigned long long)serial);
	memcpy(buf, text, (size_t)length);
}

size_t content_clean(enum content kind, uint64_t serial, uint8_t *buf)
{
	switch (kind) {
	case CONTENT_EICAR:
		put_serial(serial, buf, EICAR_SIZE);
		return EICAR_SIZE;
	case CONTENT_LONG:
		put_serial(serial, buf + content_evil(kind, buf), TAIL_SIZE);
		return LISTED_SIZE + TAIL_SIZE;
	case CONTENT_SHORT:
		content_evil(kind, buf);
		return RACE_BLOCK + 1 + serial % SHORT_ZEROS;
	case CONTENT_HOLE:
		content_evil(kind, buf);
		put_serial(serial, buf + RACE_BLOCK, RACE_BLOCK);
		return LISTED_SIZE;
	case CONTENT_COLLAPSE:
		put_serial(serial, buf, RACE_BLOCK);
		return RACE_BLOCK + content_evil(kind, buf + RACE_BLOCK);
	case CONTENT_INSERT:
		put_serial(serial, buf, LISTED_SIZE);
		memcpy(buf + RACE_BLOCK, RACE_MARK, sizeof(RACE_MARK) - 1);
		return LISTED_SIZE;
	case CONTENT_HALF:
		content_evil(kind, buf);
		put_serial(serial, buf, RACE_BLOCK);
		return LISTED_SIZE;
	default:
		put_serial(serial, buf, LISTED_SIZE);
		return LISTED_SIZE;
	}
}

size_t content_evil(enum content kind, uint8_t *buf)
{
	switch (kind) {
	case CONTENT_EICAR:
		put_eicar(buf);
		return EICAR_SIZE;
	case CONTENT_SHORT:
	case CONTENT_HOLE:
		put_pattern(SEED_ZEROED, buf, RACE_BLOCK);
		memset(buf + RACE_BLOCK, 0, RACE_BLOCK);
		return LISTED_SIZE;
	default:
		put_pattern(SEED_LISTED, buf, LISTED_SIZE);
		return LISTED_SIZE;
	}
}

bool content_is_evil(enum content kind, const uint8_t *buf, size_t n)
{
	static uint8_t evil[RACE_MAX_FILE];
	size_t length = content_evil(kind, evil);

	if (kind == CONTENT_INSERT)
		return n > LISTED_SIZE + sizeof(RACE_MARK) &&
		       memcmp(buf + LISTED_SIZE, RACE_MARK, sizeof(RACE_MARK) - 1) == 0;
	return n == length && memcmp(buf, evil, n) == 0;
}
