/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Archive reading
 *
 * Owns: libarchive; one handle, opened for one kind of archive.
 * Must not own: ceilings, members in members (archive.c), what a member means (unpack).
 *
 * Of all that libarchive can do one reader is enabled at a time. None of those that
 * start programs (lrzip, grzip, lzop, or "program") and none that opens files (mtree)
 * is ever. Filters are appended by name, so that exactly one is undone: left to itself,
 * libarchive chains up to 25 of them unseen, and takes a stream that begins with zeros
 * for a tar without members.
 */
#include "archive-read.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <string.h>

#include "archive-rar.h"
#include "custos/archive.h"
#include "custos/clock.h"

/* Between two looks at the clock. */
#define BLOCK_BYTES ((size_t)256 << 10)

static const struct {
	int (*enable)(struct archive *);
	int filter;
} readers[N_ARC_KINDS] = {
	[ARC_ZIP] = {.enable = archive_read_support_format_zip_streamable},
	[ARC_TAR] = {.enable = archive_read_support_format_tar},
	[ARC_CPIO] = {.enable = archive_read_support_format_cpio},
	[ARC_7Z] = {.enable = archive_read_support_format_7zip},
	[ARC_AR] = {.enable = archive_read_support_format_ar},
	[ARC_ISO] = {.enable = archive_read_support_format_iso9660},
	[ARC_CAB] = {.enable = archive_read_support_format_cab},
	[ARC_LHA] = {.enable = archive_read_support_format_lha},
	[ARC_RAR] = {.enable = archive_read_support_format_rar},
	[ARC_GZ] = {.filter = ARCHIVE_FILTER_GZIP},
	[ARC_BZ2] = {.filter = ARCHIVE_FILTER_BZIP2},
	[ARC_XZ] = {.filter = ARCHIVE_FILTER_XZ},
	[ARC_ZSTD] = {.filter = ARCHIVE_FILTER_ZSTD},
	[ARC_LZ4] = {.filter = ARCHIVE_FILTER_LZ4},
	[ARC_RPM] = {.filter = ARCHIVE_FILTER_RPM},
	[ARC_LZMA] = {.filter = ARCHIVE_FILTER_LZMA},
	[ARC_LZIP] = {.filter = ARCHIVE_FILTER_LZIP},
};

static la_ssize_t on_read(struct archive *a, void *userdata, const void **ret)
{
	struct arc_reader *rd = userdata;
	size_t n = MIN(BLOCK_BYTES, rd->len - rd->pos);

	if (clock_now() >= rd->deadline) {
		rd->late = true;
		archive_set_error(a, ETIMEDOUT, "late");
		return ARCHIVE_FATAL;
	}
	*ret = rd->buf + rd->pos;
	rd->pos += n;
	return (la_ssize_t)n;
}

static la_int64_t on_skip(struct archive *a, void *userdata, la_int64_t request)
{
	struct arc_reader *rd = userdata;
	size_t n = request < 0 ? 0
	                       : (size_t)MIN((uint64_t)request,
	                                     (uint64_t)(rd->len - rd->pos));

	(void)a;
	rd->pos += n;
	return (la_int64_t)n;
}

static la_int64_t on_seek(struct archive *a, void *userdata, la_int64_t offset,
                          int whence)
{
	struct arc_reader *rd = userdata;
	const la_int64_t len = (la_int64_t)rd->len;
	la_int64_t base = whence == SEEK_SET   ? 0
	                  : whence == SEEK_END ? len
	                                       : (la_int64_t)rd->pos;
	la_int64_t to;

	if (__builtin_add_overflow(base, offset, &to) || to < 0) {
		archive_set_error(a, EINVAL, "seek before the start");
		return ARCHIVE_FATAL;
	}
	rd->pos = (size_t)MIN(to, len);
	return (la_int64_t)rd->pos;
}

static enum arc_step failure(const struct arc_reader *rd, int r)
{
	if (rd->late)
		return ARC_LATE;
	if (archive_errno(rd->a) == ENOMEM)
		return ARC_NOMEM;
	return r == ARCHIVE_FATAL ? ARC_DAMAGED : ARC_BROKEN;
}

/* ARCHIVE_WARN: of what does not matter here, such as names that cannot be converted.
 */
static bool is_fine(int r)
{
	return r == ARCHIVE_OK || r == ARCHIVE_WARN;
}

static int enable(struct archive *a, const struct arc_sign *sign)
{
	int r;

	if (sign->by_list)
		return archive_read_support_format_zip_seekable(a);
	if (!arc_is_filter(sign->kind)) {
		r = readers[sign->kind].enable(a);
		/* two formats by one name */
		return is_fine(r) && sign->kind == ARC_RAR
		               ? archive_read_support_format_rar5(a)
		               : r;
	}
	/* Appended, it reads before there is anything to read from, and crashes (libarchive 3.6.2). So it looks at the
	 * bytes first, as we did, and undoes all of its kind that lie in one another. */
	r = sign->kind == ARC_COMPRESS ? archive_read_support_filter_compress(a) :
	                                 archive_read_append_filter(a, readers[sign->kind].filter);
	/* no bidding: whatever comes out is the member */
	return is_fine(r) ? archive_read_set_format(a, ARCHIVE_FORMAT_RAW) : r;
}

