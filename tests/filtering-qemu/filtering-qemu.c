// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A QEMU that damages its guest's memory; the runner gets it with --qemu. It starts the real QEMU,
 * and passes messages between that and the runner. FERRY_DAMAGE in the environment says what goes
 * wrong:
 *
 * change, drop, older, newer, cut
 *	       happens to a stream on its way into QEMU, from a socket or a file
 *	       (migration-stream.h)
 * COMMAND     a QMP command: before QEMU gets it, a byte of a page of its guest changes
 *
 * It damages pages of the test `dense` of x86/dirty/pages.c. A line on stderr says which page it
 * was. A stream comes over a Unix socket, and the rest of a stream that was cut comes over another.
 * QEMU gets them as file descriptors, so that a SIGKILL leaves no file behind.
 */
#define _GNU_SOURCE /* memfd_create() */
#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <glib/gstdio.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "migration-stream.h"
#include "watched-page.h"

#define QEMU "qemu-system-x86_64"

/* The runner gives QEMU its monitor here, and the file that it restores a guest from. */
#define MONITOR_FD 3
#define RESTORE_FD 4

/* One QEMU may get a stream, and the rest of it after each cut. */
#define MOST_STREAMS 8

/* The memory of a guest, unless --memory says otherwise (host/cli/run.c). */
#define RAM_BYTES (32ul << 20)

static struct {
	const char *order;
	enum damage damage;
	gboolean damages_stream;
	GPid qemu;
	int runner, monitor;	      /* both ends of the monitor */
	int streams[MOST_STREAMS][2]; /* QEMU's end of each, and ours */
	GPtrArray *connections;
} all;

/* A stream that passes through here. */
struct connection {
	int listener, source, destination;
	gboolean is_rest; /* of a stream that was cut */
	GThread *replies; /* from the destination to the source */
};

static void die(const char *what)
{
	perror(what);
	_exit(1);
}

/* ---- sockets ---- */

static gboolean send_all(int to, const char *bytes, size_t length)
{
	while (length) {
		ssize_t sent = write(to, bytes, length);

		if (sent < 0 && errno == EINTR)
			continue;
		if (sent <= 0)
			return FALSE;
		bytes += sent;
		length -= sent;
	}
	return TRUE;
}

static void pass_all(int from, int to)
{
	char bytes[4096];
	ssize_t length;

	while ((length = read(from, bytes, sizeof(bytes))) > 0 || (length < 0 && errno == EINTR))
		if (length > 0 && !send_all(to, bytes, length))
			break;
	shutdown(to, SHUT_WR);
}

/* ---- the stream over a socket ---- */

static gpointer pass_replies(gpointer data)
{
	struct connection *connection = data;

	pass_all(connection->destination, connection->source);
	return NULL;
}

static gpointer pass_stream(gpointer data)
{
	struct connection *connection = data;

	connection->source = accept4(connection->listener, NULL, NULL, SOCK_CLOEXEC);
	if (connection->source < 0)
		die("filtering-qemu: the stream");
	connection->replies = g_thread_new("replies", pass_replies, connection);
	(connection->is_rest ? migration_stream_pass_rest : migration_stream_pass)(
		connection->source, connection->destination, all.damage);
	shutdown(connection->destination, SHUT_WR);
	shutdown(connection->source, SHUT_RD);
	return NULL;
}

/* Listens at PATH in place of QEMU. Returns the file descriptor from which QEMU gets the stream. */
static int listen_instead(const char *path, gboolean is_rest)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	struct connection *connection = g_new0(struct connection, 1);
	const int *stream;

	if (all.connections->len == MOST_STREAMS) {
		fprintf(stderr, "filtering-qemu: more than %d streams\n", MOST_STREAMS);
		_exit(1);
	}
	stream = all.streams[all.connections->len];
	g_strlcpy(address.sun_path, path, sizeof(address.sun_path));
	connection->is_rest = is_rest;
	connection->destination = stream[1];
	connection->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	unlink(path); /* an earlier connection may have left it; QEMU removes it too */
	if (bind(connection->listener, (struct sockaddr *)&address, sizeof(address)) < 0 ||
	    listen(connection->listener, 1) < 0)
		die("filtering-qemu: the socket");
	g_ptr_array_add(all.connections, connection);
	g_thread_new("stream", pass_stream, connection);
	return stream[0];
}

