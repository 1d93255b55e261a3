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
#include "util/kvm.h"
#include "vmm/qemu/preforked.h"
#include "vmm/qemu/option.h"
#include "util/text.h"

/* Of console output may wait to be read; more than any user may ask for is not granted. */
#define OUTPUT_BYTES (1 << 20)

/* The file descriptor under which QEMU finds its monitor. */
#define MONITOR_FD 3

/* The one under which it finds the file that its guest is restored from. */
#define RESTORE_FD 4

/*
 * What is used here (events of migration passes, -machine q35 with qboot, `-chardev
 * socket,fd=`, set-action) is all in 6.0.
 */
#define OLDEST_MAJOR 6

/*
 * qboot boots a multiboot image in milliseconds, where SeaBIOS spends seconds in
 * 16-bit code on a KVM that emulates it.
 */
#define FIRMWARE "qboot.rom"

/*
 * With a thread for each vCPU, TCG loses a guest's writes to memory now and then while
 * that is being moved; docs/findings.md has what was seen.
 */
#define RELIABLE_TCG "tcg,thread=single"

/* A guest has no use for these devices; without them QEMU starts sooner. */
#define DEFAULT_MACHINE "q35"
#define WITHOUT_DEVICES ",smbus=off,sata=off,usb=off,vmport=off,hpet=off"

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

static void on_use_reply(void *data, JsonNode *value, const char *problem)
{
	struct qemu *qemu = data;

	if (problem)
		qemu->listener->unable(qemu->owner, &qemu->vm, problem);
}

