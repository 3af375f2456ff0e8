/* SPDX-License-Identifier: Apache-2.0 */
/* ELF facts: what a program says of itself, for external variables of rules */
#pragma once

#include <stddef.h>

#define ELF_INTERP_BYTES 256 /* longer ones are cut */

/* Constant strings, "" when it is no ELF file, or says nothing of it. */
struct elf_facts {
	const char *type;     /* "rel", "exec", "dyn", "core", "other" */
	const char *machine;  /* "x86-64", "arm64", ...; "other" */
	const char *linking;  /* "dynamic": asks for others to be linked; "static" */
	const char *sections; /* "yes", or "no": there is no table of them, or not in the file */
	const char *packer;   /* "upx", "upx-altered": without its mark; "other": see elf_facts_of() */
	char interp[ELF_INTERP_BYTES]; /* the loader that it asks for */
};

/**
 * elf_facts_of() - what the file that begins with @buf is
 * @len: of the file, or of what there is of it
 *
 * packer: "upx" and "upx-altered" by what UPX's own loader reads, which it needs, mark or no mark: the description of
 * its first block behind the program headers. "other": no sections, and a segment that can be run holds nothing but
 * bytes of high entropy.
 *
 * Pure; every offset in the file is hostile. 16 KiB are looked at, at most.
 */
void elf_facts_of(const void *buf, size_t len, struct elf_facts *ret);
