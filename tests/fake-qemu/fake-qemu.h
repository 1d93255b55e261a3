/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A program that replaces QEMU; the runner gets it with --qemu. It speaks QMP on file descriptor 3
 * and has a guest's console on standard input and output (docs/protocol.md). Its guest consists of
 * a few numbers, which it "migrates". The environment variable FERRY_FAKE names a script: what goes
 * wrong, at which moment, in which process. Without it nothing goes wrong. With "failing:" before
 * the script's name, the guest's test fails as well.
 */
#ifndef FERRY_TESTS_FAKE_QEMU_H
#define FERRY_TESTS_FAKE_QEMU_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define QMP_FD	   3
#define NS_PER_SEC INT64_C(1000000000)
#define NS_PER_MS  INT64_C(1000000)

#define PAGES_IN_RAM 32768

/* QEMU's exit status when the guest writes STATUS to isa-debug-exit. */
#define GUEST_EXIT(status) ((status) << 1 | 1)

/* The QMP greeting of a QEMU of this version. */
#define GREETING(major, minor)                                                                     \
	"{\"QMP\": {\"version\": {\"qemu\": {\"micro\": 0, \"minor\": " #minor                     \
	", \"major\": " #major "}, \"package\": \"\"}, \"capabilities\": []}}"

enum role {
	ANY,
	SOURCE,	     /* was started with a guest */
	DESTINATION, /* was started with -incoming */
};

extern enum role role;

/* ---- scripts.c ---- */

/* Chooses the script NAME; exits if there is none. NULL and "" choose none. */
void choose_script(const char *name);
/*
 * Called at a moment when a script may act. Returns TRUE if the usual behaviour should follow.
 * MOMENT is a QMP command, or one of
 *	"start", "greeting"
 *	"hello", "machine", "bye"  the guest is about to write that line
 *	"booted"		   the guest has booted, and its test has not begun
 *	"begun"			   the guest's test has begun
 *	"ended"			   the guest's test has ended, and it may run again
 *	"answered"		   the guest has the answer to its request for an action
 *	"mid-migration"		   the migration is active
 *	"arrived"		   the guest goes on at the destination
 *	"lost-destination"	   the connection to the destination has ended
 *	"late-pages"		   the guest goes on, and some of its memory has not arrived yet
 *	"recovered"		   after a cut and a recovery the rest of its memory comes
 *	"mid-save"		   the guest is about to be written to a file
 *	"background"		   a background snapshot begins, and the guest is about to go on
 *	"goes-on"		   the guest goes on while it is saved
 *	"reset"			   the machine is about to be reset
 */
bool usual(const char *moment);

/* ---- guest.c ---- */

/* The state that is migrated. */
struct guest {
	uint64_t sequence;
	uint64_t sent;
	unsigned step;
	unsigned round;
	unsigned actions;  /* how often it was migrated or saved */
	uint64_t question; /* number of the request that still needs an answer */
	int64_t before;	   /* its clock before the question */
	bool failed;
	/* It suspends the machine with its next request, if SLEEP says so. */
	enum sleep { AWAKE, SLEEPS, SAYS_IT_SLEEPS, SLEEPS_FOR_EVER } sleep;
};

extern struct guest guest;
extern bool guest_runs; /* the guest is in this process, and not stopped */
extern unsigned resets;

/* Scripts change these. */
extern int clock_percent; /* the speed of the guest's clock, in percent of real time */
extern int clock_leap_ms; /* how far it leaps in the first migration */
extern bool test_fails;	  /* the guest's test fails */
extern struct output {
	int lost_bytes, doubled_bytes;
	bool doubled;
} next_output; /* on the console */

/* Runs the guest until it waits for input. INPUT is the line that it waited for, or NULL. */
void run_guest(const char *input);
/* Resets the machine. BY_GUEST: the guest does it, and not a command to its QEMU. */
void reset_guest(bool by_guest);
/* Starts the guest again at its first line, although nothing has reset the machine. */
void restart_guest(void);
/* The guest ends, and with it this process. */
void leave(void);
/* The command system_wakeup. */
void wake_guest(void);
/* The guest asks the runner for WHAT. */
void ask(const char *what);
void print(const char *text);
void machine_line(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* ---- monitor.c ---- */

extern struct monitor {
	const char *command; /* the line of JSON that is being carried out */
	char answer_id[32];  /* its answer has to repeat this member */
	const char *status;  /* the answer to query-status */
	int stamp_seconds;   /* is added to the time of events */
} monitor;

/* Carries out one line from the runner. */
void obey(const char *line);
/* Writes one line of JSON. */
void say(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* DATA is JSON, or "". */
void event(const char *name, const char *data);

/* ---- migration.c ---- */

extern struct migration {
	bool postcopy, background; /* capabilities that were set */
	bool slow;		   /* the bandwidth is so small that it does not end by itself */
	bool waits_for_leave;	   /* capability pause-before-switchover */
	bool cuttable;		   /* a post-copy migration does not end before it was cut */
	bool arrives_stopped;	   /* the guest does not run until `cont` */
	char *destination;	   /* the path that the guest goes to */
	int file;		   /* the one that came with getfd, or -1 */
	int slow_stream;	   /* the connection of a slow migration, or -1 */
	int late_stream;	   /* the connection of a post-copy migration, or -1 */
	/* Scripts change these. */
	bool keeps_memory_back; /* a post-copy migration leaves memory for later */
	const char *failure;	/* the error-desc of query-migrate's answer */
} migration;

void migration_event(const char *status);
void send_guest(const char *path);
void start_postcopy(void);
void go_on_sending(const char *path);
void receive_guest(const char *path);
void go_on_receiving(const char *path);
void save_guest(void);
void restore_guest(int file);
/* Ends a slow migration without success, with this status. */
void break_off(const char *status);
/*
 * Ends the stream of a post-copy migration early, on purpose or because the other side has ended
 * it.
 */
void cut_stream(void);
void tell_figures(void);

/* Returns a connection. If nobody listens there, returns -1 and says why on stderr. */
int connect_to(const char *path);

/* ---- main.c ---- */

int64_t now_ns(void);
/* Ends the process if the other side has gone. */
void write_all(int fd, const char *bytes, size_t length);

#endif
