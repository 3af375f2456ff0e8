/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Signatures of signify and minisign
 *
 * Owns: both file formats, and what is hashed before it is verified.
 * Must not own: which keys count, or what is signed.
 * Hands off to: libcrypto, for Ed25519 and BLAKE2b.
 *
 * Both tools share the form: a comment line, then base64 of "Ed", the key's id and the
 * key or the signature. minisign's own default is "ED": it signs the hash of the
 * message. It adds a comment that is signed as well, together with the signature.
 */
#include "custos/signature.h"

#include <errno.h>
#include <openssl/evp.h>
#include <string.h>

#include "custos/cleanup.h"
#include "custos/text.h"

#define UNTRUSTED "untrusted comment: "
#define TRUSTED   "trusted comment: "

#define ALG_BYTES       2
#define BLAKE2B_BYTES   64
#define KEY_FILE_BYTES  (ALG_BYTES + SIGNATURE_ID_BYTES + 32)
#define SIGN_FILE_BYTES (ALG_BYTES + SIGNATURE_ID_BYTES + 64)
#define LINES_MAX       4

struct line {
	const char *s;
	size_t len;
};

/* Cut @text into lines, each ended by a line feed. Return: their number, 0 when there
 * are more than LINES_MAX, a byte that belongs into no line, or no line feed at the
 * end. */
static unsigned split(const char *text, size_t len, struct line lines[LINES_MAX])
{
	unsigned n = 0;

	if (len > SIGNATURE_FILE_MAX)
		return 0;
	while (len > 0) {
		const char *nl = memchr(text, '\n', len);

		if (!nl || n == LINES_MAX)
			return 0;
		lines[n] = (struct line){text, (size_t)(nl - text)};
		if (lines[n].len > 0 && text[lines[n].len - 1] == '\r')
			lines[n].len--;
		for (size_t i = 0; i < lines[n].len; i++)
			if ((unsigned char)text[i] < ' ' && text[i] != '\t')
				return 0;
		n++;
		len -= (size_t)(nl - text) + 1;
		text = nl + 1;
	}
	return n;
}

static bool starts_with(const struct line *l, const char *prefix)
{
	return l->len >= strlen(prefix) && memcmp(l->s, prefix, strlen(prefix)) == 0;
}

/* Decode a line that must hold exactly @want bytes. */
static int decode(const struct line *l, uint8_t *ret, size_t want)
{
	_cleanup_(freep) char *text = text_copy(l->s, l->len);
	_cleanup_(freep) char *bytes = NULL;
	size_t len;

	if (!text)
		return -ENOMEM;
	bytes = text_unbase64(text, &len);
	if (!bytes || len != want)
		return -EBADMSG;
	memcpy(ret, bytes, want);
	return 0;
}

static int bad(const char **why, const char *text)
{
	*why = text;
	return -EBADMSG;
}

int signature_key_parse(const char *text, size_t len, struct signature_key *ret,
                        const char **why)
{
	struct line lines[LINES_MAX];
	uint8_t raw[KEY_FILE_BYTES];
	int r;

	if (split(text, len, lines) != 2 || !starts_with(&lines[0], UNTRUSTED))
		return bad(why, "not a public key of signify or minisign: a comment "
		                "and one line are "
		                "expected");
	r = decode(&lines[1], raw, sizeof(raw));
	if (r == -EBADMSG)
		return bad(why, "the key is not base64 of 42 bytes");
	if (r < 0)
		return r;
	if (memcmp(raw, "Ed", ALG_BYTES) != 0)
		return bad(why, "not an Ed25519 key");
	memcpy(ret->id, raw + ALG_BYTES, SIGNATURE_ID_BYTES);
	memcpy(ret->key, raw + ALG_BYTES + SIGNATURE_ID_BYTES, sizeof(ret->key));
	return 0;
}

static int parse_comment(const struct line lines[2], struct signature *s,
                         const char **why)
{
	int r;

	if (!starts_with(&lines[0], TRUSTED))
		return bad(why, "the third line is not a trusted comment");
	s->comment = lines[0].s + strlen(TRUSTED);
	s->comment_len = lines[0].len - strlen(TRUSTED);
	r = decode(&lines[1], s->comment_bytes, sizeof(s->comment_bytes));
	return r == -EBADMSG
	               ? bad(why,
	                     "the signature of the comment is not base64 of 64 bytes")
	               : r;
}

