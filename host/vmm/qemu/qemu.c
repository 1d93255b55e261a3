// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The QEMU VMM: one process a virtual machine, its console on stdin and stdout,
 * its monitor on an inherited socket. Arguments follow QEMU's manual page and
 * kvm-unit-tests' x86/run; QMP follows QEMU's QMP reference.
 */
#define _GNU_SOURCE /* pipe2(), F_SETPIPE_SZ */
#include <errno.h>
#include <fcntl.h>
#include <glib-unix.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "util/child.h"
#include "vmm/qemu/command-line.h"
#include "vmm/qemu/machine.h"
#include "vmm/qemu/preforked.h"
#include "vmm/qemu/capability.h"
#include "vmm/qemu/channel.h"
#include "vmm/qemu/migrate.h"
#include "util/text.h"

/* Of console output may wait to be read; more than any user may ask for is not granted. */
#define OUTPUT_BYTES (1 << 20)

/*
 * What is used here (events of migration passes, -machine q35 with qboot, `-chardev
 * socket,fd=`, set-action) is all in 6.0.
 */
#define OLDEST_MAJOR 6

void qemu_break(struct qemu *qemu, const char *problem)
{
	if (qemu->broken)
		return;
	qemu->broken = TRUE;
	qemu->listener->broken(qemu->owner, &qemu->vm, problem);
}

void qemu_become_ready(struct qemu *qemu)
{
	if (qemu->high_priority)
		child_take_turns(qemu->pid);
	qemu->listener->ready(qemu->owner, &qemu->vm);
}

/* ---- monitor ---- */

static void on_incoming_reply(void *data, JsonNode *value, const char *problem)
{
	struct qemu *qemu = data;

	if (problem)
		qemu_break(qemu, problem);
	else
		qemu_become_ready(qemu);
}

static void on_setup_reply(void *data, JsonNode *value, const char *problem)
{
	if (problem)
		qemu_break(data, problem);
}

static void negotiate(struct qemu *qemu)
{
	JsonObject *arguments = NULL;
	JsonArray *wanted;

	if (qemu->uses & VMM_CAN_RECOVER_POSTCOPY) {
		wanted = json_array_new();
		json_array_add_string_element(wanted, "oob");
		arguments = json_object_new();
		json_object_set_array_member(arguments, "enable", wanted);
	}
	qmp_execute(qemu->qmp, "qmp_capabilities", arguments, on_setup_reply, qemu);
}

static void on_greeted(void *data, const char *version, int major, int minor)
{
	struct qemu *qemu = data;
	JsonObject *arguments;
	g_autofree char *uri = NULL;

	if (major < OLDEST_MAJOR) {
		g_autofree char *problem = g_strdup_printf(
			"QEMU %s is too old: Ferry needs %d.0 or newer (--qemu BINARY)", version,
			OLDEST_MAJOR);

		qemu_break(qemu, problem);
		return;
	}
	qemu->exit.started = TRUE;
	qemu->listener->version(qemu->owner, &qemu->vm, version);
	negotiate(qemu);
	qemu_ask_capabilities(qemu);
	if (qemu->incoming) {
		qemu_channel_await_guest(qemu);
	} else if (qemu->restores) {
		arguments = json_object_new();
		uri = g_strdup_printf("fd:%d", RESTORE_FD);
		json_object_set_string_member(arguments, "uri", uri);
		qmp_execute(qemu->qmp, "migrate-incoming", arguments, on_incoming_reply, qemu);
	}
}

static gboolean quit_too_late(gpointer data)
{
	struct qemu *qemu = data;

	qemu->quit_deadline = 0;
	qemu_break(qemu, "QEMU did not end when it was told to quit");
	return G_SOURCE_REMOVE;
}

void qemu_kill(struct vm *vm)
{
	struct qemu *qemu = (struct qemu *)vm;

	qemu->exit.ordered = TRUE;
	if (qemu->pid)
		kill(qemu->pid, SIGKILL);
}

static void qemu_quit(struct vm *vm);

/*
 * For the moment in which QEMU is told to reset the machine a guest could do so as well,
 * and go on: it ends here as it does at any other time.
 */
