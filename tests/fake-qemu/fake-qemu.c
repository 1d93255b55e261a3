// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Stands in for QEMU, to be given to the runner with --qemu: it speaks QMP on file
 * descriptor 3 and a guest's console on standard input and output
 * (docs/protocol.md), and "migrates" the few numbers that its guest consists of.
 * The environment variable FERRY_FAKE names a script: at which moment, in which
 * process, what goes wrong. Without it all goes well.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/personality.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define QMP_FD	     3
#define NS_PER_SEC   INT64_C(1000000000)
#define NS_PER_MS    INT64_C(1000000)
#define PAGES_IN_RAM 32768

/* Between two clock marks, so that a clock which does not go is told from rounding. */
#define WORK_MS 20

/* How isa-debug-exit makes an exit status of what the guest writes. */
#define GUEST_EXIT(status) ((status) << 1 | 1)

enum role {
	ANY,
	SOURCE,	     /* was started with a guest */
	DESTINATION, /* was started with -incoming */
};

struct script {
	const char *name;
	enum role role;
	/*
	 * A QMP command, or "start", "greeting", "hello", "bye" (the guest is about to
	 * say so), "mid-move" (the migration is active), "arrived" (the guest goes on here),
	 * "mid-save" (the guest is about to be written to a file),
	 * "lost-destination" (a move's other side has gone),
	 * "background" (the guest goes on while it is saved), "goes-on" (it does so now),
	 * "answered" (it has the answer to its request to be moved),
	 * "late-pages" (it does so, and not all of its memory has come),
	 * "mended" (the rest of its memory comes, after a cut),
	 * "reset" (the machine is about to be), "machine" (the guest is about to tell of it).
	 */
	const char *moment;
	/* Returns whether what is usual at the moment happens as well. */
	bool (*act)(const struct script *script);
	int number;
	const char *text;
};

/* All that travels in a move. */
struct guest {
	uint64_t sequence;
	uint64_t sent;
	unsigned step;
	unsigned round;
	unsigned moves;
	uint64_t question; /* that it waits for the answer to */
	int64_t before;	   /* its clock before the question */
};

static const struct script *script;
static enum role role = SOURCE;
static struct guest guest;
static bool runs;  /* the guest is here, and not stopped */
static bool waits; /* a guest that comes does not run until it is told to */
static unsigned resets;
static const char *status = "running"; /* that query-status tells */
static const char *command_text;       /* the line of JSON that is obeyed */
static bool postcopy;		       /* its capability was set */
static bool background;		       /* likewise of background-snapshot */
static char *destination;	       /* where the guest is to go */
static int file = -1;		       /* that came with getfd */
static bool slow;		       /* moves are so slow that they never end */
static int flight = -1;		       /* the connection of such a move */
static bool cuttable;		       /* post-copy moves do not end before they were cut */
static int late = -1;		       /* the connection of one whose memory still comes */
static char answer_id[32];	       /* of the command, as its answer has to repeat it */

/* What scripts change. */
static int stamp_seconds;	/* added to the time of events */
static int clock_percent = 100; /* of the speed of real time */
static int leap_ms;		/* of the clock, in the first move */
static int drop, repeat;	/* bytes of the next console output */
static bool repeat_line;
static bool keeps_memory_back = true; /* in a post-copy move */
static const char *failure = "";      /* that query-migrate tells */

static int64_t now_ns(clockid_t id)
{
	struct timespec now;

	clock_gettime(id, &now);
	return now.tv_sec * NS_PER_SEC + now.tv_nsec;
}

/* Whether what is usual at MOMENT happens. */
static bool usual(const char *moment)
{
	if (!script || strcmp(script->moment, moment) ||
	    (script->role != ANY && script->role != role))
		return true;
	return script->act(script);
}

static void write_all(int fd, const char *bytes, size_t length)
{
	while (length) {
		ssize_t written = write(fd, bytes, length);

		if (written < 0 && errno == EINTR)
			continue;
		if (written <= 0)
			exit(0); /* the runner has gone */
		bytes += written;
		length -= written;
	}
}

/* ---- QMP ---- */

static __attribute__((format(printf, 1, 2))) void say(const char *format, ...)
{
	char line[4096];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(line, sizeof(line) - 2, format, arguments);
	va_end(arguments);
	strcat(line, "\r\n");
	write_all(QMP_FD, line, strlen(line));
}

