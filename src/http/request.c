/* request.c - what came: the address taken apart, the form checked, and who may ask at all. */
#include <microhttpd.h>
#include <stdio.h>
#include <strings.h>

#include "base/num.h"
#include "http/server.h"

static int hex(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = (char)(c | 0x20);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The decoded text; NULL for a bad escape, an encoded NUL, or a bare control byte. */
static const char *decode(struct gate_arena *arena, const char *from, size_t len, bool plus)
{
	char *out = gate_arena_alloc(arena, len + 1), *to = out;

	for (size_t i = 0; out && i < len; i++) {
		char c = from[i];
		if (c == '%') {
			int high = i + 2 < len ? hex(from[i + 1]) : -1;
			int low = i + 2 < len ? hex(from[i + 2]) : -1;
			if (high < 0 || low < 0 || (high == 0 && low == 0))
				return NULL;
			c = (char)(high * 16 + low);
			i += 2;
		} else if ((unsigned char)c < ' ') {
			return NULL;
		} else if (c == '+' && plus) {
			c = ' ';
		}
		*to++ = c;
	}
	return out;
}

static bool read_query(struct talk *t, const char *text)
{
	size_t n = 1;

	for (const char *s = text; *s; s++)
		n += *s == '&';
	t->query = GATE_NEWS(&t->arena, struct pair, n);
	while (t->query && *text) {
		size_t len = strcspn(text, "&"), name = strcspn(text, "=&");
		struct pair *p = &t->query[t->n_query];
		p->name = decode(&t->arena, text, name, true);
		p->value =
		    decode(&t->arena, text + (name < len ? name + 1 : len), name < len ? len - name - 1 : 0, true);
		if (!p->name || !p->value)
			return false;
		t->n_query += len > 0;
		text += len + (text[len] == '&');
	}
	return t->query != NULL;
}

/* --- headers --- */
struct counted {
	size_t headers, host, length, encoding, type, origin;
	bool malformed;
};

/* RFC 9110's token. libmicrohttpd takes "Content-Length : 5" for a field of another name, and its body for the next request. */
static bool is_token(const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (text[i] <= ' ' || text[i] > '~' || strchr("\"(),/:;<=>?@[\\]{}", text[i]))
			return false;
	return len > 0;
}

static bool is_plain(const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (((unsigned char)text[i] < ' ' && text[i] != '\t') || text[i] == 127)
			return false;
	return true;
}

static enum MHD_Result count(void *ctx, enum MHD_ValueKind kind, const char *name, size_t name_len, const char *value,
                             size_t value_len)
{
	struct counted *c = ctx;
	const struct {
		const char *name;
		size_t *n;
	} once[] = { { "host", &c->host },
		     { "content-length", &c->length },
		     { "transfer-encoding", &c->encoding },
		     { "content-type", &c->type },
		     { "origin", &c->origin } };

	(void)kind;
	c->headers++;
	c->malformed |= !is_token(name, name_len) || !is_plain(value ? value : "", value ? value_len : 0);
	for (size_t i = 0; i < GATE_ARRAY_LEN(once); i++)
		*once[i].n += strcasecmp(name, once[i].name) == 0;
	return MHD_YES;
}

static const char *header(const struct talk *t, const char *name)
{
	return MHD_lookup_connection_value(t->conn->mhd, MHD_HEADER_KIND, name);
}

bool gate_talk_has_body(const struct talk *t)
{
	const char *length = header(t, "content-length");

	return header(t, "transfer-encoding") || (length && strcmp(length, "0") != 0);
}

static bool refuse(struct gate_http_answer *a, int status, const char *text)
{
	gate_http_say(a, status, "%s", text);
	return false;
}

/* Sizes and counts; what could make two readers of the same bytes see two different requests. */
static bool check_form(struct talk *t, struct gate_http_answer *a)
{
	const union MHD_ConnectionInfo *size =
	    MHD_get_connection_info(t->conn->mhd, MHD_CONNECTION_INFO_REQUEST_HEADER_SIZE);
	const char *length = header(t, "content-length"), *encoding = header(t, "transfer-encoding");
	struct counted n = { 0 };
	uint64_t bytes = 0;

	MHD_get_connection_values_n(t->conn->mhd, MHD_HEADER_KIND, count, &n);
	if (n.headers > HTTP_HEADERS_MAX)
		return refuse(a, MHD_HTTP_REQUEST_HEADER_FIELDS_TOO_LARGE, "more than 64 header fields");
	if (size && size->header_size > HTTP_HEADER_MAX)
		return refuse(a, MHD_HTTP_REQUEST_HEADER_FIELDS_TOO_LARGE, "a header of more than 16 KiB");
	if (n.malformed)
		return refuse(a, 400, "a header field with a name that is none, or a value with control bytes");
	if (n.host > 1 || n.length > 1 || n.encoding > 1 || n.type > 1 || n.origin > 1)
		return refuse(a, 400, "a header field that may be there once is there twice");
	if (length && encoding)
		return refuse(a, 400, "both Content-Length and Transfer-Encoding");
	if (encoding && t->old)
		return refuse(a, 400, "a Transfer-Encoding in HTTP/1.0");
	if (encoding && strcasecmp(encoding, "chunked") != 0)
		return refuse(a, 400, "a Transfer-Encoding that is not 'chunked'");
	if (length && gate_u64_parse(length, strlen(length), UINT64_MAX, &bytes) < 0)
		return refuse(a, 400, "a Content-Length that is no number");
	if (bytes > HTTP_BODY_MAX)
		return refuse(a, 413, "a body of more than 1 MiB");
	return true;
}

bool gate_talk_read(struct talk *t, struct gate_http_answer *a)
{
	size_t len = strcspn(t->uri, "?#");

	if (!check_form(t, a))
		return false;
	if (t->uri[0] != '/' || t->uri[len] == '#')
		return refuse(a, 400, "an address that does not begin with '/' or has a '#'");
	t->path = decode(&t->arena, t->uri, len, false);
	if (!t->path || !read_query(t, t->uri + len + (t->uri[len] == '?')))
		return refuse(a, 400, "an address with a bad escape");
	return true;
}

/* --- from where --- */

/* "name", "name:port", "[::1]:port" against the names that are us; those that have a port themselves are compared with it. */
static bool is_us(const struct gate_http *h, const char *host)
{
	const char *colon = strrchr(host, ':');
	size_t len = colon && !strchr(colon, ']') ? (size_t)(colon - host) : strlen(host);

	for (size_t i = 0; h->hosts && h->hosts[i]; i++)
		if ((strlen(h->hosts[i]) == len && strncasecmp(h->hosts[i], host, len) == 0) ||
		    strcasecmp(h->hosts[i], host) == 0)
			return true;
	return false;
}

/* A page of somebody else in a browser of somebody who may: it cannot forge these. */
static bool check_browser(struct talk *t, struct gate_http_answer *a)
{
	const char *host = header(t, "host"), *origin = header(t, "origin"), *site = header(t, "sec-fetch-site");
	const char *scheme = origin ? strstr(origin, "://") : NULL;

	if (t->conn->side->tls && (!host || !is_us(t->conn->side->http, host)))
		return refuse(a, 403, "the Host header names somebody else");
	if (origin && (!scheme || !is_us(t->conn->side->http, scheme + 3)))
		return refuse(a, 403, "a request from another origin");
	if (site && strcasecmp(site, "same-origin") != 0 && strcasecmp(site, "none") != 0)
		return refuse(a, 403, "a request from another site");
	return true;
}

static bool is_json(const char *type)
{
	size_t len = strcspn(type, "; \t");

	return len == strlen("application/json") && strncasecmp(type, "application/json", len) == 0;
}

static bool check_write(struct talk *t, struct gate_http_answer *a)
{
	const char *type = header(t, "content-type");

	if (gate_talk_has_body(t) && (!type || !is_json(type)))
		return refuse(a, 415, "the body needs Content-Type: application/json");
	if (t->conn->side->tls && !header(t, "x-callgate"))
		return refuse(a, 403, "what changes something needs the header X-Callgate: 1");
	return true;
}

bool gate_talk_allow(struct talk *t, struct gate_http_answer *a)
{
	struct conn *c = t->conn;
	struct gate_http *h = c->side->http;

	if (c->refuse) {
		a->retry_after = 1;
		return refuse(a, c->refuse,
		              c->refuse == 429 ? "too many connections of yours" : "too many connections");
	}
	if (c->side->tls && !(c->peer.subject = gate_tls_subject(c)))
		return refuse(a, 403, "no client certificate that holds");
	if (!check_browser(t, a))
		return false;
	c->peer.rights = h->config.rights(h->config.ctx, &c->peer);
	if (!c->peer.rights)
		return refuse(a, 403, "you may not ask this agent anything");
	t->route = gate_route_find(t, a);
	if (!t->route)
		return false;
	if ((t->route->right & c->peer.rights) != t->route->right)
		return refuse(a, 403, "you may not do that");
	return !t->route->writes || check_write(t, a);
}

/* --- what handlers ask --- */
const char *gate_http_query_next(const struct gate_http_request *r, const char *name, const char *last)
{
	const struct talk *t = r->impl;
	size_t i = 0;

	while (last && i < t->n_query && t->query[i++].value != last)
		;
	for (; i < t->n_query; i++)
		if (strcmp(t->query[i].name, name) == 0)
			return t->query[i].value;
	return NULL;
}

const char *gate_http_query(const struct gate_http_request *r, const char *name)
{
	return gate_http_query_next(r, name, NULL);
}

bool gate_http_query_true(const struct gate_http_request *r, const char *name)
{
	const char *value = gate_http_query(r, name);

	return value && (!*value || strcmp(value, "true") == 0 || strcmp(value, "1") == 0);
}

const char *gate_http_header(const struct gate_http_request *r, const char *name)
{
	return header(r->impl, name);
}

/* One range of an Accept header ("text/html;q=0.5") against a type. */
static bool covers(const char *range, size_t len, const char *type)
{
	size_t name = strcspn(range, ";, \t");
	const char *q = memmem(range, len, "q=0", 3);

	if (q && strspn(q + 3, ".0") == strcspn(q + 3, ";, \t"))
		return false;
	if (name == 3 && strncmp(range, "*/*", 3) == 0)
		return true;
	if (name > 2 && strncmp(range + name - 2, "/*", 2) == 0)
		return strncasecmp(range, type, name - 1) == 0;
	return name == strlen(type) && strncasecmp(range, type, name) == 0;
}

bool gate_http_accepts(const struct gate_http_request *r, const char *type)
{
	const char *accept = header(r->impl, "accept");

	if (!accept || !*accept)
		return true;
	while (*accept) {
		size_t len = strcspn(accept, ",");
		size_t blank = strspn(accept, " \t");
		if (blank < len && covers(accept + blank, len - blank, type))
			return true;
		accept += len + (accept[len] == ',');
	}
	return false;
}
