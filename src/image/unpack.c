#include <archive.h>
#include <archive_entry.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "image/box.h"
#include "image/out.h"
#include "image/unpack.h"

#define BLOCK      (128u << 10)
#define XATTRS_MAX 64

struct job {
	struct gate_unpack how;
	bool owners;
};

/* --- in the first box: any compression to none --- */
static int write_all(int fd, const char *data, size_t len)
{
	while (len > 0) {
		ssize_t n = write(fd, data, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -1;
		data += n;
		len -= (size_t)n;
	}
	return 0;
}

static const char *trouble(struct archive *a)
{
	const char *text = archive_error_string(a);

	return text != NULL ? text : "not readable";
}

/* The packers that an image may not use, so that the sentence can name them. */
static const char *other_packer(const unsigned char *b, size_t len)
{
	if (len >= 6 && memcmp(b,
	                       "\xfd"
	                       "7zXZ",
	                       6) == 0)
		return "xz";
	if (len >= 3 && memcmp(b, "BZh", 3) == 0)
		return "bzip2";
	if (len >= 4 && memcmp(b, "\x04\x22\x4d\x18", 4) == 0)
		return "lz4";
	return NULL;
}

static void decompress(void *ctx, struct gate_box_report *said)
{
	struct archive *a = archive_read_new();
	struct archive_entry *entry;
	const void *data;
	bool first = true;
	size_t len;
	la_int64_t at;
	int rc;

	(void)ctx;
	if (a == NULL || archive_read_support_filter_gzip(a) != ARCHIVE_OK ||
	    archive_read_support_filter_zstd(a) != ARCHIVE_OK || archive_read_support_format_raw(a) != ARCHIVE_OK ||
	    archive_read_support_format_empty(a) != ARCHIVE_OK) {
		(void)GATE_FAIL(&said->err, GATE_E_NOMEM, "the library for archives cannot be set up");
		return;
	}
	rc = archive_read_open_fd(a, 0, BLOCK);
	if (rc == ARCHIVE_OK)
		rc = archive_read_next_header(a, &entry);
	if (rc == ARCHIVE_EOF) {
		(void)GATE_FAIL(&said->err, GATE_E_SYNTAX, "it is empty");
		return;
	}
	while (rc == ARCHIVE_OK && (rc = archive_read_data_block(a, &data, &len, &at)) == ARCHIVE_OK) {
		const char *packer = first && archive_filter_count(a) <= 1 ? other_packer(data, len) : NULL;

		first = false;
		if (packer != NULL) {
			(void)GATE_FAIL(&said->err, GATE_E_UNSUPPORTED,
			                "it is packed with %s; gzip, zstd and none are taken", packer);
			return;
		}
		if (write_all(1, data, len) < 0) {
			/* Whoever reads has stopped, and says why. */
			(void)GATE_FAIL(&said->err, GATE_E_PROTO, "cut short");
			return;
		}
	}
	if (rc != ARCHIVE_EOF)
		(void)GATE_FAIL(&said->err, GATE_E_SYNTAX, "%s", trouble(a));
}

/* --- in the second box: tar to files --- */
static int read_item(struct archive_entry *e, struct gate_item *item, struct gate_item_xattr *xattrs,
                     struct gate_err *err)
{
	const char *hard = archive_entry_hardlink(e);

	*item = (struct gate_item){
		.path = archive_entry_pathname(e),
		.mode = (uint32_t)archive_entry_perm(e) & 07777,
		.uid = archive_entry_uid(e),
		.gid = archive_entry_gid(e),
		.mtime = archive_entry_mtime(e),
		.mtime_ns = archive_entry_mtime_nsec(e),
		.xattrs = xattrs,
	};
	if (item->path == NULL)
		return GATE_FAIL(err, GATE_E_INVALID, "an entry has no readable name");
	if (item->mtime_ns < 0 || item->mtime_ns > 999999999)
		item->mtime_ns = 0;
	if (hard != NULL) {
		item->kind = GATE_ITEM_HARDLINK;
		item->link = hard;
		return 0;
	}
	switch (archive_entry_filetype(e)) {
	case AE_IFREG:
		item->kind = GATE_ITEM_FILE;
		break;
	case AE_IFDIR:
		item->kind = GATE_ITEM_DIRECTORY;
		break;
	case AE_IFLNK:
		item->kind = GATE_ITEM_SYMLINK;
		item->link = archive_entry_symlink(e);
		break;
	case AE_IFIFO:
		item->kind = GATE_ITEM_FIFO;
		break;
	case AE_IFCHR:
	case AE_IFBLK:
		item->kind = GATE_ITEM_DEVICE;
		break;
	default:
		return GATE_FAIL(err, GATE_E_INVALID, "entry '%.100s' is of a kind that no layer has", item->path);
	}
	(void)archive_entry_xattr_reset(e);
	while (archive_entry_xattr_next(e, &xattrs[item->n_xattrs].name, &xattrs[item->n_xattrs].value,
	                                &xattrs[item->n_xattrs].len) == ARCHIVE_OK)
		if (++item->n_xattrs == XATTRS_MAX)
			return GATE_FAIL(err, GATE_E_LIMIT, "entry '%.100s' has more than %d attributes", item->path,
			                 XATTRS_MAX - 1);
	return 0;
}

static int copy_content(struct archive *a, struct archive_entry *e, int fd, struct gate_box_report *said)
{
	la_int64_t at = 0;
	const void *data;
	size_t len;
	int rc;

	while ((rc = archive_read_data_block(a, &data, &len, &at)) == ARCHIVE_OK) {
		for (size_t done = 0; done < len;) {
			ssize_t n = pwrite(fd, (const char *)data + done, len - done, (off_t)at + (off_t)done);

			if (n < 0 && errno != EINTR)
				return GATE_FAIL_SYS(&said->err, "writing");
			done += n > 0 ? (size_t)n : 0;
		}
		said->bytes += len;
	}
	if (rc != ARCHIVE_EOF)
		return GATE_FAIL(&said->err, GATE_E_SYNTAX, "%s", trouble(a));
	/* A hole at the end. */
	if (archive_entry_sparse_count(e) > 0 && ftruncate(fd, archive_entry_size(e)) < 0)
		return GATE_FAIL_SYS(&said->err, "setting the size");
	return 0;
}

static int unpack_one(struct archive *a, struct archive_entry *e, const struct job *job, struct gate_out *out,
                      struct gate_box_report *said)
{
	struct gate_item_xattr xattrs[XATTRS_MAX];
	struct gate_item item;
	int fd = -1;

	if (++said->entries > job->how.max_entries)
		return GATE_FAIL(&said->err, GATE_E_LIMIT, "more than %llu entries",
		                 (unsigned long long)job->how.max_entries);
	if (read_item(e, &item, xattrs, &said->err) < 0 || gate_out_put(out, &item, &fd, &said->err) < 0)
		return -1;
	if (fd < 0)
		return 0;
	if (copy_content(a, e, fd, said) < 0) {
		(void)close(fd);
		return GATE_NOTE(&said->err, "entry '%.100s'", item.path);
	}
	if (gate_out_finish(out, &item, fd, &said->err) < 0)
		return GATE_NOTE(&said->err, "entry '%.100s'", item.path);
	return 0;
}

/* What follows the end of the archive counts for the digest, which is computed outside. */
static void drain(void)
{
	static char rest[BLOCK];

	for (;;) {
		ssize_t n = read(0, rest, sizeof(rest));

		if (n == 0 || (n < 0 && errno != EINTR))
			return;
	}
}

static void unpack(void *ctx, struct gate_box_report *said)
{
	const struct job *job = ctx;
	struct archive *a = archive_read_new();
	struct archive_entry *entry;
	struct gate_out out;
	int root = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC), rc;

	if (root < 0) {
		(void)GATE_FAIL_SYS(&said->err, "opening the root");
		return;
	}
	if (a == NULL || archive_read_support_format_tar(a) != ARCHIVE_OK) {
		(void)GATE_FAIL(&said->err, GATE_E_NOMEM, "the library for archives cannot be set up");
		return;
	}
	gate_out_init(&out, root, job->how.layer, job->owners);
	rc = archive_read_open_fd(a, 0, BLOCK);
	while (rc >= ARCHIVE_WARN && (rc = archive_read_next_header(a, &entry)) >= ARCHIVE_WARN && rc != ARCHIVE_EOF)
		if (unpack_one(a, entry, job, &out, said) < 0)
			return;
	if (rc != ARCHIVE_EOF) {
		(void)GATE_FAIL(&said->err, GATE_E_SYNTAX, said->entries == 0 ? "it is no tar archive (%s)" : "%s",
		                trouble(a));
		return;
	}
	drain();
	if (gate_out_end(&out, &said->err) == 0) {
		said->devices = out.devices;
		said->xattrs = out.xattrs;
	}
}