static void event(const char *name, const char *data)
{
	struct timeval now;

	gettimeofday(&now, NULL);
	say("{\"timestamp\": {\"seconds\": %lld, \"microseconds\": %ld}, \"event\": \"%s\"%s%s}",
	    (long long)now.tv_sec + stamp_seconds, (long)now.tv_usec, name,
	    *data ? ", \"data\": " : "", data);
}

static void migration_event(const char *status)
{
	char data[64];

	snprintf(data, sizeof(data), "{\"status\": \"%s\"}", status);
	event("MIGRATION", data);
}

/* ---- the guest ---- */

static int64_t guest_clock(void)
{
	return now_ns(CLOCK_MONOTONIC) / 100 * clock_percent +
	       (guest.moves ? leap_ms * NS_PER_MS : 0);
}

static void print(const char *text)
{
	size_t length = strlen(text);

	guest.sent += length;
	write_all(STDOUT_FILENO, text, repeat);
	write_all(STDOUT_FILENO, text + drop, length - drop);
	if (repeat_line)
		write_all(STDOUT_FILENO, text, length);
	drop = repeat = repeat_line = 0;
}

static __attribute__((format(printf, 1, 2))) void machine_line(const char *format, ...)
{
	char line[512];
	va_list arguments;
	int head = snprintf(line, sizeof(line), "@%llu+%llu ", (unsigned long long)++guest.sequence,
			    (unsigned long long)guest.sent);

	va_start(arguments, format);
	vsnprintf(line + head, sizeof(line) - head - 1, format, arguments);
	va_end(arguments);
	strcat(line, "\n");
	print(line);
}

static void ask(const char *what)
{
	machine_line("ask what=%s", what);
	guest.question = guest.sequence;
}

static void leave(void)
{
	print("SUMMARY: 1 tests\n");
	if (usual("bye"))
		machine_line("bye status=0");
	exit(GUEST_EXIT(0));
}

static void work(void)
{
	struct timespec span = { .tv_nsec = WORK_MS * NS_PER_MS };

	nanosleep(&span, NULL);
}

static void clock_mark(void)
{
	machine_line("got answer=%llu", (unsigned long long)guest.question);
	machine_line("mark name=clock clock=fake cpu=0 before=%lld after=%lld answer=%llu",
		     (long long)guest.before, (long long)guest_clock(),
		     (unsigned long long)guest.question);
	work();
}

static void step_hello(const char *input)
{
	if (usual("hello"))
		machine_line("hello protocol=1 program=fake cpus=1 tests=1");
	ask("boot");
}

static void step_booted(const char *input)
{
	/* One that was meant for the last boot would be another's. */
	if (input[0] != '=' || strtoull(input + 1, NULL, 10) != guest.question)
		print("FAIL: the answer is to another question\n");
	machine_line("got answer=%llu", (unsigned long long)guest.question);
	if (strstr(input, "state=1") && usual("machine"))
		machine_line("machine cpu=0 one=0x1 two=0x2");
}

static void step_begin(const char *input)
{
	machine_line("begin test=fake cpu=0 round=%u", ++guest.round);
	print("PASS: the fake guest runs\n");
	guest.before = guest_clock();
	ask("time");
}

static void step_migrate(const char *input)
{
	clock_mark();
	print("Now migrate the VM (quiet)\n");
}

static void step_moved(const char *input)
{
	usual("answered");
	machine_line("got answer=0");
	guest.before = guest_clock();
	ask("time");
}

static void step_end(const char *input)
{
	clock_mark();
	machine_line("end test=fake cpu=0 round=%u verdict=pass checks=1", guest.round);
	ask("more");
}

static void step_more(const char *input)
{
	machine_line("got answer=%llu", (unsigned long long)guest.question);
	if (!strstr(input, "more=1"))
		leave();
}

/* Each step but the last two ends in a wait for a line of input, which the next step gets. */
static const struct step {
	void (*run)(const char *input);
	bool waits; /* for input, before it runs */
} steps[] = {
	{ step_hello },	      { step_booted, true }, { step_begin },	  { step_migrate, true },
	{ step_moved, true }, { step_end, true },    { step_more, true },
};

#define FIRST_STEP_OF_ROUND 2