static void on_reset(struct qemu *qemu, JsonObject *details)
{
	JsonNode *by_guest = details ? json_object_get_member(details, "guest") : NULL;

	if (!by_guest || !JSON_NODE_HOLDS_VALUE(by_guest) || !json_node_get_boolean(by_guest)) {
		qemu_reset_done(qemu);
	} else if (!qemu->exit.reset) {
		qemu->exit.reset = TRUE;
		qemu_quit(&qemu->vm);
	}
}

/* A guest that KVM cannot run any further stops, and QEMU stays. */
static void on_status(void *data, JsonNode *value, const char *problem)
{
	const char *status = value && JSON_NODE_HOLDS_OBJECT(value)
				     ? qmp_string(json_node_get_object(value), "status")
				     : NULL;

	if (!g_strcmp0(status, "internal-error") || !g_strcmp0(status, "io-error") ||
	    !g_strcmp0(status, "guest-panicked")) {
		g_autofree char *text = g_strdup_printf(
			"QEMU has stopped the guest (%s; its stderr says why)", status);

		qemu_break(data, text);
	}
}

static void on_event(void *data, const char *name, JsonObject *details, gint64 microseconds)
{
	struct qemu *qemu = data;

	if (g_str_equal(name, "STOP")) {
		qemu->stop_time = microseconds;
		if (!qemu->action)
			qmp_execute(qemu->qmp, "query-status", NULL, on_status, qemu);
	} else if (g_str_equal(name, "RESUME")) {
		qemu->resume_time = microseconds;
	} else if (g_str_equal(name, "MIGRATION")) {
		g_free(qemu->migration_status);
		qemu->migration_status = g_strdup(qmp_string(details, "status"));
		qemu->migration_time = microseconds;
		if (!has_status(qemu, "setup"))
			qemu_channel_drop(qemu);
	} else if (g_str_equal(name, "MIGRATION_PASS")) {
		qemu_migration_pass(qemu, qmp_number(details, "pass"));
		return;
	} else if (g_str_equal(name, "RESET")) {
		on_reset(qemu, details);
		return;
	} else if (g_str_equal(name, "SHUTDOWN")) {
		/* --no-reboot turns a reset, and so a triple fault, into a shutdown. */
		if (!g_strcmp0(qmp_string(details, "reason"), "guest-reset"))
			qemu->exit.reset = TRUE;
		return;
	} else {
		return;
	}
	qemu_action_progress(qemu);
}

static void on_qmp_broken(void *data, const char *problem)
{
	qemu_break(data, problem);
}

static const struct qmp_listener monitor_listener = {
	.greeted = on_greeted,
	.event = on_event,
	.broken = on_qmp_broken,
};

/* ---- console ---- */

void qemu_drain_console(struct qemu *qemu)
{
	char bytes[16384];
	ssize_t length;

	for (;;) {
		length = read(qemu->output, bytes, sizeof(bytes));
		if (length < 0 && errno == EINTR)
			continue;
		if (length <= 0)
			return; /* nothing for now, or the end */
		qemu->listener->output(qemu->owner, &qemu->vm, bytes, length);
	}
}

/* One buffer a turn, so that a flooding guest does not starve everything else. */
#define CONSOLE_BUFFER 16384

static gboolean is_over(ssize_t length)
{
	return !length || (length < 0 && errno != EAGAIN && errno != EINTR);
}

static void watch_console(struct qemu *qemu);

/* Looks again without having been woken, until there is nothing. */
static gboolean on_gathered(gpointer data)
{
	struct qemu *qemu = data;
	char bytes[CONSOLE_BUFFER];
	ssize_t length = read(qemu->output, bytes, sizeof(bytes));

	if (length > 0) {
		qemu->listener->output(qemu->owner, &qemu->vm, bytes, length);
		return G_SOURCE_CONTINUE;
	}
	qemu->console_watch = 0; /* the process' exit says why it is over */
	if (!is_over(length))
		watch_console(qemu);
	return G_SOURCE_REMOVE;
}

