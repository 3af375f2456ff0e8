/* SPDX-License-Identifier: Apache-2.0 */
/* YARA rules: those of a file that only a Windows program can match, and the others */
#pragma once

#include <stddef.h>
#include <stdint.h>

/*
 * Most files of a server are no Windows programs (PE), and about half of the rules in use begin with a test for one.
 * Without them, and without the module pe, whose objects libyara builds for every file, a scan takes half the time
 * (docs/adr/0038).
 */
struct rules_parts {
	char *other; /* the text without the rules that match nothing but PE, and unused imports; NULL: as it was */
	char *pe;    /* the text with nothing but them; NULL: there are none */
	uint64_t n_other, n_pe; /* rules in them */
	uint64_t n_both;        /* of those: in both, but in @other without what asks the module pe */
};

#define RULES_PARTS_NULL                                                                 \
	{                                                                                \
		NULL, NULL, 0, 0, 0                                                      \
	}

/**
 * rules_split() - divide the text of one file
 * @text: @len bytes, which libyara has compiled
 * @ret:  texts with a NUL, as long as @text and with the same lines: what is left out is blank, and comments are. Deinit them.
 *
 * A rule is for PE when its condition cannot be true for a file that does not begin with MZ, as far as a look at its
 * text can tell; what is not understood belongs to the others. A rule that asks the module pe, dotnet, or a rule that is
 * for PE, and may be true without it, is in both parts, for other files with what they are known to make of it in its
 * place: 0, 1, or a place that no file has. For PE its text in that part counts alone. Who refers to such a rule is in
 * both as well, and so is what a rule of the part for PE refers to. An import that no rule uses is left out.
 *
 * A file stays whole of itself when it has a global rule, which may decide about all, an include, or a reference to
 * rules by the beginning of their names. Otherwise a part may still not compile: then it must stay whole, too.
 *
 * Context: pure; allocates. Return: 1 if @ret has something, 0, or -ENOMEM.
 */
int rules_split(const char *text, size_t len, struct rules_parts *ret);
void rules_parts_deinit(struct rules_parts *p);
