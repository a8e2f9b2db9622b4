/* tls.c - TLS 1.3 with client certificates: demanded in the handshake, verified again before a connection's first request. */
#include <gnutls/gnutls.h>
#include <gnutls/x509.h>

#include "http/server.h"

static gnutls_session_t session_of(struct MHD_Connection *mhd)
{
	const union MHD_ConnectionInfo *info = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_GNUTLS_SESSION);

	return info ? (gnutls_session_t)info->tls_session : NULL;
}

/* libmicrohttpd itself only asks for a certificate and takes a client without one. */
void gate_tls_demand(struct MHD_Connection *mhd)
{
	gnutls_session_t session = session_of(mhd);

	if (!session)
		return;
	gnutls_certificate_server_set_request(session, GNUTLS_CERT_REQUIRE);
	gnutls_session_set_verify_cert(session, NULL, 0);
}

const char *gate_tls_subject(struct conn *c)
{
	gnutls_session_t session = session_of(c->mhd);
	const gnutls_datum_t *chain;
	gnutls_x509_crt_t first;
	size_t size = sizeof(c->subject);
	unsigned n = 0, status = 1;

	if (*c->subject)
		return c->subject;
	if (!session || gnutls_protocol_get_version(session) != GNUTLS_TLS1_3)
		return NULL;
	if (gnutls_certificate_verify_peers2(session, &status) < 0 || status != 0)
		return NULL;
	chain = gnutls_certificate_get_peers(session, &n);
	if (!chain || n == 0 || gnutls_x509_crt_init(&first) < 0)
		return NULL;
	if (gnutls_x509_crt_import(first, &chain[0], GNUTLS_X509_FMT_DER) < 0 ||
	    gnutls_x509_crt_get_dn_by_oid(first, GNUTLS_OID_X520_COMMON_NAME, 0, 0, c->subject, &size) < 0 ||
	    strlen(c->subject) != size)
		*c->subject = 0;
	gnutls_x509_crt_deinit(first);
	return *c->subject ? c->subject : NULL;
}