static gboolean on_console(gint fd, GIOCondition condition, gpointer data)
{
	struct qemu *qemu = data;
	char bytes[CONSOLE_BUFFER];
	ssize_t length = read(qemu->output, bytes, sizeof(bytes));
	gboolean gathers = length > 0 && qemu->gather_ms;

	/* Before the output is told of: then the watching may be stopped, and the VM done away
	 * with. */
	if (gathers)
		qemu->console_watch = g_timeout_add(qemu->gather_ms, on_gathered, qemu);
	else if (is_over(length))
		qemu->console_watch = 0;
	if (length > 0)
		qemu->listener->output(qemu->owner, &qemu->vm, bytes, length);
	return gathers || is_over(length) ? G_SOURCE_REMOVE : G_SOURCE_CONTINUE;
}

static void watch_console(struct qemu *qemu)
{
	if (!qemu->console_watch)
		qemu->console_watch =
			g_unix_fd_add(qemu->output, G_IO_IN | G_IO_HUP, on_console, qemu);
}

static void unwatch_console(struct qemu *qemu)
{
	if (qemu->console_watch)
		g_source_remove(qemu->console_watch);
	qemu->console_watch = 0;
}

void qemu_hold_console(struct qemu *qemu)
{
	qemu->output_held = TRUE;
	unwatch_console(qemu);
}

static void qemu_send(struct vm *vm, const char *bytes, gsize length)
{
	struct qemu *qemu = (struct qemu *)vm;
	ssize_t sent = send(qemu->console, bytes, length, MSG_NOSIGNAL | MSG_DONTWAIT);

	/* A VMM that has just ended is reported by its exit. */
	if (sent != (ssize_t)length && errno == EAGAIN)
		qemu_break(qemu, "QEMU does not take the guest's console input");
}

/* ---- the process ---- */

/* The last line in the part of the stderr file that this process wrote, or NULL. */
static char *read_stderr_end(struct qemu *qemu)
{
	g_autofree char *text = NULL;
	gsize length;
	char *line;

	if (!g_file_get_contents(qemu->stderr_path, &text, &length, NULL) ||
	    (gint64)length <= qemu->stderr_start)
		return NULL;
	line = g_strchomp(text + qemu->stderr_start);
	if (strrchr(line, '\n'))
		line = strrchr(line, '\n') + 1;
	return *line ? text_printable(line, -1) : NULL;
}

static void tell_exit(struct qemu *qemu)
{
	if (!qemu->output_held)
		qemu_drain_console(qemu);
	unwatch_console(qemu);
	qemu->listener->exited(qemu->owner, &qemu->vm, &qemu->exit);
}

/* Not at once: who says quit may be in the middle of what this VM has told. */
static gboolean tell_held_exit(gpointer data)
{
	struct qemu *qemu = data;

	qemu->quit_deadline = 0;
	tell_exit(qemu);
	return G_SOURCE_REMOVE;
}

static void qemu_quit(struct vm *vm)
{
	struct qemu *qemu = (struct qemu *)vm;

	if (!qemu->pid) {
		if (qemu->exit_held)
			qemu->quit_deadline = g_idle_add(tell_held_exit, qemu);
		return;
	}
	qmp_execute(qemu->qmp, "quit", NULL, NULL, NULL);
	qemu->quit_deadline = g_timeout_add_seconds(qemu->reply_seconds, quit_too_late, qemu);
}

/*
 * The device isa-debug-exit ends QEMU with the guest's status, doubled, and 1 more. QEMU's own
 * failures end it with 1, as a guest's 0 does, but leave words on stderr.
 */
static void note_guest_status(struct vm_exit *exit)
{
	int status = WIFEXITED(exit->wait_status) ? WEXITSTATUS(exit->wait_status) : -1;

	exit->guest_status = status >= 0 && status & 1 ? status >> 1 : -1;
	exit->doubtful = status == 1 && exit->stderr_end;
}

static void on_process_end(GPid pid, gint wait_status, gpointer data)
{
	struct qemu *qemu = data;

	qemu->child_watch = 0;
	qemu->exit.wait_status = wait_status;
	qemu->exit.stderr_end = read_stderr_end(qemu);
	note_guest_status(&qemu->exit);
	/* First all that it still told: a move is not to be judged by half of it. */
	qmp_drain(qemu->qmp);
	qemu->pid = 0;
	if (qemu->quit_deadline)
		g_source_remove(qemu->quit_deadline);
	qemu->quit_deadline = 0;
	qemu_action_progress(qemu);
	/*
	 * A move that has begun releases the output in the end; nothing else does. One that
	 * kills its source outlives it, until the guest has left.
	 */
	if (qemu->action && (qemu->output_held || qemu->exit.ordered))
		qemu->exit_held = TRUE;
	else
		tell_exit(qemu);
}