enum arc_step arc_open(struct arc_reader *rd, const struct arc_sign *sign,
                       const uint8_t *buf, nsec_t deadline)
{
	int r;

	*rd = (struct arc_reader){.buf = buf + sign->offset,
	                          .len = sign->len,
	                          .deadline = deadline,
	                          .kind = sign->kind};
	rd->a = archive_read_new();
	if (!rd->a)
		return ARC_NOMEM;
	if (!is_fine(enable(rd->a, sign)) ||
	    archive_read_set_read_callback(rd->a, on_read) < 0 ||
	    archive_read_set_skip_callback(rd->a, on_skip) < 0 ||
	    archive_read_set_seek_callback(rd->a, on_seek) < 0 ||
	    archive_read_set_callback_data(rd->a, rd) < 0)
		return ARC_NOMEM;
	r = archive_read_open1(rd->a);
	if (is_fine(r))
		return ARC_OK;
	/* of a format nothing has been done but to look at it */
	return rd->late || archive_errno(rd->a) == ENOMEM || arc_is_filter(rd->kind)
	               ? failure(rd, r)
	               : ARC_OTHER;
}

static const char *name_of(struct archive_entry *e)
{
	const char *name = archive_entry_pathname(e);

	/* not to be written in our locale: as the archive has it */
	if (!name)
		name = archive_entry_pathname_utf8(e);
	return name ? name : "";
}

static enum arc_rar look_at_rar(const struct arc_reader *rd, int r)
{
	if (rd->kind != ARC_RAR)
		return ARC_RAR_MEMBER;
	/* After a failure libarchive does not tell where it is; what locks all headers is the first of them. */
	return arc_rar_next(rd->buf, rd->len, r == ARCHIVE_EOF || is_fine(r) ? arc_header_at(rd) : 0);
}

/* Why no member came. */
static enum arc_step no_member(const struct arc_reader *rd, int r, enum arc_rar rar)
{
	const bool is_rar = rd->kind == ARC_RAR;

	if (r == ARCHIVE_EOF)
		return is_rar && rar != ARC_RAR_END ? ARC_DAMAGED : ARC_END;
	if (r == ARCHIVE_FATAL && !rd->late &&
	    (is_rar ? rar == ARC_RAR_LOCKED : archive_read_has_encrypted_entries(rd->a) > 0))
		return ARC_LOCKED;
	return failure(rd, r);
}

/* libarchive says that a member of a rar came. A second one of the same name is left out: it is taken for more of the first,
 * which has ended, and nothing is told of it (3.6.2). */
static bool is_odd(struct archive_entry *e, enum arc_rar rar)
{
	return (rar != ARC_RAR_MEMBER && rar != ARC_RAR_LOCKED_MEMBER) ||
	       (archive_entry_filetype(e) == 0 && !archive_entry_size_is_set(e));
}

enum arc_step arc_next(struct arc_reader *rd, struct arc_entry *ret)
{
	struct archive_entry *e;
	int r = archive_read_next_header(rd->a, &e);
	const enum arc_rar rar = look_at_rar(rd, r);

	if (!is_fine(r))
		return no_member(rd, r, rar);
	if (rd->kind == ARC_RAR && is_odd(e, rar))
		return ARC_BROKEN;
	*ret = (struct arc_entry){
		.name = arc_is_filter(rd->kind) ? "" : name_of(e),
		.is_locked = archive_entry_is_encrypted(e) > 0 || rar == ARC_RAR_LOCKED_MEMBER,
		/* of others it may be that of a name, or of data that comes with
	           another member */
		.has_size = archive_entry_filetype(e) == AE_IFREG &&
	                    !archive_entry_hardlink(e) &&
	                    archive_entry_size_is_set(e) && archive_entry_size(e) >= 0,
	};
	if (ret->has_size)
		ret->n_bytes = (uint64_t)archive_entry_size(e);
	return ARC_OK;
}

enum arc_step arc_data(struct arc_reader *rd, struct arc_piece *ret)
{
	la_int64_t offset = 0;
	int r;

	*ret = (struct arc_piece){0};
	r = archive_read_data_block(rd->a, &ret->data, &ret->len, &offset);
	ret->offset = offset < 0 ? 0 : (uint64_t)offset;
	ret->is_wrong = r == ARCHIVE_WARN;
	if (r == ARCHIVE_EOF)
		return ARC_END;
	return is_fine(r) ? ARC_OK : failure(rd, r);
}

size_t arc_header_at(const struct arc_reader *rd)
{
	la_int64_t at = archive_read_header_position(rd->a);

	return at < 0 ? rd->len : (size_t)MIN((uint64_t)at, (uint64_t)rd->len);
}

void arc_close(struct arc_reader *rd)
{
	if (rd->a)
		(void)archive_read_free(rd->a); /* of memory alone */
	rd->a = NULL;
}

/* A zip whose one member is empty and has a name in UTF-8: converting that is what
 * loads. */
static const uint8_t warm[] =
	"PK\3\4\x14\0\0\x08\0\0\0\0!\0\0\0\0\0\0\0\0\0\0\0\0\0\2\0\0\0\xc3\xa9"
	"PK\1\2\x14\3\x14\0\0\x08\0\0\0\0!"
	"\0\0\0\0\0\0\0\0\0\0\0\0\0\2\0\0\0\0\0\0\0\0\0"
	"\0\0\x80\1\0\0\0\0\xc3\xa9"
	"PK\5\6\0\0\0\0\1\0\1\0\x30\0\0\0\x20\0\0\0\0"; /* and the NUL behind it */

int arc_global_init(void)
{
	static const struct arc_sign sign = {
		.kind = ARC_ZIP, .len = sizeof(warm), .by_list = true};
	struct arc_reader rd;
	struct arc_entry entry;
	struct arc_piece piece;
	bool ok = arc_open(&rd, &sign, warm, UINT64_MAX) == ARC_OK &&
	          arc_next(&rd, &entry) == ARC_OK && arc_data(&rd, &piece) == ARC_END &&
	          arc_next(&rd, &entry) == ARC_END;

	arc_close(&rd);
	return ok ? 0 : -EIO;
}