/* Runs the guest until it waits for input; INPUT is what it waited for, or NULL. */
static void run_guest(const char *input)
{
	while (runs && (!steps[guest.step].waits || input)) {
		const struct step *step = &steps[guest.step];

		guest.step = guest.step + 1 < sizeof(steps) / sizeof(*steps) ? guest.step + 1
									     : FIRST_STEP_OF_ROUND;
		step->run(input);
		input = NULL;
	}
}

/* ---- moves ---- */

static int open_socket(const char *path, int (*join)(int, const struct sockaddr *, socklen_t))
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	if (fd < 0 || join(fd, (struct sockaddr *)&address, sizeof(address)) < 0) {
		fprintf(stderr, "fake-qemu: %s: %s\n", path, strerror(errno));
		exit(2);
	}
	return fd;
}

static void hand_over_guest(const char *path)
{
	int fd = open_socket(path, connect);
	char arrived;

	if (postcopy && keeps_memory_back)
		migration_event("postcopy-active");
	event("STOP", "");
	runs = false;
	guest.moves++;
	if (cuttable) {
		if (write(fd, &guest, sizeof(guest)) == sizeof(guest))
			late = fd;
		return;
	}
	/* If the destination dies, it is the runner that says so. */
	if (write(fd, &guest, sizeof(guest)) == sizeof(guest) && read(fd, &arrived, 1) == 1)
		migration_event("completed");
	else if (postcopy)
		migration_event("postcopy-paused");
	close(fd);
}

static void send_guest(const char *path)
{
	say("{\"return\": {}}");
	migration_event("setup");
	migration_event("active");
	free(destination);
	destination = strdup(path);
	if (!usual("mid-move") || postcopy)
		return;
	if (slow)
		flight = open_socket(path, connect);
	else
		hand_over_guest(path);
}

/* A move in mid-flight ends, and not well. */
static void break_off(const char *status)
{
	close(flight);
	flight = -1;
	migration_event(status);
}

static void start_postcopy(void)
{
	say("{\"return\": {}}");
	hand_over_guest(destination);
}

static void save_guest(void)
{
	say("{\"return\": {}}");
	migration_event("setup");
	migration_event("active");
	if (!usual("mid-save"))
		return;
	guest.moves++;
	write_all(file, (const char *)&guest, sizeof(guest));
	close(file);
	if (background && usual("background")) {
		event("RESUME", "");
		runs = usual("goes-on");
	}
	migration_event("completed");
}

static void restore_guest(int from)
{
	say("{\"return\": {}}");
	migration_event("setup");
	migration_event("active");
	if (read(from, &guest, sizeof(guest)) != sizeof(guest)) {
		fprintf(stderr, "fake-qemu: the snapshot is too short\n");
		exit(1);
	}
	migration_event("completed");
}

static void receive_guest(const char *path)
{
	int listening, fd;

	unlink(path);
	listening = open_socket(path, bind);
	listen(listening, 1);
	say("{\"return\": {}}");
	migration_event("setup");
	fd = accept(listening, NULL, NULL);
	close(listening);
	if (!usual("mid-move"))
		return;
	if (read(fd, &guest, sizeof(guest)) != sizeof(guest)) {
		fprintf(stderr, "fake-qemu: the stream ended early\n");
		exit(1);
	}
	migration_event("active");
	if (!waits)
		event("RESUME", "");
	if (!usual("late-pages"))
		return;
	if (cuttable) {
		late = fd;
		runs = true;
		run_guest(NULL);
		return;
	}
	migration_event("completed");
	write_all(fd, "y", 1);
	close(fd);
	if (waits)
		return;
	runs = usual("arrived");
	run_guest(NULL);
}

/* The stream of a post-copy move is cut: on purpose here, noticed there. */
static void cut_stream(void)
{
	close(late);
	late = -1;
	migration_event("postcopy-paused");
}

static void go_on_sending(const char *path)
{
	char arrived;
	int fd = open_socket(path, connect);

	say("{\"return\": {}}");
	migration_event("postcopy-recover");
	migration_event("postcopy-active");
	/* It may be cut again; then the destination ends what it has to. */
	if (read(fd, &arrived, 1) == 1)
		migration_event("completed");
	close(fd);
}

