/* parts.h - what the files of the launcher share. */
#ifndef GATE_LAUNCHER_PARTS_H
#define GATE_LAUNCHER_PARTS_H

#include "agent/loop.h"
#include "container/store.h"
#include "launcher/launcher.h"

/* One line for standard error. */
void gate_say_agent(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* --- worker.c: one thing done without a filter, in a process of its own that ends with its mother --- */
struct gate_worker {
	uint32_t type;    /* GATE_IPC_LAUNCH, EXEC, REMOVE, or INVENTORY: clean up after keepers that were killed */
	const char *name; /* of the container */
	int task;         /* sealed memfd, or -1 */
	int answer;       /* gets one message: LAUNCHED, EXEC_DONE, DONE or REFUSED */
	const char *tasks, *images;
};
void gate_worker_run(const struct gate_worker *w);
/* The container of this name. NOTFOUND. */
int gate_find_named(struct gate_store *s, const char *name, struct gate_entry *ret, struct gate_err *err);

/* --- launcher.c: all of the launcher; in a process of its own, whose descriptors 3 and above are closed but for `mother` --- */
struct gate_launcher_setup {
	int mother; /* WORK goes there, FRONT comes from there */
	const char *tasks, *config_dir;
};
int gate_launcher_run(const struct gate_launcher_setup *s);

/* A container as it is known. What is not needed to watch it stays on disk. */
enum gate_phase {
	GATE_PHASE_LAUNCHING, /* a worker is at it */
	GATE_PHASE_SETTLING,  /* its keeper is at it, or has just gone: looked at again soon */
	GATE_PHASE_RUNNING,   /* `keeper` will tell the end */
	GATE_PHASE_LOSING,    /* its keeper was killed: what it left is being cleaned up */
	GATE_PHASE_ENDED,
	GATE_PHASE_LOST
};
struct gate_launcher;
struct gate_held {
	struct gate_launcher *l;
	char name[GATE_IPC_NAME_MAX + 1], id[65];
	enum gate_phase phase;
	bool rebooted;
	bool waited_for; /* LAUNCHED is owed: to `serial`, or as an event */
	uint64_t serial; /* of the LAUNCH that is to be answered; 0: whoever asked is gone */
	bool kill;       /* as soon as it runs: `kill_signal`, `kill_ms` */
	int64_t kill_signal, kill_ms;
	char *why;  /* it did not start: the sentence */
	int keeper; /* a connection that waits for the end, or -1 */
	struct gate_watch *watch;
	struct gate_timer again;        /* to look at it */
	struct gate_held *next, **back; /* all, oldest first */
	struct gate_held *same;         /* in the same slot of the table */
};

/* A message that waits for the front to read. */
struct gate_letter {
	struct gate_letter *next;
	uint32_t type;
	uint64_t serial;
	int64_t a, b;
	size_t len;
	int fd;
	char bytes[];
};

#define GATE_HELD_SLOTS 4096
struct gate_work;
struct gate_launcher {
	struct gate_loop *loop;
	struct gate_store *store;
	struct gate_opener opener;
	uint8_t boot_id[16];
	int mother, front;
	struct gate_watch *mother_watch, *front_watch;
	bool front_out;     /* room in its socket is waited for */
	bool ready;         /* the first inventory has been taken */
	uint64_t front_age; /* one more for each front: answers to earlier ones are for nobody */
	struct gate_letter *letters, **letters_end;
	struct gate_held *held, **held_end, *slots[GATE_HELD_SLOTS];
	/* The inventory that is being told: the next one, and its serial. */
	struct gate_held *telling;
	bool is_telling, telling_ends;
	uint64_t telling_serial;
	struct gate_work *works, *queue, **queue_end;
	uint64_t last_work; /* number */
	unsigned busy[3];   /* workers: of launches, of commands, of removals */
	bool sweeping, sweep_again;
	struct gate_timer sweep_timer;
};

/* launcher.c */
void gate_launcher_tell(struct gate_launcher *l, uint32_t type, uint64_t serial, int64_t a, int64_t b,
                        const void *bytes, size_t len, int fd);
void gate_launcher_refuse(struct gate_launcher *l, uint64_t serial, const struct gate_err *err);

/* held.c */
struct gate_held *gate_held_find(struct gate_launcher *l, const char *name);
struct gate_held *gate_held_add(struct gate_launcher *l, const char *name);
void gate_held_drop(struct gate_held *c);
/* Finds out by the store what has become of it, tells what the front does not know, and goes on watching. */
void gate_held_look(struct gate_held *c);
/* After a sweep: those that were LOSING are LOST. */
void gate_held_swept(struct gate_launcher *l);
/* For the front: as it is now. */
void gate_held_tell(struct gate_held *c, uint32_t type, uint64_t serial);
/* All containers of the store, after the first sweep. */
int gate_held_inventory(struct gate_launcher *l, struct gate_err *err);
/* To the keeper, by a connection of its own. False: it does not run, nothing was sent. */
bool gate_held_kill(struct gate_held *c, int64_t signal, int64_t ms, uint64_t serial);

/* work.c: asking the mother for workers */
int gate_work_ask(struct gate_launcher *l, uint32_t type, const char *name, uint64_t serial, int task);
/* The launch of this container is to end, whatever it is at: its worker is killed. Its end is heard as any worker's. */
void gate_work_cut(struct gate_launcher *l, const char *name);
void gate_work_sweep(struct gate_launcher *l);
/* Launches do not sweep (gate_store_swept_by_other): whenever something may be left behind, it is asked for here. */
void gate_work_sweep_later(struct gate_launcher *l);
void gate_work_front_gone(struct gate_launcher *l);

/* stats.c */
int gate_held_stats(struct gate_held *c, struct gate_ipc_stats *ret, struct gate_err *err);

/* filter.c: profiles/agent-launcher.json. 0 or -errno. */
int gate_launcher_filter(void);

#endif
