// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * See save.h. With --save, the file gets its name only when it is complete. Until then it is
 * FILE.part, which a process that is killed may leave behind.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "control.h"
#include "coverage.h"
#include "director.h"
#include "machine.h"
#include "message.h"
#include "pause.h"
#include "save.h"
#include "saved-guest.h"
#include "sentence.h"
#include "state/state.h"
#include "vcpu.h"

/* ---- a guest from a file ---- */

static struct saved_guest *restored;

void restore_prepare(struct options *options)
{
	int fd = options->restore_fd;
	const char *name = "the saved guest";

	if (options->restore) {
		name = options->restore;
		fd = open(name, O_RDONLY | O_CLOEXEC);
		if (fd < 0)
			die(STATUS_SETUP, "cannot read %s: %s", name, strerror(errno));
	}
	if (fd < 0)
		return;
	restored = saved_guest_read(fd, name);
	close(fd);
	saved_guest_shape(restored, options);
}

bool restore_wanted(void)
{
	return restored;
}

void restore_carry_out(struct machine *machine)
{
	if (!restored)
		return;
	saved_guest_restore(restored, machine);
	pause_tell(machine);
	control_say("event ready");
	/* A guest that --save has saved waits for this answer. */
	sentence_answer(machine);
}

/* ---- a guest into a file ---- */

static int64_t write_guest(int fd, struct machine *machine)
{
	struct state *state = state_save(machine);
	int64_t bytes = saved_guest_write(fd, machine, state);
	int error = errno;

	coverage_count(state, machine->vm->shape.cpus);
	state_free(state);
	errno = error;
	return bytes;
}

static void save_as(const char *path, struct machine *machine)
{
	size_t length = strlen(path) + sizeof(".part");
	char *part = allocate(length);
	int64_t bytes;
	int fd;

	snprintf(part, length, "%s.part", path);
	fd = open(part, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
	if (fd < 0)
		die(STATUS_SETUP, "cannot save the guest in %s: %s", part, strerror(errno));
	bytes = write_guest(fd, machine);
	if (bytes < 0 || close(fd) < 0 || rename(part, path) < 0) {
		int error = errno;

		unlink(part);
		die(STATUS_SETUP, "cannot save the guest in %s: %s", path, strerror(error));
	}
	message("the guest is saved in %s (%lld bytes); --restore %s lets it go on", path,
		(long long)bytes, path);
	free(part);
}

bool save_when_due(struct machine *machine)
{
	if (!machine->options->save || !sentence_waits(machine))
		return false;
	save_as(machine->options->save, machine);
	return true;
}

void save_was_missed(const struct machine *machine)
{
	if (machine->options->save)
		message("%s was not written: the guest has ended without asking to be migrated",
			machine->options->save);
}

/* ---- the runner's requests ---- */

void action_save(struct machine *machine, struct request *request)
{
	int64_t bytes;

	if (request->file < 0) {
		control_error(request, "no file came with the request");
		return;
	}
	vcpus_stop(machine);
	bytes = write_guest(request->file, machine);
	if (bytes < 0) {
		control_error(request, "cannot save the guest: %s", strerror(errno));
		director_go(machine);
		return;
	}
	machine->held = true;
	control_ok(request, "bytes=%lld", (long long)bytes);
}

void action_go(struct machine *machine, struct request *request)
{
	machine->held = false;
	director_go(machine);
	control_ok(request, "%s", "");
}
