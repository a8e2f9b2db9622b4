/* launcher.h - the agent's side with rights: the mother, who starts everything else again; the launcher, who talks to
 * keepers and opens files for the front; workers, who launch.
 *
 * STATE (0700, root)
 *   lock      flock: held by the mother; a second agent on this directory ends
 *   workers   flock, shared: held by the mother and each of its workers, so that a new mother takes its inventory only when
 *             no launch of an earlier one can be under way any more
 *   tasks/    the store of containers (container/container.h); a container's name there is its id in the agent
 *   front/    the front's: its database; owned by its user
 *
 * When the launcher dies its workers are ended, and it is started again; its front, whose connection has ended, ends by itself
 * and is started again. When the front dies, only that is started again. When the mother dies, so do all of them (PDEATHSIG);
 * tasks and their keepers live on in every case. */
#ifndef GATE_LAUNCHER_LAUNCHER_H
#define GATE_LAUNCHER_LAUNCHER_H

#include <sys/types.h>

#include "base/base.h"
#include "ipc/ipc.h"

/* The front gets gate_ipc_protocol as its only argument and these descriptors by number. What was not said is /dev/null. */
enum gate_front_fd {
	GATE_FRONT_LAUNCHER = 3, /* struct gate_ipc; its end means: end, you are started again */
	GATE_FRONT_UNIX,         /* listening */
	GATE_FRONT_TCP,          /* listening */
	GATE_FRONT_CERTIFICATE,  /* PEM files */
	GATE_FRONT_KEY,
	GATE_FRONT_CLIENT_CA,
	GATE_FRONT_SETTINGS, /* sealed memfd */
	GATE_FRONT_FDS_END
};

/* Exit status of the front (EX_CONFIG of sysexits.h): the database is damaged or of a newer callgate, or the settings cannot be. What
 * it said tells which; starting it again would not help, so the agent ends. Tasks go on. */
#define GATE_FRONT_HOPELESS 78

struct gate_mother {
	const char *state_dir;  /* absolute; made when it is missing */
	const char *config_dir; /* of profiles; NULL: none */
	const char *images;     /* store of images; NULL: the default of `callgate image` */
	const char *front;      /* program; NULL: "callgate-front" beside this one, or in ../libexec/callgate */
	uid_t front_uid;
	gid_t front_gid;
	const char *unix_path; /* NULL: none */
	gid_t unix_gid;        /* group of the socket, whose mode is 0660 */
	int tcp;               /* a listening socket, or -1 */
	const char *tls[3];    /* certificate, key, client CA; NULL: none */
	const void *settings;  /* for the front */
	size_t settings_len;
};
/* Runs until SIGTERM or SIGINT: 0. -1: it could not be started (the error is one sentence). Diagnostics go to standard error. Must be
 * called by a process with one thread; it is changed for good (signals, environment, working directory). */
int gate_mother_run(const struct gate_mother *m, struct gate_err *err);

/* ship.c: makes the directory of profiles when it is missing; an empty one gets default.json, the built-in default. */
int gate_ship_default(const char *path, struct gate_err *err);

/* --- open.c: files for the front --- */
struct gate_opener {
	int dir;          /* the config directory, or -1 */
	const char *path; /* for people */
	bool plain;       /* tests: as on a kernel without openat2(2) */
};
/* The directory and all above it must be root's and nobody else's to write. */
int gate_opener_init(const char *config_dir, struct gate_opener *ret, struct gate_err *err);
void gate_opener_done(struct gate_opener *o);
/* GATE_OPEN_PROFILE and GATE_OPEN_PROFILES: NOTFOUND, or DENIED with the file or directory and what is wrong with it. */
int gate_open_profile(const struct gate_opener *o, const char *name, int *ret, struct gate_err *err);
int gate_open_profiles(const struct gate_opener *o, const char *dir, int *ret, struct gate_err *err);
/* A regular file or directory of a tree that its owner may change at any moment: never outside, never through a link. */
int gate_open_beneath(const struct gate_opener *o, int top, const char *path, int *ret, struct gate_err *err);

#endif