static void go_on_receiving(const char *path)
{
	int listening, fd;

	unlink(path);
	listening = open_socket(path, bind);
	listen(listening, 1);
	say("{\"return\": {}%s}", answer_id);
	fd = accept(listening, NULL, NULL);
	close(listening);
	migration_event("postcopy-recover");
	migration_event("postcopy-active");
	if (!usual("mended"))
		return;
	migration_event("completed");
	write_all(fd, "y", 1);
	close(fd);
}

/* By the guest itself, or by whoever talks to its QEMU. */
static void reset_guest(bool by_guest)
{
	event("RESET", by_guest ? "{\"guest\": true, \"reason\": \"guest-reset\"}"
				: "{\"guest\": false, \"reason\": \"host-qmp-system-reset\"}");
	guest = (struct guest){ 0 };
	resets++;
}

static void tell_figures(void)
{
	say("{\"return\": {\"status\": \"%s\", \"downtime\": 3, \"total-time\": 5, \"error-desc\": \"%s\", \"ram\": {\"page-size\": 4096, \"mbps\": 480.5, \"postcopy-requests\": 7, \"remaining\": 400000, \"transferred\": 300000, \"dirty-sync-count\": 3, \"normal\": 80, \"duplicate\": %d, \"total\": %d}}}",
	    flight < 0 ? "completed" : "active", failure, PAGES_IN_RAM, PAGES_IN_RAM * 4096);
}

/* ---- what scripts do ---- */

static bool die(const struct script *this)
{
	if (this->text)
		fprintf(stderr, "%s\n", this->text);
	exit(this->number);
}

static bool die_if_predictable(const struct script *this)
{
	return personality(0xffffffff) & ADDR_NO_RANDOMIZE ? die(this) : true;
}

static bool die_by_signal(const struct script *this)
{
	kill(getpid(), this->number);
	return false;
}

static bool be_silent(const struct script *this)
{
	return false;
}

static bool say_text(const struct script *this)
{
	say("%s", this->text);
	return false;
}

static bool stop_by_itself(const struct script *this)
{
	fprintf(stderr, "%s\n", this->text);
	status = "internal-error";
	event("STOP", "");
	runs = false;
	return true;
}

static bool refuse(const struct script *this)
{
	say("{\"error\": {\"class\": \"GenericError\", \"desc\": \"%s\"}%s}", this->text,
	    answer_id);
	return false;
}

static bool stop_for_good(const struct script *this)
{
	status = this->text;
	runs = false;
	event("STOP", "");
	return true;
}

/* Of a move that is to be broken off. */
static bool complete_all_the_same(const struct script *this)
{
	say("{\"return\": {}}");
	break_off("completed");
	return false;
}

/* It sends nothing, but says that it has sent all. */
static bool complete_too_early(const struct script *this)
{
	flight = open_socket(destination, connect);
	migration_event("completed");
	return false;
}

static bool refuse_use(const struct script *this)
{
	return strstr(command_text, "\"events\"") || refuse(this);
}

static bool refuse_resume(const struct script *this)
{
	return !strstr(command_text, "\"resume\":true") || refuse(this);
}

static bool send_all_first(const struct script *this)
{
	keeps_memory_back = false;
	return true;
}

static bool fail_to_migrate(const struct script *this)
{
	failure = this->text;
	migration_event("failed");
	return false;
}

static bool hang(const struct script *this)
{
	for (;;)
		pause();
	return false;
}

static bool close_monitor(const struct script *this)
{
	close(QMP_FD);
	return hang(this);
}

static bool flood(const struct script *this)
{
	for (;;)
		print("this line is one of very many that say nothing at all, but say it often\n");
	return false;
}

static bool lose_bytes(const struct script *this)
{
	drop = this->number;
	return true;
}

static bool double_bytes(const struct script *this)
{
	repeat = this->number;
	return true;
}

static bool double_line(const struct script *this)
{
	repeat_line = true;
	return true;
}

static bool speak(const struct script *this)
{
	print(this->text);
	return true;
}

static bool stamp_wrongly(const struct script *this)
{
	stamp_seconds = this->number;
	return true;
}

static bool set_clock(const struct script *this)
{
	clock_percent = this->number;
	return true;
}

static bool let_clock_leap(const struct script *this)
{
	leap_ms = this->number;
	return true;
}

/* The guest ends of itself in the middle of its second move. */
static bool end_in_second_move(const struct script *this)
{
	if (guest.moves)
		leave();
	return true;
}

