#include <time.h>

#include "cli/agent_tasks.h"

#define PIECE (UINT64_C(1) << 20) /* what one answer brings at most */

/* One of the two streams, read piece by piece through Mesos' READ_FILE, which keeps bytes as they are. */
struct stream {
	const char *name;
	FILE *out;
	uint64_t at;
};

static int value_of(char c)
{
	return c >= 'A' && c <= 'Z'   ? c - 'A'
	       : c >= 'a' && c <= 'z' ? c - 'a' + 26
	       : c >= '0' && c <= '9' ? c - '0' + 52
	       : c == '+'             ? 62
	       : c == '/'             ? 63
	                              : -1;
}

static void decode(const char *text, struct gate_buf *out)
{
	uint32_t bits = 0;
	int n = 0;

	for (; *text != '\0' && value_of(*text) >= 0; text++) {
		bits = bits << 6 | (uint32_t)value_of(*text);
		n += 6;
		if (n >= 8) {
			unsigned char byte = (unsigned char)(bits >> (n - 8));

			gate_buf_add(out, &byte, 1);
			n -= 8;
		}
	}
}

/* Adds what is there at s->at, which moves on; *size: of all of it. */
static int read_piece(const struct gate_cli *cli, const char *container, struct stream *s, uint64_t length,
                      struct gate_buf *out, uint64_t *size, struct gate_err *err)
{
	GATE_AUTO(gate_buf_done) struct gate_buf call = GATE_BUF_INIT, path = GATE_BUF_INIT;
	struct gate_api_answer answer = GATE_API_ANSWER_INIT;
	struct gate_json j;
	size_t before = out->len;
	int result = -1;

	gate_buf_printf(&path, "/containers/%s/%s", container, s->name);
	gate_json_init(&j, &call, 0);
	gate_json_object(&j);
	gate_json_key(&j, "type");
	gate_json_text(&j, "READ_FILE");
	gate_json_key(&j, "read_file");
	gate_json_object(&j);
	gate_json_key(&j, "path");
	gate_json_text(&j, path.data);
	gate_json_key(&j, "offset");
	gate_json_u64(&j, s->at);
	gate_json_key(&j, "length");
	gate_json_u64(&j, length);
	gate_json_end(&j, '}');
	gate_json_end(&j, '}');
	if (gate_api_call(cli, "POST", "/api/v1", &call, &answer, err) == 0)
		result = answer.status == 200 ? 0 : gate_api_refused(&answer, err);
	if (result == 0) {
		*size = gate_api_number(answer.doc, "read_file.size");
		decode(gate_api_text(answer.doc, "read_file.data"), out);
		s->at += out->len - before;
	}
	gate_api_answer_done(&answer);
	return result;
}

/* Everything from s->at on. */
static int show_rest(const struct gate_cli *cli, const char *container, struct stream *s, struct gate_err *err)
{
	for (;;) {
		GATE_AUTO(gate_buf_done) struct gate_buf piece = GATE_BUF_INIT;
		uint64_t size = 0;

		if (read_piece(cli, container, s, PIECE, &piece, &size, err) < 0)
			return -1;
		(void)fwrite(piece.data != NULL ? piece.data : "", 1, piece.len, s->out);
		(void)fflush(s->out);
		if (piece.len == 0 || s->at >= size)
			return 0;
	}
}

/* The last lines, of the last piece at most. */
static int show_tail(const struct gate_cli *cli, const char *container, struct stream *s, uint64_t lines,
                     struct gate_err *err)
{
	GATE_AUTO(gate_buf_done) struct gate_buf piece = GATE_BUF_INIT;
	uint64_t size = 0;
	size_t from;

	if (read_piece(cli, container, s, 0, &piece, &size, err) < 0)
		return -1;
	s->at = size > PIECE ? size - PIECE : 0;
	if (read_piece(cli, container, s, PIECE, &piece, &size, err) < 0)
		return -1;
	from = piece.len;
	for (uint64_t n = 0; from > 0; from--) {
		/* An end of a line that is the last byte ends the last line; it begins none. */
		n += from < piece.len && piece.data[from - 1] == '\n';
		if (n == lines && piece.data[from - 1] == '\n' && from < piece.len)
			break;
	}
	if (lines > 0)
		(void)fwrite(piece.data != NULL ? piece.data + from : "", 1, piece.len - from, s->out);
	return 0;
}

static bool has_ended(const struct gate_cli *cli, const char *word)
{
	struct gate_found f;
	bool ended;

	if (gate_api_find(cli, word, GATE_THING_BIT(GATE_THING_TASK), &f, NULL) < 0)
		return true;
	ended = gate_api_at(f.answer.doc, "endedAt") != NULL;
	gate_api_answer_done(&f.answer);
	return ended;
}

static int follow(const struct gate_cli *cli, const char *container, struct stream *streams, size_t n,
                  struct gate_err *err)
{
	const struct timespec pause = { 0, 300000000 };

	for (bool over = false; !over;) {
		(void)nanosleep(&pause, NULL);
		over = has_ended(cli, container); /* first: what it wrote before its end is read once more */
		for (size_t i = 0; i < n; i++)
			if (show_rest(cli, container, &streams[i], err) < 0)
				return -1;
	}
	return 0;
}

int gate_agent_logs(const struct gate_cli *cli, const char *word, bool go_on, uint64_t tail, struct gate_err *err)
{
	struct stream streams[] = { { "stdout", stdout, 0 }, { "stderr", stderr, 0 } };
	GATE_AUTOFREE char *container = NULL;
	struct gate_found f;
	int result = 0;

	if (gate_api_find(cli, word, GATE_THING_BIT(GATE_THING_TASK), &f, err) < 0)
		return -1;
	container = strdup(gate_api_text(f.answer.doc, "containerId"));
	gate_api_answer_done(&f.answer);
	if (container == NULL)
		return GATE_FAIL_NOMEM(err);
	for (size_t i = 0; result == 0 && i < GATE_ARRAY_LEN(streams); i++)
		result = tail == UINT64_MAX ? show_rest(cli, container, &streams[i], err)
		                            : show_tail(cli, container, &streams[i], tail, err);
	if (result == 0 && go_on)
		result = follow(cli, container, streams, GATE_ARRAY_LEN(streams), err);
	return result;
}
