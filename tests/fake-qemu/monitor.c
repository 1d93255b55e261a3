// SPDX-License-Identifier: GPL-2.0-or-later
/* The monitor: the part of QMP that the runner uses. */
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>

#include "fake-qemu.h"

struct monitor monitor = { .status = "running" };

void say(const char *format, ...)
{
	char line[4096];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(line, sizeof(line) - 2, format, arguments);
	va_end(arguments);
	strcat(line, "\r\n");
	write_all(QMP_FD, line, strlen(line));
}

void event(const char *name, const char *data)
{
	struct timeval now;

	gettimeofday(&now, NULL);
	say("{\"timestamp\": {\"seconds\": %lld, \"microseconds\": %ld}, \"event\": \"%s\"%s%s}",
	    (long long)now.tv_sec + monitor.stamp_seconds, (long)now.tv_usec, name,
	    *data ? ", \"data\": " : "", data);
}

/* Returns the value of "NAME":"VALUE" in a line of JSON that the runner has written. */
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

/* Returns the part after "unix:" of the argument `uri`, or all of it. */
static const char *path_of(const char *uri)
{
	return strncmp(uri, "unix:", 5) ? uri : uri + 5;
}

static void accept_command(const char *uri)
{
	say("{\"return\": {}}");
	run_guest(NULL);
}

static void migrate(const char *uri)
{
	if (!strncmp(uri, "file:/proc/", 11))
		migration.file = open(uri + 5, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	if (!strcmp(uri, "fd:snapshot") || !strncmp(uri, "file:/proc/", 11))
		save_guest();
	else if (strstr(monitor.command, "\"resume\":true"))
		go_on_sending(path_of(uri));
	else
		send_guest(path_of(uri));
}

static void migrate_incoming(const char *uri)
{
	if (!strncmp(uri, "fd:", 3))
		restore_guest(atoi(uri + 3));
	else if (!strncmp(uri, "file:/proc/", 11))
		restore_guest(open(uri + 5, O_RDONLY));
	else
		receive_guest(path_of(uri));
}

static void migrate_start_postcopy(const char *uri)
{
	start_postcopy();
}

static void migrate_cancel(const char *uri)
{
	say("{\"return\": {}}");
	break_off("cancelled");
}

static void migrate_pause(const char *uri)
{
	say("{\"return\": {}}");
	cut_stream();
}

static void migrate_recover(const char *uri)
{
	go_on_receiving(path_of(uri));
}

static void query_migrate(const char *uri)
{
	tell_figures();
}

static void query_memory_size_summary(const char *uri)
{
	say("{\"return\": {\"base-memory\": %d}}", PAGES_IN_RAM * 4096);
}

static void query_status(const char *uri)
{
	say("{\"return\": {\"status\": \"%s\"}}", monitor.status);
}

static void stop(const char *uri)
{
	guest_runs = false;
	event("STOP", "");
	accept_command(uri);
}

static void cont(const char *uri)
{
	guest_runs = usual("arrived") || role == SOURCE;
	event("RESUME", "");
	accept_command(uri);
}

static void quit(const char *uri)
{
	say("{\"return\": {}}");
	exit(0);
}

static void system_reset(const char *uri)
{
	say("{\"return\": {}}");
	if (usual("reset"))
		reset_guest(false);
	run_guest(NULL);
}

static void system_wakeup(const char *uri)
{
	wake_guest();
	accept_command(uri);
}

/* All other commands are accepted, and do nothing. */
static const struct command {
	const char *name;
	void (*obey)(const char *uri);
} commands[] = {
	{ "migrate", migrate },
	{ "migrate-incoming", migrate_incoming },
	{ "migrate-start-postcopy", migrate_start_postcopy },
	{ "migrate_cancel", migrate_cancel },
	{ "migrate-pause", migrate_pause },
	{ "migrate-recover", migrate_recover },
	{ "query-migrate", query_migrate },
	{ "query-memory-size-summary", query_memory_size_summary },
	{ "query-status", query_status },
	{ "stop", stop },
	{ "cont", cont },
	{ "quit", quit },
	{ "system_reset", system_reset },
	{ "system_wakeup", system_wakeup },
};

static void obey_command(const char *name, const char *uri)
{
	for (size_t i = 0; i < sizeof(commands) / sizeof(*commands); i++)
		if (!strcmp(commands[i].name, name)) {
			commands[i].obey(uri);
			return;
		}
	accept_command(uri);
}

/* Remembers settings that later commands depend on. */
static void remember_settings(const char *line)
{
	migration.cuttable |= strstr(line, "\"oob\"") != NULL;
	if (strstr(line, "\"postcopy-ram\""))
		migration.postcopy = strstr(line, "\"state\":true") != NULL;
	if (strstr(line, "\"pause-before-switchover\""))
		migration.waits_for_leave = strstr(line, "\"state\":true") != NULL;
	migration.background |= strstr(line, "\"background-snapshot\"") != NULL;
	if (strstr(line, "\"max-bandwidth\""))
		migration.slow = strstr(line, "\"max-bandwidth\":262144") != NULL;
}

void obey(const char *line)
{
	char *command = member(line, "execute"), *uri = member(line, "uri");

	monitor.command = line;
	monitor.answer_id[0] = '\0';
	if (!*command) {
		free(command);
		command = member(line, "exec-oob");
		snprintf(monitor.answer_id, sizeof(monitor.answer_id), ", \"id\": %d",
			 atoi(strstr(line, "\"id\":") + strlen("\"id\":")));
	}
	if (usual(command)) {
		remember_settings(line);
		obey_command(command, uri);
	}
	free(command);
	free(uri);
}