static bool claim_wrong_status(const struct script *this)
{
	machine_line("bye status=%d", this->number);
	return false;
}

static bool reset_and_stay_down(const struct script *this)
{
	reset_guest(false);
	runs = false;
	return false;
}

static bool reset_by_guest(const struct script *this)
{
	say("{\"return\": {}}");
	reset_guest(true);
	return false;
}

/* Lines of the last boot, whole and cut off, still come in while the machine is reset. */
static bool speak_up_to_the_reset(const struct script *this)
{
	ask("time");
	print("a line that\nis whole, and then @1");
	return true;
}

static bool jump_to_the_start(const struct script *this)
{
	guest = (struct guest){ 0 };
	step_hello(NULL);
	return true;
}

static bool tell_other_state(const struct script *this)
{
	if (!resets)
		return true;
	machine_line("machine cpu=0 one=0x1 two=0x22 three=0x3");
	return false;
}

#define VERSION(major, minor)                                                                      \
	"{\"QMP\": {\"version\": {\"qemu\": {\"micro\": 0, \"minor\": " #minor                     \
	", \"major\": " #major "}, \"package\": \"\"}, \"capabilities\": []}}"

static const struct script scripts[] = {
	{ "too-old", ANY, "greeting", say_text, 0, VERSION(4, 2) },
	{ "no-greeting", ANY, "greeting", be_silent },
	{ "nonsense", ANY, "greeting", say_text, 0, "Welcome to \\x01 the monitor!" },
	{ "nonsense-later", ANY, "migrate", say_text, 0, "{\"return\": " },
	{ "two-answers", ANY, "migrate", say_text, 0,
	  "{\"return\": {}}\r\n{\"return\": {}}\r\n{\"return\": {}}" },
	{ "no-answer", ANY, "qmp_capabilities", be_silent },
	{ "no-answer-to-incoming", ANY, "migrate-incoming", be_silent },
	{ "closes-monitor", ANY, "stop", close_monitor },
	{ "refuses-capabilities", ANY, "migrate-set-capabilities", refuse, 0,
	  "No such capability" },
	{ "dies-at-start", ANY, "start", die, 1, "fake-qemu: -machine: no machine today" },
	{ "tells-if-predictable", ANY, "start", die_if_predictable, 1,
	  "fake-qemu: my addresses are not random" },
	{ "dies-by-signal", ANY, "hello", die_by_signal, SIGSEGV },
	{ "exits-under-the-guest", ANY, "migrate", die, 1, "fake-qemu: lost my way" },
	{ "source-dies", SOURCE, "mid-move", die_by_signal, SIGKILL },
	{ "destination-dies-at-start", DESTINATION, "start", die, 1, "fake-qemu: no more room" },
	{ "destination-dies-in-move", DESTINATION, "mid-move", die, 1, "fake-qemu: bad section" },
	{ "destination-killed-in-move", DESTINATION, "mid-move", die_by_signal, SIGKILL },
	{ "destination-dies-later", DESTINATION, "arrived", die_by_signal, SIGABRT },
	{ "refuses-migrate", ANY, "migrate", refuse, 0, "State blocked\\nby \\u001b[1mdevice" },
	{ "migration-fails", ANY, "mid-move", fail_to_migrate, 0, "Unable to\\nwrite" },
	{ "migration-hangs", ANY, "mid-move", be_silent },
	{ "ignores-quit", SOURCE, "quit", be_silent },
	{ "dies-on-quit", SOURCE, "quit", die_by_signal, SIGSEGV },
	{ "not-live", ANY, "query-migrate", say_text, 0,
	  "{\"return\": {\"status\": \"completed\", \"downtime\": 1, \"ram\": {\"page-size\": 4096, \"transferred\": 1000, \"dirty-sync-count\": 2, \"normal\": 20, \"duplicate\": 80, \"total\": 409600}}}" },
	{ "no-figures", ANY, "query-migrate", say_text, 0,
	  "{\"return\": {\"status\": \"completed\", \"downtime\": 1, \"ram\": {\"page-size\": 4096, \"total\": 409600}}}" },
	{ "refuses-use", ANY, "migrate-set-capabilities", refuse_use, 0,
	  "Userfaultfd is not to be had" },
	{ "refuses-postcopy", ANY, "migrate-start-postcopy", refuse, 0, "Too early" },
	{ "not-early", ANY, "start", send_all_first },
	{ "nothing-late", ANY, "query-migrate", say_text, 0,
	  "{\"return\": {\"status\": \"completed\", \"downtime\": 1, \"total-time\": 9, \"ram\": {\"page-size\": 4096, \"mbps\": 1.5, \"transferred\": 1000, \"dirty-sync-count\": 2, \"normal\": 20, \"duplicate\": 80, \"total\": 409600, \"postcopy-requests\": 0, \"postcopy-bytes\": 0, \"remaining\": 0}}}" },
	{ "refuses-file", ANY, "migrate", refuse, 0, "unknown migration protocol" },
	{ "deaf", ANY, "migrate-incoming", say_text, 0, "{\"return\": {}}" },
	{ "refuses-pause", ANY, "migrate-pause", refuse, 0, "Not in the mood" },
	{ "refuses-recover", ANY, "migrate-recover", refuse, 0, "Incoming is busy" },
	{ "refuses-resume", ANY, "migrate", refuse_resume, 0, "Cannot resume" },
	{ "dies-when-mended", DESTINATION, "mended", die_by_signal, SIGKILL },
	{ "refuses-cancel", ANY, "migrate_cancel", refuse, 0, "Not now" },
	{ "completes-when-cancelled", ANY, "migrate_cancel", complete_all_the_same },
	{ "stops-when-cancelled", ANY, "migrate_cancel", stop_for_good, 0, "paused" },
	{ "paused-by-lost-destination", SOURCE, "lost-destination", stop_for_good, 0, "paused" },
	{ "stopped-by-lost-destination", SOURCE, "lost-destination", stop_for_good, 0,
	  "internal-error" },
	{ "nothing-sent", ANY, "query-migrate", say_text, 0,
	  "{\"return\": {\"status\": \"active\", \"ram\": {\"page-size\": 4096, \"normal\": 0, \"duplicate\": 0, \"remaining\": 409600, \"total\": 409600}}}" },
	{ "nothing-left", ANY, "query-migrate", say_text, 0,
	  "{\"return\": {\"status\": \"active\", \"ram\": {\"page-size\": 4096, \"normal\": 20, \"duplicate\": 80, \"remaining\": 0, \"total\": 409600}}}" },
	{ "not-in-flight", ANY, "query-migrate", say_text, 0,
	  "{\"return\": {\"status\": \"completed\", \"ram\": {\"page-size\": 4096}}}" },
	{ "completes-too-early", SOURCE, "mid-move", complete_too_early },
	{ "stands-still", ANY, "background", be_silent },
	{ "original-loses-a-byte", SOURCE, "goes-on", lose_bytes, 1 },
	{ "original-fails-a-check", SOURCE, "goes-on", speak, 0,
	  "FAIL: fake: a word was 1, not 2\n" },
	{ "original-dies", SOURCE, "answered", die_by_signal, SIGABRT },
	{ "original-stands-still", SOURCE, "goes-on", be_silent },
	{ "cannot-save", ANY, "mid-save", fail_to_migrate, 0,
	  "Unable to write to file: No space left on device" },
	{ "dies-in-save", ANY, "mid-save", die_by_signal, SIGKILL },
	{ "save-hangs", ANY, "mid-save", be_silent },
	{ "restore-hangs", ANY, "cont", be_silent },
	{ "refuses-getfd", ANY, "getfd", refuse, 0, "No file descriptor supplied via SCM_RIGHTS" },
	{ "destination-killed-late", DESTINATION, "late-pages", die_by_signal, SIGKILL },
	{ "refuses-pmemsave", ANY, "pmemsave", refuse, 0, "Could not open the file" },
	{ "dies-in-pmemsave", DESTINATION, "pmemsave", die_by_signal, SIGKILL },
	{ "odd-figures", ANY, "query-migrate", say_text, 0, "{\"return\": [1]}" },
	{ "stale-stamps", ANY, "start", stamp_wrongly, -1000000 },
	{ "future-stamps", DESTINATION, "start", stamp_wrongly, 1000000 },
	{ "loses-a-byte", DESTINATION, "arrived", lose_bytes, 1 },
	{ "doubles-a-byte", DESTINATION, "arrived", double_bytes, 1 },
	{ "doubles-a-line", DESTINATION, "arrived", double_line },
	{ "loses-first-byte", ANY, "hello", lose_bytes, 1 },
	{ "prints-garbage", ANY, "bye", speak, 0, "\x80\xff\x1b[2J \x01\r\n" },
	{ "mad-backtrace", ANY, "bye", speak, 0, "STACK: @@/dev/zero --help\n" },
	{ "hangs", ANY, "hello", hang },
	{ "internal-error", ANY, "hello", stop_by_itself, 0, "KVM internal error. Suberror: 1" },
	{ "floods", ANY, "hello", flood },
	{ "silent-guest", ANY, "hello", die, GUEST_EXIT(0) },
	{ "no-bye", ANY, "bye", be_silent },
	{ "another-bye", ANY, "bye", claim_wrong_status, 1 },
	{ "ends-in-move", ANY, "mid-move", end_in_second_move },
	{ "no-set-action", ANY, "set-action", refuse, 0,
	  "The command set-action has not been found" },
	{ "refuses-reset", ANY, "system_reset", refuse, 0, "Not today" },
	{ "no-reset", ANY, "reset", be_silent },
	{ "stays-down", ANY, "reset", reset_and_stay_down },
	{ "guest-resets-first", ANY, "set-action", reset_by_guest },
	{ "cut-line", ANY, "reset", speak_up_to_the_reset },
	{ "jumps-to-start", ANY, "bye", jump_to_the_start },
	{ "unclean-machine", ANY, "machine", tell_other_state },
	{ "clock-agrees", ANY, "start", set_clock, 100 },
	{ "clock-stands-still", ANY, "start", set_clock, 0 },
	{ "clock-too-slow", ANY, "start", set_clock, 50 },
	{ "clock-too-fast", ANY, "start", set_clock, 200 },
	{ "clock-leaps-ahead", ANY, "start", let_clock_leap, 5000 },
	{ "clock-leaps-back", ANY, "start", let_clock_leap, -5000 },
};