static void qemu_give_to(struct vm *vm, void *owner)
{
	struct qemu *qemu = (struct qemu *)vm;

	qemu->owner = owner;
}

static void qemu_release_output(struct vm *vm)
{
	struct qemu *qemu = (struct qemu *)vm;

	qemu->output_held = FALSE;
	if (qemu->exit_held)
		tell_exit(qemu);
	else
		watch_console(qemu);
}

struct child_orders {
	pid_t runner;
	gboolean high_priority, predictable;
};

static void in_child(gpointer data)
{
	const struct child_orders *orders = data;

	child_bind(orders->runner, SIGKILL);
	if (orders->high_priority)
		child_raise_priority();
	if (orders->predictable)
		child_be_predictable();
}

static gboolean spawn(struct qemu *qemu, const struct vm_config *config, int console, int output,
		      int monitor, GError **error)
{
	g_autoptr(GPtrArray) arguments = qemu_command_line(config);
	int files[] = { console, output, -1, monitor, config->endpoint.restore };
	const int targets[] = { STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO, MONITOR_FD,
				RESTORE_FD };
	unsigned count = config->endpoint.restore ? 5 : 4;
	struct child_orders orders = { getpid(), qemu->high_priority,
				       config->machine.options & OPTION_NO_RANDOM };
	g_autoptr(GError) problem = NULL;
	gboolean started;

	if (config->endpoint.command_path && !qemu_write_command(config, error))
		return FALSE;
	files[2] =
		open(config->endpoint.stderr_path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
	if (files[2] < 0) {
		g_set_error(error, FERRY_ERROR, 0, "cannot create %s: %s",
			    config->endpoint.stderr_path, g_strerror(errno));
		return FALSE;
	}
	qemu->stderr_start = lseek(files[2], 0, SEEK_END);
	if (config->tuning.preforked && !orders.predictable)
		qemu->pid = preforked_start(config->tuning.preforked, (char **)arguments->pdata,
					    files, targets, count, qemu->high_priority);
	started = qemu->pid > 0 ||
		  g_spawn_async_with_pipes_and_fds(
			  NULL, (const char *const *)arguments->pdata, NULL,
			  G_SPAWN_SEARCH_PATH | G_SPAWN_DO_NOT_REAP_CHILD, in_child, &orders,
			  files[0], files[1], files[2], files + 3, targets + 3, count - 3,
			  &qemu->pid, NULL, NULL, NULL, &problem);
	close(files[2]);
	if (!started)
		g_set_error(error, FERRY_ERROR, 0, "cannot start %s: %s", config->endpoint.binary,
			    problem->message);
	return started;
}

/*
 * A pipe holds as many bytes as it says, where a socket is full after some hundred
 * that are written one by one. QEMU must not find it full: what its serial port has
 * not got rid of when the guest is moved, both source and destination then send.
 */
static int make_output_pipe(int output[2])
{
	if (pipe2(output, O_CLOEXEC) < 0)
		return -1;
	fcntl(output[0], F_SETPIPE_SZ, OUTPUT_BYTES);
	return fcntl(output[0], F_SETFL, O_NONBLOCK);
}

static void qemu_release(struct qemu *qemu)
{
	if (qemu->qmp)
		qmp_free(qemu->qmp);
	if (qemu->console >= 0)
		close(qemu->console);
	if (qemu->output >= 0)
		close(qemu->output);
	g_free(qemu->exit.stderr_end);
	g_free(qemu->stderr_path);
	g_free(qemu->migration_status);
	qemu_channel_drop(qemu);
	g_free(qemu->port);
	g_free(qemu->incoming);
	g_free(qemu);
}

static struct vm *qemu_start(const struct vm_config *config, const struct vm_listener *listener,
			     void *owner, GError **error)
{
	int console[2], output[2], monitor[2];
	struct qemu *qemu;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, console) < 0 ||
	    make_output_pipe(output) < 0 ||
	    socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, monitor) < 0) {
		g_set_error(error, FERRY_ERROR, 0, "cannot make sockets for QEMU: %s",
			    g_strerror(errno));
		return NULL;
	}
	qemu = g_new0(struct qemu, 1);
	qemu->vm.vmm = &qemu_vmm;
	qemu->listener = listener;
	qemu->owner = owner;
	qemu->reply_seconds = config->tuning.reply_seconds;
	qemu->stderr_path = g_strdup(config->endpoint.stderr_path);
	qemu->incoming = g_strdup(config->endpoint.incoming);
	qemu->uses = config->machine.uses;
	qemu->images = config->endpoint.images;
	qemu->starts_stopped = qemu_starts_stopped(config);
	qemu->options = config->machine.options;
	qemu->gather_ms = config->tuning.gather_ms;
	qemu->restores = config->endpoint.restore != 0;
	qemu->output_held = qemu->incoming || qemu->restores;
	qemu->high_priority = config->tuning.high_priority && qemu->output_held;
	qemu->console = console[0];
	qemu->output = output[0];
	if (!qemu_channel_make(qemu, error) ||
	    !spawn(qemu, config, console[1], output[1], monitor[1], error)) {
		close(console[1]);
		close(output[1]);
		close(monitor[0]);
		close(monitor[1]);
		qemu_release(qemu);
		return NULL;
	}
	close(console[1]);
	close(output[1]);
	close(monitor[1]);
	qemu->child_watch = g_child_watch_add(qemu->pid, on_process_end, qemu);
	qemu->qmp = qmp_new(monitor[0], config->endpoint.transcript, config->endpoint.label,
			    config->tuning.reply_seconds, &monitor_listener, qemu);
	if (!qemu->output_held)
		watch_console(qemu);
	return &qemu->vm;
}

