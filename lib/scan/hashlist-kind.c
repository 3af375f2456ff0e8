/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Hash lists: what else people have, and why it is no hash list
 *
 * Owns: names and forms of files that are refused as a whole, each with its sentence.
 * Must not own: lines that are merely wrong (hashlist).
 */
#include <string.h>
#include <strings.h>

#include "hashlist-line.h"

#define WHY_BODY                                                                       \
	"ClamAV body signatures look for bytes inside of files, they are not hashes "  \
	"of "                                                                          \
	"files: write them as YARA rules"
#define WHY_SECTION                                                                    \
	"ClamAV section and import hashes are of parts of a program, not of files"
#define WHY_CONTAINER                                                                  \
	"a signed container of ClamAV: unpack it with 'sigtool --unpack', and give "   \
	"its "                                                                         \
	".hdb and .hsb files"
#define WHY_MISP                                                                       \
	"these are MISP's hashes of attribute values, not of files: export the "       \
	"attributes of type sha256 as text instead"
#define WHY_OTHER_CLAMAV "ClamAV signatures of another kind, not hashes of files"
#define WHY_STIX         "JSON is converted first: 'custosctl convert stix FILE'"
#define WHY_SQLITE                                                                     \
	"an SQLite database is converted first: see 'convert' in custosctl(1)"
#define WHY_ALLOW  "ClamAV's list of false positives: give it with AllowHashes="
#define WHY_BLOCK  "ClamAV's list of malware, but given as one of what is allowed"
#define WHY_IGNORE "names of signatures to ignore belong to Hashes=, they allow no file"

static const struct {
	const char *suffix;
	const char *why_block, *why_allow; /* NULL: taken */
} suffixes[] = {
	{".ndb", WHY_BODY, WHY_BODY},
	{".ndu", WHY_BODY, WHY_BODY},
	{".ldb", WHY_BODY, WHY_BODY},
	{".ldu", WHY_BODY, WHY_BODY},
	{".mdb", WHY_SECTION, WHY_SECTION},
	{".mdu", WHY_SECTION, WHY_SECTION},
	{".msb", WHY_SECTION, WHY_SECTION},
	{".msu", WHY_SECTION, WHY_SECTION},
	{".imp", WHY_SECTION, WHY_SECTION},
	{".cvd", WHY_CONTAINER, WHY_CONTAINER},
	{".cld", WHY_CONTAINER, WHY_CONTAINER},
	{".cud", WHY_CONTAINER, WHY_CONTAINER},
	{".cbc", WHY_OTHER_CLAMAV, WHY_OTHER_CLAMAV},
	{".cdb", WHY_OTHER_CLAMAV, WHY_OTHER_CLAMAV},
	{".crb", WHY_OTHER_CLAMAV, WHY_OTHER_CLAMAV},
	{".ftm", WHY_OTHER_CLAMAV, WHY_OTHER_CLAMAV},
	{".idb", WHY_OTHER_CLAMAV, WHY_OTHER_CLAMAV},
	{".pdb", WHY_OTHER_CLAMAV, WHY_OTHER_CLAMAV},
	{".wdb", WHY_OTHER_CLAMAV, WHY_OTHER_CLAMAV},
	{".json", WHY_STIX, WHY_STIX},
	{".sqlite", WHY_SQLITE, WHY_SQLITE},
	{".db", WHY_SQLITE, WHY_SQLITE},
	{".fp", WHY_ALLOW, NULL},
	{".sfp", WHY_ALLOW, NULL},
	{".hdb", NULL, WHY_BLOCK},
	{".hdu", NULL, WHY_BLOCK},
	{".hsb", NULL, WHY_BLOCK},
	{".hsu", NULL, WHY_BLOCK},
	{".ign2", NULL, WHY_IGNORE},
	{".ign", WHY_OTHER_CLAMAV, WHY_IGNORE},
};

const char *hashlist_refused_name(const char *file, bool allow)
{
	const char *dot = strrchr(file, '.');

	for (size_t i = 0; dot && i < sizeof(suffixes) / sizeof(suffixes[0]); i++)
		if (strcasecmp(dot, suffixes[i].suffix) == 0)
			return allow ? suffixes[i].why_allow : suffixes[i].why_block;
	return NULL;
}

bool hashlist_holds_names(const char *file)
{
	const char *dot = strrchr(file, '.');

	return dot && strcasecmp(dot, ".ign2") == 0;
}

/* Fields of a line, cut at @by: at most as many as there is room for. */
static unsigned cut(const char *line, size_t len, char by, struct cursor *fields,
                    unsigned n_max)
{
	const char *p = line, *end = line + len;
	unsigned n = 0;

	while (n < n_max) {
		const char *at = memchr(p, by, (size_t)(end - p));

		fields[n++] = (struct cursor){p, at ? at : end};
		if (!at)
			break;
		p = at + 1;
	}
	return n;
}

static bool is_hash(struct cursor f)
{
	struct hashlist_entry e;

	return hashlist_parse_hash(f.p, (size_t)(f.end - f.p), &e);
}

static bool is_uuid(struct cursor f)
{
	return f.end - f.p == 36 && f.p[8] == '-' && f.p[13] == '-' && f.p[18] == '-' &&
	       f.p[23] == '-';
}

static bool begins(struct cursor f, const char *text)
{
	return (size_t)(f.end - f.p) >= strlen(text) &&
	       memcmp(f.p, text, strlen(text)) == 0;
}

const char *hashlist_foreign_line(const char *line, size_t len)
{
	struct cursor f[4];
	uint64_t v;
	unsigned n;

	if (len > 0 && line[len - 1] == '\r')
		len--;
	if (begins((struct cursor){line, line + len}, "SQLite format 3"))
		return WHY_SQLITE;
	if (len > 0 && (*line == '{' || *line == '['))
		return WHY_STIX;
	n = cut(line, len, ',', f, 2);
	if (n == 2 && is_hash(f[0]) && is_uuid(f[1]))
		return WHY_MISP;
	n = cut(line, len, ';', f, 4);
	if (n == 4 && (begins(f[1], "Engine:") || begins(f[1], "Target:")))
		return WHY_BODY;
	n = cut(line, len, ':', f, 4);
	if (n >= 3 && hashlist_number(f[0], &v) && is_hash(f[1]))
		return WHY_SECTION;
	if (n == 4 && !is_hash(f[0]) && hashlist_number(f[1], &v))
		return WHY_BODY;
	return NULL;
}
