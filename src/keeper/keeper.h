/* keeper.h - what one keeper holds, and who does what with it. Private to src/keeper.
 *
 * Receive (receive.c) -> start (start.c) -> the loop (loop.c): output (output.c), clients (client.c), refused calls
 * (denials.c) -> the end (end.c), written down (store.c). One thread, no allocation: everything is in one struct gate_keeper of
 * fixed size, most of whose pages are never touched. */
#ifndef GATE_KEEPER_KEEPER_H
#define GATE_KEEPER_KEEPER_H

#include <sys/resource.h>

#include "keeper/log.h"
#include "kernel/audit_wire.h"
#include "launch/cgroup_end.h"
#include "launch/launch.h"
#include "task/plan.h"
#include "task/record.h"

/* Clients at once. Those that wait or are attached may fill all but CLIENTS_SPARE, so that a stop always gets through. */
#define GATE_KEEPER_CLIENTS 16
#define GATE_KEEPER_SPARE   4
/* What is left in a pipe of usual size when the task ends fits behind a chunk that clients have not taken yet. */
#define GATE_KEEPER_CHUNK  GATE_FRAME_BYTES_MAX
#define GATE_KEEPER_BUFFER (GATE_KEEPER_CHUNK + 65536)

#define GATE_NEVER UINT64_MAX

struct gate_keeper_stream {
	int fd; /* the keeper's end, -1: none, or ended */
	uint32_t number, len;
	uint64_t after_end; /* bytes read since the task ended */
	unsigned char *bytes;
};

struct gate_keeper_client {
	int fd; /* -1: free */
	bool attached, waits, starter;
	bool full;         /* its socket takes no more for now */
	bool input_waits;  /* the INPUT frame at the head of its queue waits for room in the task's standard input */
	uint32_t input_at; /* how much of that frame is written */
	uint32_t sent[2];  /* how much of each stream's buffer it has got */
	uint64_t active_ms;
	struct {
		uint32_t type; /* 0: none waits to be sent */
		uint64_t a, b;
	} reply;
};

struct gate_keeper_denials {
	int fd, ask;
	bool same_pids; /* the kernel's records number processes as the keeper sees them */
	bool log;       /* the filter was loaded with LOG: a report is claimed to be complete */
	bool narrow;    /* the socket passes on just the task's records */
	bool fence_sent;
	char fence[40];
	uint32_t overflows;
	uint64_t next_ms; /* not looked at before: one task's records must not keep the keeper busy */
	struct gate_audit_answers answers;
};

struct gate_keeper {
	struct gate_plan_view view;
	struct gate_plan *plan;
	size_t plan_size;
	int fds[GATE_PLAN_FDS_MAX];
	struct gate_launch_report *report; /* shared with the child */
	struct gate_launched task;
	struct gate_record record;
	struct gate_keeper_stream streams[2];
	int in;               /* standard input's writing end, or the terminal; -1: none */
	int signals;          /* signalfd */
	bool signals_default; /* all dispositions are */
	struct gate_keeper_client clients[GATE_KEEPER_CLIENTS];
	struct gate_log log;
	struct gate_keeper_denials denials;
	uint64_t kill_ms, timeout_ms; /* monotonic, GATE_NEVER */
	bool over;                    /* the task has ended, and that was told */
};

/* receive.c: NULL, or a constant sentence that says what is wrong with the message (*sys its errno, 0 with NULL when the
 * starter has gone and there is nothing to do). */
const char *gate_keeper_receive(struct gate_keeper *k, int socket, int *sys);
/* The first thing: nothing of the starter's stays but 0, 1, 2 and `socket`. */
int gate_keeper_settle(struct gate_keeper *k, int socket);

/* start.c: what a start needs besides its plan, before that has come. */
void gate_keeper_warm(struct gate_keeper *k);
/* 0, 1 and 2 become /dev/null; -errno: they are closed. */
int gate_keeper_let_go(void);
/* True when the program runs; else the record says why not. */
bool gate_keeper_start(struct gate_keeper *k);
/* Gives up what is not needed from here on. 0 or -errno. */
int gate_keeper_confine(struct gate_keeper *k);

/* loop.c */
void gate_keeper_loop(struct gate_keeper *k);
void gate_keeper_stop(struct gate_keeper *k, uint32_t sig, uint64_t ms);
int gate_keeper_signal(struct gate_keeper *k, int sig, bool all);
uint64_t gate_keeper_now_ms(void);
uint64_t gate_keeper_time_ns(void);

/* output.c */
void gate_output_init(struct gate_keeper *k);
/* Reads what is there, when all attached clients have what was read before; logs and sends it. */
void gate_output_pump(struct gate_keeper *k, struct gate_keeper_stream *s);
bool gate_output_wanted(const struct gate_keeper *k, const struct gate_keeper_stream *s);
/* Sends a client what it has not got. */
void gate_output_push(struct gate_keeper *k, struct gate_keeper_client *c);
/* The task has ended: takes what is left as far as it fits, without waiting for a client. */
void gate_output_drain(struct gate_keeper *k);
bool gate_output_owes(const struct gate_keeper *k, const struct gate_keeper_client *c);

/* client.c */
void gate_clients_init(struct gate_keeper *k, int starter);
void gate_client_accept(struct gate_keeper *k, uint64_t now);
/* False when there is no room, and nobody may be sent away yet. */
bool gate_client_room(struct gate_keeper *k, uint64_t now);
void gate_client_serve(struct gate_keeper *k, struct gate_keeper_client *c);
void gate_client_flush(struct gate_keeper *k, struct gate_keeper_client *c);
void gate_client_drop(struct gate_keeper *k, struct gate_keeper_client *c);
void gate_clients_foretell(struct gate_keeper *k);
/* 1 sent, 0 no room now, -1 the client is gone. `pass`: a descriptor to send along, or -1. */
int gate_frame_put(int fd, uint32_t type, uint64_t a, uint64_t b, const void *bytes, uint32_t len, int pass);

/* request.c: 0, or the errno that refuses it. Pure. */
int gate_request_check(const void *bytes, size_t n, struct gate_frame *ret);

/* denials.c */
void gate_denials_start(struct gate_keeper *k);
void gate_denials_look(struct gate_keeper *k, uint64_t now);
void gate_denials_fence(struct gate_keeper *k);
void gate_denials_finish(struct gate_keeper *k);

/* end.c: the first process has ended (or there never was one). */
void gate_keeper_end(struct gate_keeper *k, int status, const struct rusage *usage);

/* store.c */
int gate_store_write_record(int dir, const struct gate_record *r);
/* Removes a directory with all that is in it; follows no link. 0 or -errno. */
int gate_store_remove_tree(int parent, const char *name);
/* At most size - 1 bytes of a file; -errno. */
int gate_store_read(int dir, const char *name, char *ret, size_t size);

/* filter.c: the keeper's own, from keeper.json. 0 or -errno. */
int gate_keeper_filter(void);

#endif
