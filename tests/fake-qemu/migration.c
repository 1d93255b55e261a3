// SPDX-License-Identifier: GPL-2.0-or-later
/* Migrations and snapshots of the guest: its numbers, over a socket or through a file. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "fake-qemu.h"

struct migration migration = {
	.file = -1,
	.slow_stream = -1,
	.late_stream = -1,
	.keeps_memory_back = true,
	.failure = "",
};

void migration_event(const char *status)
{
	char data[64];

	snprintf(data, sizeof(data), "{\"status\": \"%s\"}", status);
	event("MIGRATION", data);
}

/*
 * Returns a socket that JOIN (connect or bind) has joined to PATH, or says why not and returns -1.
 */
static int open_socket(const char *path, int (*join)(int, const struct sockaddr *, socklen_t))
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	if (fd >= 0 && !join(fd, (struct sockaddr *)&address, sizeof(address)))
		return fd;
	fprintf(stderr, "fake-qemu: %s: %s\n", path, strerror(errno));
	close(fd);
	return -1;
}

int connect_to(const char *path)
{
	return open_socket(path, connect);
}

static int listen_at(const char *path)
{
	int fd;

	unlink(path); /* an earlier stream may have left it; QEMU removes it too */
	fd = open_socket(path, bind);
	if (fd < 0 || listen(fd, 1) < 0)
		exit(2);
	return fd;
}

/* Waits for the one connection that comes to LISTENING. */
static int accept_one(int listening)
{
	int fd = accept(listening, NULL, NULL);

	close(listening);
	return fd;
}

static void hand_over_guest(const char *path)
{
	int fd = connect_to(path);
	char arrived;

	if (fd < 0) {
		migration_event("failed");
		return;
	}
	if (migration.postcopy && migration.keeps_memory_back)
		migration_event("postcopy-active");
	event("STOP", "");
	guest_runs = false;
	guest.actions++;
	if (migration.cuttable) {
		if (write(fd, &guest, sizeof(guest)) == sizeof(guest))
			migration.late_stream = fd;
		return;
	}
	/* If the destination dies, the runner reports it, and not this process. */
	if (write(fd, &guest, sizeof(guest)) == sizeof(guest) && read(fd, &arrived, 1) == 1)
		migration_event("completed");
	else if (migration.postcopy)
		migration_event("postcopy-paused");
	close(fd);
}

void send_guest(const char *path)
{
	say("{\"return\": {}}");
	migration_event("setup");
	migration_event("active");
	free(migration.destination);
	migration.destination = strdup(path);
	if (!usual("mid-migration") || migration.postcopy)
		return;
	if (!migration.slow && !migration.waits_for_leave) {
		hand_over_guest(path);
		return;
	}
	migration.slow_stream = connect_to(path);
	if (migration.slow_stream < 0) {
		migration_event("failed");
	} else if (migration.waits_for_leave) {
		event("STOP", "");
		guest_runs = false;
		migration_event("pre-switchover");
	}
}

void break_off(const char *status)
{
	close(migration.slow_stream);
	migration.slow_stream = -1;
	migration_event(status);
	if (!migration.waits_for_leave)
		return;
	guest_runs = true;
	event("RESUME", "");
	run_guest(NULL);
}

void start_postcopy(void)
{
	say("{\"return\": {}}");
	hand_over_guest(migration.destination);
}

void save_guest(void)
{
	say("{\"return\": {}}");
	migration_event("setup");
	migration_event("active");
	if (!usual("mid-save"))
		return;
	guest.actions++;
	write_all(migration.file, (const char *)&guest, sizeof(guest));
	close(migration.file);
	if (migration.background && usual("background")) {
		event("RESUME", "");
		guest_runs = usual("goes-on");
	}
	migration_event("completed");
}

void restore_guest(int file)
{
	say("{\"return\": {}}");
	migration_event("setup");
	migration_event("active");
	if (read(file, &guest, sizeof(guest)) != sizeof(guest)) {
		fprintf(stderr, "fake-qemu: the snapshot is too short\n");
		exit(1);
	}
	migration_event("completed");
}

void receive_guest(const char *path)
{
	int listening = listen_at(path), fd;

	say("{\"return\": {}}");
	migration_event("setup");
	fd = accept_one(listening);
	if (!usual("mid-migration"))
		return;
	if (read(fd, &guest, sizeof(guest)) != sizeof(guest)) {
		fprintf(stderr, "fake-qemu: the stream ended early\n");
		exit(1);
	}
	migration_event("active");
	if (!migration.arrives_stopped)
		event("RESUME", "");
	if (!usual("late-pages"))
		return;
	if (migration.cuttable) {
		migration.late_stream = fd;
		guest_runs = true;
		run_guest(NULL);
		return;
	}
	migration_event("completed");
	write_all(fd, "y", 1);
	close(fd);
	if (migration.arrives_stopped)
		return;
	guest_runs = usual("arrived");
	run_guest(NULL);
}

void cut_stream(void)
{
	close(migration.late_stream);
	migration.late_stream = -1;
	migration_event("postcopy-paused");
}

void go_on_sending(const char *path)
{
	char arrived;
	int fd = connect_to(path);

	say("{\"return\": {}}");
	migration_event("postcopy-recover");
	migration_event("postcopy-active");
	/* If this stream is cut, too, another one ends the migration. */
	if (read(fd, &arrived, 1) == 1)
		migration_event("completed");
	close(fd);
}

void go_on_receiving(const char *path)
{
	int listening = listen_at(path), fd;

	say("{\"return\": {}%s}", monitor.answer_id);
	fd = accept_one(listening);
	migration_event("postcopy-recover");
	migration_event("postcopy-active");
	if (!usual("recovered"))
		return;
	migration_event("completed");
	write_all(fd, "y", 1);
	close(fd);
}

void tell_figures(void)
{
	say("{\"return\": {\"status\": \"%s\", \"downtime\": 3, \"total-time\": 5, \"error-desc\": \"%s\", \"ram\": {\"page-size\": 4096, \"mbps\": 480.5, \"postcopy-requests\": 7, \"remaining\": 400000, \"transferred\": 300000, \"dirty-sync-count\": 3, \"normal\": 80, \"duplicate\": %d, \"total\": %d}}}",
	    migration.slow_stream < 0	? "completed"
	    : migration.waits_for_leave ? "pre-switchover"
					: "active",
	    migration.failure, PAGES_IN_RAM, PAGES_IN_RAM * 4096);
}