/* --- between them --- */
static int check_amount(const struct gate_unpack *how, uint64_t out, uint64_t packed, struct gate_err *err)
{
	if (out > how->max_bytes)
		return GATE_FAIL(err, GATE_E_LIMIT, "it unpacks to more than %llu bytes",
		                 (unsigned long long)how->max_bytes);
	if (packed > 0 && out > how->free_bytes && out / how->ratio > packed)
		return GATE_FAIL(err, GATE_E_LIMIT, "it unpacks to more than %llu times its size",
		                 (unsigned long long)how->ratio);
	return 0;
}

/* 1: the reader is gone and will say why. */
static int pass_on(int to, const char *data, size_t len, struct gate_err *err)
{
	while (len > 0) {
		ssize_t n = send(to, data, len, MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && (errno == EPIPE || errno == ECONNRESET))
			return 1;
		if (n < 0)
			return GATE_FAIL_SYS(err, "handing on");
		data += n;
		len -= (size_t)n;
	}
	return 0;
}

static int pump(int from, int to, const struct gate_unpack *how, uint64_t packed, struct gate_digest *ret,
                struct gate_err *err)
{
	GATE_AUTOFREE char *block = malloc(BLOCK);
	struct gate_digest_stream sha;
	uint64_t total = 0;
	int rc = 0;

