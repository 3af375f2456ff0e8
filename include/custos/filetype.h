/* SPDX-License-Identifier: Apache-2.0 */
/* File type from the first bytes, for the external variable filetype */
#pragma once

#include <stddef.h>

/**
 * filetype_name() - name the format of a file
 * @head: its first bytes; 16 are enough
 *
 * "ELF", "EXE" (MZ: Windows programs and libraries), "MACH-O", "CLASS", "ZIP" (also
 * Office and JAR files), "RAR", "7ZIP", "GZIP", "XZ", "BZIP2", "ZSTD", "PDF", "RTF",
 * "OLE" (old Office), "GIF", "PNG", "JPG", "PHP", "XML", "MDMP", "SCRIPT" (#! line), "" unknown.
 *
 * Pure. Return: a constant string.
 */
const char *filetype_name(const void *head, size_t len);
