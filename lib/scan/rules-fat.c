/* SPDX-License-Identifier: Apache-2.0 */
/*
 * YARA rules: universal binaries, and what begins like them
 *
 * Owns: telling class files of Java from universal binaries, which have the same first four bytes.
 * Must not own: what is done about them (rules-scan, rules-window).
 *
 * In a class file the number of processors is the minor version, times 65536, and the major one. The minor version is 0 in
 * most; it is 3 in those for Java 1.1, which some are built as to this day, and 65535 in those that try what is to come.
 */
#include "rules-fat.h"

#include <stdbool.h>
#include <string.h>

#include "custos/types.h"

#define PROCESSORS_MAX    1024
#define HEAD_BYTES        8  /* magic and number; then the table of processors */
#define ENTRY_BYTES       20
#define CLASS_HEAD_BYTES  11 /* as far as the first constant's tag */
#define CLASS_VERSION_MIN 45

/* Those of the JVM specification, 4.4; 2, 13 and 14 have never been any. */
static bool is_constant(uint8_t tag)
{
	return tag >= 1 && tag <= 20 && tag != 2 && tag != 13 && tag != 14;
}

static bool is_class(const uint8_t *p, size_t len)
{
	return len >= CLASS_HEAD_BYTES && p[6] == 0 && p[7] >= CLASS_VERSION_MIN && (p[8] << 8 | p[9]) > 1 &&
	       is_constant(p[10]);
}

enum rules_fat rules_fat_of(const void *head, size_t len, uint64_t size_bytes)
{
	static const uint8_t magic[] = {0xca, 0xfe, 0xba, 0xbe}, magic64[] = {0xca, 0xfe, 0xba, 0xbf};
	const uint8_t *p = head;
	uint32_t n;
	bool is_64;

	if (len < HEAD_BYTES)
		return RULES_FAT_FINE;
	is_64 = memcmp(p, magic64, sizeof(magic64)) == 0;
	if (!is_64 && memcmp(p, magic, sizeof(magic)) != 0)
		return RULES_FAT_FINE;
	n = (uint32_t)p[4] << 24 | (uint32_t)p[5] << 16 | (uint32_t)p[6] << 8 | p[7];
	if (n <= PROCESSORS_MAX)
		return RULES_FAT_FINE;
	/* and not as large as its table alone would be */
	return !is_64 && is_class(p, len) && size_bytes < HEAD_BYTES + (uint64_t)n * ENTRY_BYTES ?
	               RULES_FAT_CLASS :
	               RULES_FAT_ENDLESS;
}