	if (block == NULL)
		return GATE_FAIL_NOMEM(err);
	gate_digest_start(&sha);
	while (rc == 0) {
		ssize_t n = recv(from, block, BLOCK, 0);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return GATE_FAIL_SYS(err, "reading what was decompressed");
		if (n == 0)
			break;
		total += (uint64_t)n;
		gate_digest_add(&sha, block, (size_t)n);
		rc = check_amount(how, total, packed, err);
		if (rc == 0)
			rc = pass_on(to, block, (size_t)n, err);
	}
	gate_digest_end(&sha, ret);
	return rc;
}

static void close_pair(int pair[2])
{
	for (int i = 0; i < 2; i++) {
		if (pair[i] >= 0)
			(void)close(pair[i]);
		pair[i] = -1;
	}
}

static int run(struct gate_box *first, struct gate_box *second, int a[2], int b[2], const struct gate_unpack *how,
               int blob, struct gate_unpacked *ret, struct gate_err *err)
{
	struct gate_box_report said = { 0 }, packer = { 0 };
	struct gate_err mine = GATE_ERR_INIT, theirs = GATE_ERR_INIT;
	struct stat st;
	uint64_t packed = fstat(blob, &st) == 0 && S_ISREG(st.st_mode) ? (uint64_t)st.st_size : 0;
	int rc;

	if (gate_box_start(first, err) < 0 || gate_box_start(second, err) < 0)
		return -1;
	(void)close(a[1]);
	(void)close(b[0]);
	a[1] = b[0] = -1;
	rc = pump(a[0], b[1], how, packed, &ret->diff, &mine);
	close_pair(a);
	/* When decompressing failed the rest is missing, and the second box would say only that. */
	int unpacked = -1, decompressed = -1;

	if (rc >= 0) {
		if (rc == 0)
			decompressed = gate_box_wait(first, &packer, &theirs);
		if (rc == 0 && decompressed < 0) {
			*err = theirs;
			return -1;
		}
		close_pair(b);
		unpacked = gate_box_wait(second, &said, &mine);
		if (rc == 1 && unpacked == 0)
			unpacked = GATE_FAIL(&mine, GATE_E_PROTO, "unpacking stopped early");
	}
	if (unpacked < 0) {
		if (err != NULL && err->code == GATE_OK)
			*err = mine;
		return -1;
	}
	ret->bytes = said.bytes;
	ret->entries = said.entries;
	ret->devices = said.devices;
	ret->xattrs = said.xattrs;
	return 0;
}

int gate_unpack(int blob, int dir, const struct gate_unpack *how, struct gate_unpacked *ret, struct gate_err *err)
{
	struct job job = { .how = *how, .owners = how->layer && geteuid() == 0 };
	struct gate_box_filters filters = { 0 };
	struct gate_unpacked done = { 0 };
	int a[2] = { -1, -1 }, b[2] = { -1, -1 }, rc;

	job.how.max_bytes = how->max_bytes != 0 ? how->max_bytes : GATE_UNPACK_BYTES;
	job.how.max_entries = how->max_entries != 0 ? how->max_entries : GATE_UNPACK_ENTRIES;
	job.how.free_bytes = how->free_bytes != 0 ? how->free_bytes : GATE_UNPACK_FREE;
	job.how.ratio = how->ratio != 0 ? how->ratio : GATE_UNPACK_RATIO;
	if (gate_box_filters_make(&filters, err) < 0)
		return -1;
	struct gate_box first = { .what = "decompressing",
		                  .in = blob,
		                  .root = -1,
		                  .filter = filters.decompress,
		                  .filter_len = filters.n_decompress,
		                  .run = decompress,
		                  .pid = -1,
		                  .report = -1 };
	struct gate_box second = { .what = "unpacking",
		                   .out = -1,
		                   .root = dir,
		                   .filter = filters.unpack,
		                   .filter_len = filters.n_unpack,
		                   .run = unpack,
		                   .ctx = &job,
		                   .pid = -1,
		                   .report = -1 };

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, a) < 0 ||
	    socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, b) < 0) {
		rc = GATE_FAIL_SYS(err, "making a socket");
	} else {
		first.out = a[1];
		second.in = b[0];
		rc = run(&first, &second, a, b, &job.how, blob, &done, err);
	}
	close_pair(a);
	close_pair(b);
	gate_box_end(&first);
	gate_box_end(&second);
	gate_box_filters_done(&filters);
	if (rc == 0)
		*ret = done;
	return rc;
}