void qemu_set_capability(struct qemu *qemu, const char *name, qmp_reply_function reply)
{
	JsonObject *arguments = json_object_new(), *capability = json_object_new();
	JsonArray *list = json_array_new();

	json_object_set_string_member(capability, "capability", name);
	json_object_set_boolean_member(capability, "state", TRUE);
	json_array_add_object_element(list, capability);
	json_object_set_array_member(arguments, "capabilities", list);
	qmp_execute(qemu->qmp, "migrate-set-capabilities", arguments, reply, qemu);
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
	qemu_set_capability(qemu, "events", on_setup_reply);
	/* QEMU asks the kernel whether it can do this. */
	if (qemu->uses & VMM_CAN_MIGRATE_POSTCOPY)
		qemu_set_capability(qemu, "postcopy-ram", on_use_reply);
	if (qemu->uses & VMM_CAN_SAVE_RUNNING)
		qemu_set_capability(qemu, "background-snapshot", on_use_reply);
	qemu_option_ask(qemu, on_use_reply);
	if (qemu->incoming) {
		qemu_option_await_guest(qemu);
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
			qemu_option_drop_channel(qemu);
	} else if (g_str_equal(name, "MIGRATION_PASS")) {
		if (qemu->action)
			qemu_option_pass(qemu->action, qmp_number(details, "pass"));
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

static void on_process_end(GPid pid, gint wait_status, gpointer data)
{
	struct qemu *qemu = data;

	qemu->child_watch = 0;
	qemu->exit.wait_status = wait_status;
	qemu->exit.stderr_end = read_stderr_end(qemu);
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

static gboolean has_argument(char **arguments, const char *name)
{
	return arguments && g_strv_contains((const char *const *)arguments, name);
}

static void add(GPtrArray *arguments, const char *argument)
{
	g_ptr_array_add(arguments, g_strdup(argument));
}

/* What stands behind the last NAME of ARGUMENTS, or NULL. */
static const char *argument(char **arguments, const char *name)
{
	const char *value = NULL;

	for (char **word = arguments; word && word[0] && word[1]; word++)
		if (g_str_equal(word[0], name))
			value = word[1];
	return value;
}

/* The value of -machine, or NULL for QEMU's default. The caller frees it. */
static char *machine_of(const struct vm_config *config)
{
	const char *properties = config->machine ? strchr(config->machine, ',') : NULL;
	gboolean ours = !config->machine && !config->kvm_unit_test;

	if (config->machine_type)
		return g_strconcat(config->machine_type,
				   properties ? properties
				   : ours     ? WITHOUT_DEVICES
					      : NULL,
				   NULL);
	return g_strdup(ours ? DEFAULT_MACHINE WITHOUT_DEVICES : config->machine);
}

static void add_memory(GPtrArray *arguments, const struct vm_config *config)
{
	const char *named = argument(config->extra, "-m");
	g_autofree char *size = named ? g_strdup(named) : g_strdup_printf("%u", config->memory_mib);

	if (!config->kvm_unit_test && !named) {
		add(arguments, "-m");
		add(arguments, size);
	}
	if (g_ascii_isdigit(size[strlen(size) - 1])) {
		g_autofree char *megabytes = g_strconcat(size, "M", NULL);

		qemu_option_add_memory(arguments, megabytes, config->options);
	} else {
		qemu_option_add_memory(arguments, size, config->options);
	}
}

/*
 * A guest of another suite gets the machine and the firmware that it was written
 * for: QEMU's defaults, like from kvm-unit-tests' own runner.
 */
static void add_machine(GPtrArray *arguments, const struct vm_config *config)
{
	gboolean reliable = g_str_equal(config->accel, "tcg") && !config->kvm_unit_test;
	g_autofree char *machine = machine_of(config);

	if (machine) {
		add(arguments, "-machine");
		add(arguments, machine);
	}
	add(arguments, "-accel");
	g_ptr_array_add(arguments, qemu_option_accel(reliable ? RELIABLE_TCG : config->accel,
						     config->options));
	if (!config->kvm_unit_test && !has_argument(config->extra, "-bios")) {
		add(arguments, "-bios");
		add(arguments, FIRMWARE);
	}
	add_memory(arguments, config);
}

static GPtrArray *command_line(const struct vm_config *config, const char *runner_word)
{
	GPtrArray *arguments = g_ptr_array_new_with_free_func(g_free);

	add(arguments, config->binary);
	add(arguments, "--no-reboot");
	add(arguments, "-nodefaults");
	add(arguments, "-no-user-config");
	add(arguments, "-display");
	add(arguments, "none");
	add_machine(arguments, config);
	add(arguments, "-smp");
	g_ptr_array_add(arguments, g_strdup_printf("%u", config->smp));
	add(arguments, "-device");
	add(arguments, "isa-debug-exit,iobase=0xf4,iosize=0x4");
	if (config->kvm_unit_test) {
		add(arguments, "-device");
		add(arguments, "pc-testdev");
		add(arguments, "-device");
		add(arguments, "pci-testdev");
		add(arguments, "-global");
		add(arguments, "kvm-pit.lost_tick_policy=discard");
	}
	if (g_str_equal(config->accel, "kvm") && kvm_refuses_arch_capabilities()) {
		add(arguments, "-global");
		add(arguments, "x86_64-cpu.arch-capabilities=off");
	}
	add(arguments, "-serial");
	add(arguments, "chardev:console");
	add(arguments, "-chardev");
	add(arguments, "stdio,id=console,signal=off");
	if (config->disk) {
		add(arguments, "-drive");
		g_ptr_array_add(arguments, g_strdup_printf("if=none,id=disk,format=raw,file=%s",
							   config->disk));
	}
	add(arguments, "-kernel");
	add(arguments, config->file);
	if (config->command_line) {
		add(arguments, "-append");
		g_ptr_array_add(arguments, g_strdup_printf("%s%s%s", config->command_line,
							   runner_word ? " " : "",
							   runner_word ? runner_word : ""));
	}
	for (char **extra = config->extra; extra && *extra; extra++)
		add(arguments, *extra);
	return arguments;
}

/* It goes on when the images of its memory have been made. */
static gboolean starts_stopped(const struct vm_config *config)
{
	return config->incoming && config->images && ram_images_wanted(config->images);
}

static void add_runner_arguments(GPtrArray *arguments, const struct vm_config *config)
{
	add(arguments, "-chardev");
	g_ptr_array_add(arguments, g_strdup_printf("socket,id=qmp,fd=%d", MONITOR_FD));
	add(arguments, "-mon");
	add(arguments, "chardev=qmp,mode=control");
	if (config->incoming || config->restore) {
		add(arguments, "-incoming");
		add(arguments, "defer");
	}
	if (starts_stopped(config))
		add(arguments, "-S");
	g_ptr_array_add(arguments, NULL);
}

/* The command as a person can run it: without the runner and its plumbing. */
static gboolean write_command(const struct vm_config *config, GError **error)
{
	g_autoptr(GPtrArray) arguments = command_line(config, NULL);
	GString *text = g_string_new(config->options & OPTION_NO_RANDOM ? "setarch -R " : NULL);
	struct log_file *log = log_file_create(config->command_path, error);
	gboolean written = FALSE;

	for (guint i = 0; log && i < arguments->len; i++) {
		g_autofree char *quoted = g_shell_quote(arguments->pdata[i]);
		gboolean plain = !strpbrk(arguments->pdata[i], " \t\n'\"\\$`*?[]{}()<>|&;#~") &&
				 *(char *)arguments->pdata[i];

		g_string_append_printf(text, "%s%s", i ? " " : "",
				       plain ? (char *)arguments->pdata[i] : quoted);
	}
	g_string_append_c(text, '\n');
	if (log) {
		log_file_write(log, text->str, text->len);
		written = !log_file_problem(log);
		if (!written)
			g_set_error_literal(error, FERRY_ERROR, 0, log_file_problem(log));
		log_file_close(log);
	}
	g_string_free(text, TRUE);
	return written;
}

static gboolean spawn(struct qemu *qemu, const struct vm_config *config, int console, int output,
		      int monitor, GError **error)
{
	g_autoptr(GPtrArray) arguments = command_line(config, config->runner_word);
	int files[] = { console, output, -1, monitor, config->restore };
	const int targets[] = { STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO, MONITOR_FD,
				RESTORE_FD };
	unsigned count = config->restore ? 5 : 4;
	struct child_orders orders = { getpid(), qemu->high_priority,
				       config->options & OPTION_NO_RANDOM };
	g_autoptr(GError) problem = NULL;
	gboolean started;

	if (config->command_path && !write_command(config, error))
		return FALSE;
	add_runner_arguments(arguments, config);
	files[2] = open(config->stderr_path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
	if (files[2] < 0) {
		g_set_error(error, FERRY_ERROR, 0, "cannot create %s: %s", config->stderr_path,
			    g_strerror(errno));
		return FALSE;
	}
	qemu->stderr_start = lseek(files[2], 0, SEEK_END);
	if (config->preforked && !orders.predictable)
		qemu->pid = preforked_start(config->preforked, (char **)arguments->pdata, files,
					    targets, count, qemu->high_priority);
	started = qemu->pid > 0 ||
		  g_spawn_async_with_pipes_and_fds(
			  NULL, (const char *const *)arguments->pdata, NULL,
			  G_SPAWN_SEARCH_PATH | G_SPAWN_DO_NOT_REAP_CHILD, in_child, &orders,
			  files[0], files[1], files[2], files + 3, targets + 3, count - 3,
			  &qemu->pid, NULL, NULL, NULL, &problem);
	close(files[2]);
	if (!started)
		g_set_error(error, FERRY_ERROR, 0, "cannot start %s: %s", config->binary,
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
	qemu_option_drop_channel(qemu);
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
	qemu->reply_seconds = config->reply_seconds;
	qemu->stderr_path = g_strdup(config->stderr_path);
	qemu->incoming = g_strdup(config->incoming);
	qemu->uses = config->uses;
	qemu->images = config->images;
	qemu->starts_stopped = starts_stopped(config);
	qemu->options = config->options;
	qemu->gather_ms = config->gather_ms;
	qemu->restores = config->restore != 0;
	qemu->output_held = qemu->incoming || qemu->restores;
	qemu->high_priority = config->high_priority && qemu->output_held;
	qemu->console = console[0];
	qemu->output = output[0];
	if (!qemu_option_make_channel(qemu, error) ||
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
	qemu->qmp = qmp_new(monitor[0], config->transcript, config->label, config->reply_seconds,
			    &monitor_listener, qemu);
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

const struct vmm qemu_vmm = {
	.name = "qemu",
	.capabilities = VMM_CAN_PAUSE | VMM_CAN_MIGRATE | VMM_CAN_RESET | VMM_CAN_MIGRATE_POSTCOPY |
			VMM_CAN_SAVE | VMM_CAN_BREAK_MIGRATION | VMM_CAN_SAVE_RUNNING |
			VMM_CAN_RECOVER_POSTCOPY,
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