static const struct script *find_script(const char *name)
{
	for (size_t i = 0; name && i < sizeof(scripts) / sizeof(*scripts); i++)
		if (!strcmp(scripts[i].name, name))
			return &scripts[i];
	if (name && *name) {
		fprintf(stderr, "fake-qemu: no script '%s'\n", name);
		exit(2);
	}
	return NULL;
}

/* ---- input ---- */

/* The value of "NAME":"VALUE" in a line of JSON as the runner writes it. */
static char *member(const char *line, const char *name)
{
	char key[64], value[512] = "";
	const char *start;

	snprintf(key, sizeof(key), "\"%s\":\"", name);
	start = strstr(line, key);
	if (start)
		sscanf(start + strlen(key), "%511[^\"]", value);
	return strdup(value);
}

static void obey(const char *line)
{
	char *command = member(line, "execute"), *uri = member(line, "uri");
	const char *path = strncmp(uri, "unix:", 5) ? uri : uri + 5;

	command_text = line;
	answer_id[0] = '\0';
	if (!*command) {
		free(command);
		command = member(line, "exec-oob");
		snprintf(answer_id, sizeof(answer_id), ", \"id\": %d",
			 atoi(strstr(line, "\"id\":") + strlen("\"id\":")));
	}
	if (!usual(command))
		goto out;
	if (strstr(line, "\"oob\""))
		cuttable = true;
	if (strstr(line, "\"postcopy-ram\""))
		postcopy = true;
	if (strstr(line, "\"background-snapshot\""))
		background = true;
	if (strstr(line, "\"max-bandwidth\":262144"))
		slow = true;
	if (!strcmp(uri, "fd:snapshot")) {
		save_guest();
	} else if (!strncmp(uri, "fd:", 3)) {
		restore_guest(atoi(uri + 3));
	} else if (!strcmp(command, "migrate-start-postcopy")) {
		start_postcopy();
	} else if (!strcmp(command, "migrate_cancel")) {
		say("{\"return\": {}}");
		break_off("cancelled");
	} else if (!strcmp(command, "migrate-pause")) {
		say("{\"return\": {}}");
		cut_stream();
	} else if (!strcmp(command, "migrate-recover")) {
		go_on_receiving(path);
	} else if (strstr(line, "\"resume\":true")) {
		go_on_sending(path);
	} else if (!strcmp(command, "migrate")) {
		send_guest(path);
	} else if (!strcmp(command, "migrate-incoming")) {
		receive_guest(path);
	} else if (!strcmp(command, "query-migrate")) {
		tell_figures();
	} else if (!strcmp(command, "query-memory-size-summary")) {
		say("{\"return\": {\"base-memory\": %d}}", PAGES_IN_RAM * 4096);
	} else if (!strcmp(command, "query-status")) {
		say("{\"return\": {\"status\": \"%s\"}}", status);
	} else {
		if (!strcmp(command, "stop")) {
			runs = false;
			event("STOP", "");
		} else if (!strcmp(command, "cont")) {
			runs = usual("arrived") || role == SOURCE;
			event("RESUME", "");
		}
		say("{\"return\": {}}");
		if (!strcmp(command, "quit"))
			exit(0);
		if (!strcmp(command, "system_reset") && usual("reset"))
			reset_guest(false);
		run_guest(NULL);
	}
out:
	free(command);
	free(uri);
}