static void qemu_free(struct vm *vm)
{
	struct qemu *qemu = (struct qemu *)vm;

	qemu_action_forget(qemu);
	unwatch_console(qemu);
	if (qemu->quit_deadline)
		g_source_remove(qemu->quit_deadline);
	if (qemu->pid) {
		g_source_remove(qemu->child_watch);
		kill(qemu->pid, SIGKILL);
		while (waitpid(qemu->pid, NULL, 0) < 0 && errno == EINTR)
			;
	}
	qemu_release(qemu);
}

#define DEFAULT_PROGRAM "qemu-system-x86_64"

static char *find_program(const char *wanted, GError **error)
{
	const char *usual = g_getenv("QEMU");
	const char *name = wanted ? wanted : usual ? usual : DEFAULT_PROGRAM;
	char *path = g_find_program_in_path(name);

	if (!path)
		g_set_error(error, FERRY_ERROR, 0,
			    "there is no program '%s'; install QEMU (scripts/packages) or name it "
			    "with --qemu",
			    name);
	return path;
}

const struct vmm qemu_vmm = {
	.name = "qemu",
	.capabilities = VMM_CAN_PAUSE | VMM_CAN_MIGRATE | VMM_CAN_RESET | VMM_CAN_MIGRATE_POSTCOPY |
			VMM_CAN_SAVE | VMM_CAN_BREAK_MIGRATION | VMM_CAN_SAVE_RUNNING |
			VMM_CAN_RECOVER_POSTCOPY,
	.options = OPTION_MULTIFD | OPTION_XBZRLE | OPTION_COMPRESS | OPTION_AUTO_CONVERGE |
		   OPTION_DIRTY_RING | OPTION_HUGE_PAGES | OPTION_MEMFD | OPTION_TCP | OPTION_EXEC |
		   OPTION_FILE | OPTION_DELAY | OPTION_NO_RANDOM,
	.find_program = find_program,
	.choose_machine_types = qemu_choose_machine_types,
	.end = preforked_end,
	.start = qemu_start,
	.send = qemu_send,
	.give_to = qemu_give_to,
	.release_output = qemu_release_output,
	.pause = qemu_pause,
	.migrate = qemu_migrate,
	.break_migration = qemu_break_migration,
	.reset = qemu_reset,
	.save = qemu_save,
	.restore = qemu_restore,
	.quit = qemu_quit,
	.kill = qemu_kill,
	.free = qemu_free,
};
