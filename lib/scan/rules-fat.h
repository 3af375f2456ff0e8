/* SPDX-License-Identifier: Apache-2.0 */
/* YARA rules: universal binaries, and what begins like them; private to rules-scan and rules-window */
#pragma once

#include <stddef.h>
#include <stdint.h>

enum rules_fat {
	RULES_FAT_FINE,    /* none, or one that libyara reads */
	RULES_FAT_CLASS,   /* none: a class file of Java. The module macho must not see it */
	RULES_FAT_ENDLESS, /* may be one, of more processors than there are: not to be read */
};

/**
 * rules_fat_of() - what is a file for the module macho?
 * @head:       what it begins with
 * @size_bytes: of all of it
 *
 * libyara 4.2.3 counts to whatever number of processors is there, for minutes, and keeps memory for each; no deadline is
 * looked at meanwhile.
 *
 * Context: pure.
 */
enum rules_fat rules_fat_of(const void *head, size_t len, uint64_t size_bytes);
