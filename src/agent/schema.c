#include "agent/schema.h"

/* Version 1: each module has its tables in a macro of its own. Once released, a change is a further migration. */
#define TASKS                                                                                                           \
	"CREATE TABLE tasks ("                                                                                          \
	" seq INTEGER PRIMARY KEY,"                                                                                     \
	" id TEXT NOT NULL UNIQUE, container TEXT NOT NULL UNIQUE, parent TEXT,"                                        \
	" owner INTEGER NOT NULL, owner_id TEXT NOT NULL, version TEXT NOT NULL,"                                       \
	" name TEXT NOT NULL, user TEXT NOT NULL, command TEXT NOT NULL,"                                               \
	" profile TEXT NOT NULL, unconfined INTEGER NOT NULL, text_digest TEXT NOT NULL, meaning_digest TEXT NOT NULL," \
	" cpus TEXT NOT NULL, mem_mib INTEGER NOT NULL, disk_mib INTEGER NOT NULL,"                                     \
	" ports TEXT NOT NULL, labels TEXT NOT NULL, extra TEXT, client TEXT NOT NULL,"                                 \
	" state INTEGER NOT NULL, cause INTEGER NOT NULL, message TEXT NOT NULL, wait_status INTEGER,"                  \
	" staged_ms INTEGER NOT NULL, started_ms INTEGER NOT NULL, ended_ms INTEGER NOT NULL,"                          \
	" kill_asked INTEGER NOT NULL, kill_signal INTEGER NOT NULL, kill_ms INTEGER NOT NULL,"                         \
	" health INTEGER NOT NULL, denials TEXT, denied INTEGER NOT NULL, pid INTEGER NOT NULL"                         \
	") STRICT;"

/* Ids without a gap: the next one is the newest and one. */
#define EVENTS "CREATE TABLE events (id INTEGER PRIMARY KEY, type TEXT NOT NULL, data TEXT NOT NULL) STRICT;"

/* Who did what: written with the change that it was. */
#define AUDIT                                                                                                             \
	"CREATE TABLE audit (id INTEGER PRIMARY KEY, at_ms INTEGER NOT NULL, client TEXT NOT NULL, method TEXT NOT NULL," \
	" path TEXT NOT NULL, status INTEGER NOT NULL) STRICT;"

/* What tasks were started with (agent/profile_text.c): a profile's bytes and its program, for as long as a task names them. */
#define PROFILES                                                                                                       \
	"CREATE TABLE profile_texts (digest TEXT PRIMARY KEY, text BLOB NOT NULL) STRICT;"                             \
	"CREATE TABLE profile_programs (meaning TEXT PRIMARY KEY, flags INTEGER NOT NULL, program BLOB NOT NULL) "     \
	"STRICT;"

/* What this agent is (src/mesos): its id, and what it had when tasks were started. */
#define AGENT_INFO "CREATE TABLE agent_info (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;"

/* Jobs, their active runs and those runs' tasks; what has ended. Times are wall milliseconds, 0: none. */
#define METRONOME                                                                                                      \
	"CREATE TABLE metronome_jobs ("                                                                                \
	" id TEXT PRIMARY KEY NOT NULL, spec TEXT NOT NULL, rights INTEGER NOT NULL, client TEXT NOT NULL,"            \
	" successes INTEGER NOT NULL, failures INTEGER NOT NULL, last_success_ms INTEGER NOT NULL,"                    \
	" last_failure_ms INTEGER NOT NULL, started INTEGER NOT NULL, ended INTEGER NOT NULL,"                         \
	" ended_well INTEGER NOT NULL, next_ms INTEGER NOT NULL, planned_ms INTEGER NOT NULL) STRICT;"                 \
	"CREATE TABLE metronome_runs ("                                                                                \
	" job TEXT NOT NULL, id TEXT NOT NULL, status INTEGER NOT NULL, spec TEXT NOT NULL, rights INTEGER NOT NULL,"  \
	" client TEXT NOT NULL, created_ms INTEGER NOT NULL, deadline_ms INTEGER NOT NULL,"                            \
	" relaunch_ms INTEGER NOT NULL, quick INTEGER NOT NULL, PRIMARY KEY (job, id)) STRICT;"                        \
	"CREATE TABLE metronome_tasks ("                                                                               \
	" seq INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, job TEXT NOT NULL, run TEXT NOT NULL,"                     \
	" state INTEGER NOT NULL, started_ms INTEGER NOT NULL, completed_ms INTEGER NOT NULL) STRICT;"                 \
	"CREATE INDEX metronome_tasks_of ON metronome_tasks (job, run);"                                               \
	"CREATE TABLE metronome_history ("                                                                             \
	" seq INTEGER PRIMARY KEY, job TEXT NOT NULL, id TEXT NOT NULL, good INTEGER NOT NULL,"                        \
	" created_ms INTEGER NOT NULL, finished_ms INTEGER NOT NULL, tasks TEXT NOT NULL, failure TEXT) STRICT;"       \
	"CREATE INDEX metronome_history_of ON metronome_history (job, good, seq);"

/* src/marathon/store.c */
#define MARATHON                                                                                                       \
	"CREATE TABLE marathon_apps (id TEXT PRIMARY KEY, version INTEGER NOT NULL, deleted INTEGER NOT NULL,"         \
	" delay_at INTEGER NOT NULL, delay_ns INTEGER NOT NULL, delay_config INTEGER NOT NULL, failure TEXT) STRICT;"  \
	"CREATE TABLE marathon_versions (app TEXT NOT NULL, version INTEGER NOT NULL, definition TEXT NOT NULL,"       \
	" client TEXT NOT NULL, rights INTEGER NOT NULL, PRIMARY KEY (app, version)) STRICT, WITHOUT ROWID;"           \
	"CREATE TABLE marathon_instances (id TEXT PRIMARY KEY, app TEXT NOT NULL, version INTEGER NOT NULL,"           \
	" incarnation INTEGER NOT NULL, stopping INTEGER NOT NULL, doomed INTEGER NOT NULL, task TEXT,"                \
	" since INTEGER NOT NULL) STRICT;"                                                                             \
	"CREATE TABLE marathon_deployments (id TEXT PRIMARY KEY, seq INTEGER NOT NULL, version INTEGER NOT NULL,"      \
	" step INTEGER NOT NULL) STRICT;"                                                                              \
	"CREATE TABLE marathon_actions (deployment TEXT NOT NULL, step INTEGER NOT NULL, place INTEGER NOT NULL,"      \
	" kind INTEGER NOT NULL, app TEXT NOT NULL, was INTEGER NOT NULL, becomes INTEGER NOT NULL,"                   \
	" PRIMARY KEY (deployment, step, place)) STRICT, WITHOUT ROWID;"

static const char *const migrations[] = {
	TASKS EVENTS AUDIT PROFILES AGENT_INFO METRONOME MARATHON,
};

const struct gate_db_schema gate_schema = { migrations, (int)GATE_ARRAY_LEN(migrations) };