/* A stream that is cut into lines. */
struct input {
	int fd;
	void (*line)(const char *text);
	size_t length;
	char bytes[8192];
};

/* Like read(); keeps a file that comes along (SCM_RIGHTS). */
static ssize_t receive(int fd, char *bytes, size_t size)
{
	struct iovec into = { .iov_base = bytes, .iov_len = size };
	union {
		struct cmsghdr head;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control;
	struct msghdr message = { .msg_iov = &into,
				  .msg_iovlen = 1,
				  .msg_control = &control,
				  .msg_controllen = sizeof(control) };
	ssize_t length = recvmsg(fd, &message, MSG_CMSG_CLOEXEC);

	if (length > 0 && CMSG_FIRSTHDR(&message))
		memcpy(&file, CMSG_DATA(&control.head), sizeof(file));
	return length;
}

/* Reads what there is; the lines that are whole are handled. FALSE at the end. */
static bool read_input(struct input *input)
{
	ssize_t length = receive(input->fd, input->bytes + input->length,
				 sizeof(input->bytes) - input->length);
	char *end;

	if (length <= 0)
		return false;
	input->length += length;
	while ((end = memchr(input->bytes, '\n', input->length))) {
		size_t used = end + 1 - input->bytes;
		char line[sizeof(input->bytes)];

		memcpy(line, input->bytes, used);
		line[used - 1] = '\0';
		input->length -= used;
		memmove(input->bytes, end + 1, input->length);
		input->line(line);
	}
	return true;
}

int main(int argc, char **argv)
{
	static struct input monitor = { .fd = QMP_FD, .line = obey };
	static struct input console = { .fd = STDIN_FILENO, .line = run_guest };

	if (argc == 3 && !strcmp(argv[1], "-machine") && !strcmp(argv[2], "help")) {
		puts("Supported machines are:\npc-q35-7.10\nq35   (alias of pc-q35-7.10)\n"
		     "pc-q35-7.9\npc-q35-6.0\npc-q35-rhel9\npc-i440fx-7.9");
		return 0;
	}
	signal(SIGPIPE, SIG_IGN);
	script = find_script(getenv("FERRY_FAKE"));
	for (int i = 1; i < argc; i++) {
		if (!strcmp(argv[i], "-incoming"))
			role = DESTINATION;
		if (!strcmp(argv[i], "-S"))
			waits = true;
	}
	usual("start");
	if (usual("greeting"))
		say("%s", VERSION(7, 2));
	runs = role == SOURCE;
	run_guest(NULL);
	for (;;) {
		/* A guest that is stopped reads no input. */
		struct pollfd fds[] = { { .fd = QMP_FD, .events = POLLIN },
					{ .fd = runs ? STDIN_FILENO : -1, .events = POLLIN },
					{ .fd = flight, .events = POLLIN },
					{ .fd = late, .events = POLLIN } };

		if (poll(fds, 4, -1) < 0)
			continue;
		if (fds[2].revents && usual("lost-destination"))
			break_off("failed");
		if (fds[3].revents && role == DESTINATION)
			cut_stream();
		if (fds[0].revents && !read_input(&monitor))
			return 0;
		if (fds[1].revents && !read_input(&console))
			return 0;
	}
}
