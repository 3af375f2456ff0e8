/* SPDX-License-Identifier: Apache-2.0 */
/*
 * File type
 *
 * Owns: the table of signatures. Must not own: any parsing beyond a fixed prefix.
 */
#include "custos/filetype.h"

#include <string.h>

#include "custos/types.h"

#define SIGNATURE(text, type_name) {text, sizeof(text) - 1, type_name}

static const struct {
	const char *bytes;
	size_t len;
	const char *name;
} signatures[] = {
	SIGNATURE("\x7f" "ELF", "ELF"),
	SIGNATURE("MZ", "EXE"),
	SIGNATURE("\xfe\xed\xfa\xce", "MACH-O"),
	SIGNATURE("\xfe\xed\xfa\xcf", "MACH-O"),
	SIGNATURE("\xce\xfa\xed\xfe", "MACH-O"),
	SIGNATURE("\xcf\xfa\xed\xfe", "MACH-O"),
	SIGNATURE("\xca\xfe\xba\xbe", "CLASS"), /* shared with fat Mach-O files */
	SIGNATURE("PK\x03\x04", "ZIP"),
	SIGNATURE("PK\x05\x06", "ZIP"),
	SIGNATURE("Rar!\x1a\x07", "RAR"),
	SIGNATURE("7z\xbc\xaf\x27\x1c", "7ZIP"),
	SIGNATURE("\x1f\x8b", "GZIP"),
	SIGNATURE("\xfd" "7zXZ", "XZ"),
	SIGNATURE("BZh", "BZIP2"),
	SIGNATURE("\x28\xb5\x2f\xfd", "ZSTD"),
	SIGNATURE("%PDF-", "PDF"),
	SIGNATURE("{\\rt", "RTF"),
	SIGNATURE("\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "OLE"),
	SIGNATURE("GIF8", "GIF"),
	SIGNATURE("\x89PNG", "PNG"),
	SIGNATURE("\xff\xd8\xff", "JPG"),
	SIGNATURE("<?php", "PHP"),
	SIGNATURE("<?xml", "XML"),
	SIGNATURE("MDMP", "MDMP"),
	SIGNATURE("#!", "SCRIPT"),
};

const char *filetype_name(const void *head, size_t len)
{
	for (size_t i = 0; i < ARRAY_SIZE(signatures); i++)
		if (len >= signatures[i].len &&
		    memcmp(head, signatures[i].bytes, signatures[i].len) == 0)
			return signatures[i].name;
	return "";
}