/* Waits until the destination sends no more. */
static void end_connection(gpointer data, gpointer unused)
{
	struct connection *connection = data;

	if (connection->replies)
		g_thread_join(connection->replies);
}

/* ---- the guest's memory ---- */

/* FALSE if the guest wrote the page at the same time, so that another page has to be changed. */
static gboolean change_page(int memory, off_t at, const struct watched_page *was)
{
	struct watched_page is;
	guint8 bytes[PAGE_BYTES], changed;

	if (pread(memory, bytes, PAGE_BYTES, at) != PAGE_BYTES)
		return FALSE;
	changed = bytes[CHANGED_BYTE] ^ 1;
	if (pwrite(memory, &changed, 1, at + CHANGED_BYTE) != 1 ||
	    pread(memory, bytes, PAGE_BYTES, at) != PAGE_BYTES || bytes[CHANGED_BYTE] != changed)
		return FALSE;
	/* A writer checks the whole page, and then writes it from its beginning. */
	bytes[CHANGED_BYTE] ^= 1;
	return watched_page_read(bytes, &is) && is.generation == was->generation;
}

/* Finds the first watched page from *OFFSET on, and sets *OFFSET to its offset. */
static gboolean find_page(int memory, off_t ram, off_t *offset, struct watched_page *page)
{
	guint8 bytes[PAGE_BYTES];

	for (; *offset < (off_t)RAM_BYTES; *offset += PAGE_BYTES)
		if (pread(memory, bytes, PAGE_BYTES, ram + *offset) == PAGE_BYTES &&
		    watched_page_read(bytes, page))
			return TRUE;
	return FALSE;
}

/*
 * The least generation of a page that may be changed. A writer checks a page before it writes it
 * again. So damage will certainly be noticed in a page that already has a generation that other
 * pages still have to get. If there is no such page, any page will do.
 */
static guint64 least_generation(int memory, off_t ram)
{
	guint64 lowest = G_MAXUINT64, highest = 0;
	struct watched_page page;

	for (off_t offset = 0; find_page(memory, ram, &offset, &page); offset += PAGE_BYTES) {
		lowest = MIN(lowest, page.generation);
		highest = MAX(highest, page.generation);
	}
	return lowest < highest ? lowest + 1 : lowest;
}

static gboolean change_a_page(int memory, off_t ram)
{
	guint64 least = least_generation(memory, ram);
	struct watched_page page;

	for (off_t offset = 0; find_page(memory, ram, &offset, &page); offset += PAGE_BYTES) {
		if (page.generation < least || !change_page(memory, ram + offset, &page))
			continue;
		fprintf(stderr,
			"filtering-qemu: page 0x%jx of RAM, CPU %u's page %u, had generation %" PRIu64
			" at %s; now byte %d is changed\n",
			(intmax_t)offset, page.cpu, page.number, page.generation, all.order,
			CHANGED_BYTE);
		return TRUE;
	}
	return FALSE;
}

/* The guest's memory is the mapping in QEMU that has its size. */
static void change_memory(void)
{
	g_autofree char *maps_path = g_strdup_printf("/proc/%d/maps", all.qemu);
	g_autofree char *memory_path = g_strdup_printf("/proc/%d/mem", all.qemu);
	FILE *maps = fopen(maps_path, "re");
	int memory = open(memory_path, O_RDWR | O_CLOEXEC);
	char line[512];
	uintmax_t begin, end;
	gboolean done = FALSE;

	while (maps && memory >= 0 && !done && fgets(line, sizeof(line), maps))
		if (sscanf(line, "%jx-%jx rw-p", &begin, &end) == 2 && end - begin == RAM_BYTES)
			done = change_a_page(memory, begin);
	if (!done)
		fprintf(stderr, "filtering-qemu: there was no page to damage\n");
	if (maps)
		fclose(maps);
	if (memory >= 0)
		close(memory);
}

/* ---- the monitor ---- */

#define URI "\"unix:"

/* LINE is a command of the runner. Returns the line for QEMU, which the caller frees. */
static char *on_command(const char *line)
{
	g_autofree char *quoted = g_strdup_printf("\"%s\"", all.order), *path = NULL;
	const char *uri = strstr(line, URI), *end = uri ? strchr(uri + 1, '"') : NULL;
	gboolean is_rest = strstr(line, "\"migrate-recover\"") != NULL;

	if (!all.damages_stream && strstr(line, quoted))
		change_memory();
	if (!all.damages_stream || !end || (!is_rest && !strstr(line, "\"migrate-incoming\"")))
		return g_strdup(line);
	path = g_strndup(uri + strlen(URI), end - uri - strlen(URI));
	return g_strdup_printf("%.*s\"fd:%d%s", (int)(uri - line), line,
			       listen_instead(path, is_rest), end);
}