int signature_parse(const char *text, size_t len, struct signature *ret,
                    const char **why)
{
	struct line lines[LINES_MAX];
	unsigned n = split(text, len, lines);
	struct signature s = {0};
	uint8_t raw[SIGN_FILE_BYTES];
	int r;

	if ((n != 2 && n != 4) || !starts_with(&lines[0], UNTRUSTED))
		return bad(why, "not a detached signature of signify or minisign: two "
		                "or four lines "
		                "are expected");
	r = decode(&lines[1], raw, sizeof(raw));
	if (r == -EBADMSG)
		return bad(why, "the signature is not base64 of 74 bytes");
	if (r < 0)
		return r;
	s.prehashed = memcmp(raw, "ED", ALG_BYTES) == 0;
	if (!s.prehashed && memcmp(raw, "Ed", ALG_BYTES) != 0)
		return bad(why, "not an Ed25519 signature");
	memcpy(s.id, raw + ALG_BYTES, SIGNATURE_ID_BYTES);
	memcpy(s.bytes, raw + ALG_BYTES + SIGNATURE_ID_BYTES, sizeof(s.bytes));
	if (n == 4)
		r = parse_comment(lines + 2, &s, why);
	else if (s.prehashed)
		r = bad(why, "a signature of minisign without its trusted comment");
	if (r < 0)
		return r;
	*ret = s;
	return 0;
}

static void pkey_freep(EVP_PKEY **p)
{
	EVP_PKEY_free(*p);
}

static void md_ctx_freep(EVP_MD_CTX **p)
{
	EVP_MD_CTX_free(*p);
}

static int verify_bytes(const uint8_t sig[64], const struct signature_key *key,
                        const void *msg, size_t len)
{
	_cleanup_(pkey_freep) EVP_PKEY *pkey = NULL;
	_cleanup_(md_ctx_freep) EVP_MD_CTX *ctx = EVP_MD_CTX_new();

	if (!ctx)
		return -ENOMEM;
	pkey = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, key->key,
	                                   sizeof(key->key));
	if (!pkey || EVP_DigestVerifyInit(ctx, NULL, NULL, NULL, pkey) != 1)
		return -ENOTSUP;
	return EVP_DigestVerify(ctx, sig, 64, msg, len) == 1 ? 0 : -EKEYREJECTED;
}

static int verify_prehashed(const struct signature *s, const struct signature_key *key,
                            const void *msg, size_t len)
{
	uint8_t hash[EVP_MAX_MD_SIZE];
	size_t hash_len = 0;

	if (EVP_Q_digest(NULL, "BLAKE2B-512", NULL, msg, len, hash, &hash_len) != 1 ||
	    hash_len != BLAKE2B_BYTES)
		return -ENOTSUP;
	return verify_bytes(s->bytes, key, hash, hash_len);
}

static int verify_comment(const struct signature *s, const struct signature_key *key)
{
	_cleanup_(freep) uint8_t *both = malloc(sizeof(s->bytes) + s->comment_len);

	if (!both)
		return -ENOMEM;
	memcpy(both, s->bytes, sizeof(s->bytes));
	memcpy(both + sizeof(s->bytes), s->comment, s->comment_len);
	return verify_bytes(s->comment_bytes, key, both,
	                    sizeof(s->bytes) + s->comment_len);
}

int signature_verify(const struct signature *s, const struct signature_key *key,
                     const void *msg, size_t len)
{
	int r;

	if (memcmp(s->id, key->id, sizeof(s->id)) != 0)
		return -EKEYREJECTED;
	r = s->prehashed ? verify_prehashed(s, key, msg, len)
	                 : verify_bytes(s->bytes, key, msg, len);
	return r == 0 && s->comment ? verify_comment(s, key) : r;
}

void signature_id_text(const uint8_t id[SIGNATURE_ID_BYTES],
                       char ret[SIGNATURE_ID_TEXT])
{
	uint8_t reversed[SIGNATURE_ID_BYTES];

	for (unsigned i = 0; i < SIGNATURE_ID_BYTES; i++)
		reversed[i] = id[SIGNATURE_ID_BYTES - 1 - i];
	text_hex(reversed, sizeof(reversed), ret);
}