static gpointer pass_commands(gpointer unused)
{
	FILE *runner = fdopen(all.runner, "r");
	char *line = NULL;
	size_t size = 0;

	while (runner && getline(&line, &size, runner) > 0) {
		g_autofree char *command = on_command(line);

		if (!send_all(all.monitor, command, strlen(command)))
			break;
	}
	shutdown(all.monitor, SHUT_WR);
	free(line);
	return NULL;
}

static gpointer pass_answers(gpointer unused)
{
	pass_all(all.monitor, all.runner);
	return NULL;
}

/* ---- QEMU ---- */

static void run_qemu(char **argv)
{
	argv[0] = (char *)QEMU;
	execvp(QEMU, argv);
	die(QEMU);
}

/* Starts QEMU with a monitor of ours. It does not outlive this process. */
static void start_qemu(char **argv)
{
	int ends[2];
	pid_t filter = getpid();

	all.runner = fcntl(MONITOR_FD, F_DUPFD_CLOEXEC, RESTORE_FD + 1);
	if (all.runner < 0 || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0)
		die("filtering-qemu: the monitor");
	for (int i = 0; i < MOST_STREAMS; i++)
		if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, all.streams[i]) < 0)
			die("filtering-qemu: a stream");
	all.qemu = fork();
	if (!all.qemu) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (getppid() != filter || dup2(ends[0], MONITOR_FD) < 0)
			_exit(1);
		for (int i = 0; i < MOST_STREAMS; i++)
			fcntl(all.streams[i][0], F_SETFD, 0);
		run_qemu(argv);
	}
	for (int i = 0; i < MOST_STREAMS; i++)
		close(all.streams[i][0]);
	close(ends[0]);
	close(MONITOR_FD);
	close(STDIN_FILENO);
	close(STDOUT_FILENO);
	all.monitor = ends[1];
}

/* Returns the exit status of QEMU, or dies by the signal that killed it. */
static int wait_for_qemu(void)
{
	GThread *answers = g_thread_new("answers", pass_answers, NULL);
	int status = 0;

	g_thread_new("commands", pass_commands, NULL);
	while (waitpid(all.qemu, &status, 0) < 0 && errno == EINTR)
		;
	/* QEMU may have sent more than was passed on so far. */
	g_thread_join(answers);
	g_ptr_array_foreach(all.connections, end_connection, NULL);
	if (WIFSIGNALED(status))
		kill(getpid(), WTERMSIG(status));
	return WEXITSTATUS(status);
}

/* QEMU gets a damaged copy instead of the runner's file. */
static void damage_file(void)
{
	int file = memfd_create("damaged", 0);

	if (file < 0)
		die("filtering-qemu: a file");
	migration_stream_pass(RESTORE_FD, file, all.damage);
	lseek(file, 0, SEEK_SET);
	dup2(file, RESTORE_FD);
	close(file);
}

static gboolean read_order(void)
{
	static const char *const damages[] = {
		[DAMAGE_CHANGE] = "change", [DAMAGE_DROP] = "drop", [DAMAGE_OLDER] = "older",
		[DAMAGE_NEWER] = "newer",   [DAMAGE_CUT] = "cut",
	};

	all.order = g_getenv("FERRY_DAMAGE");
	for (unsigned i = 0; all.order && i < G_N_ELEMENTS(damages); i++)
		if (g_str_equal(all.order, damages[i])) {
			all.damage = i;
			all.damages_stream = TRUE;
		}
	return all.order != NULL;
}

int main(int argc, char **argv)
{
	gboolean incoming = FALSE, from_file = fcntl(RESTORE_FD, F_GETFD) >= 0;

	for (int i = 1; i < argc; i++)
		incoming |= g_str_equal(argv[i], "-incoming");
	if (!read_order() || (all.damages_stream && !incoming))
		run_qemu(argv);
	if (all.damages_stream && from_file) {
		damage_file();
		run_qemu(argv);
	}
	signal(SIGPIPE, SIG_IGN);
	all.connections = g_ptr_array_new();
	start_qemu(argv);
	return wait_for_qemu();
}
