/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A guest as the runner sees it, whichever VM carries it at the moment: its
 * console, its questions, and its moves from one VM to the next. It owns every VM
 * that it starts. Its files are in one folder: console, console-original-N, stderr, qmp, command.
 */
#ifndef FERRY_HOST_GUEST_H
#define FERRY_HOST_GUEST_H

#include "guest/console.h"
#include "vmm/vmm.h"

struct guest;

struct guest_listener {
	/* Lines of the console, in order. `machine` gets all but questions and acknowledgements. */
	void (*human)(void *data, enum human_line kind, const char *text, unsigned number);
	void (*machine)(void *data, const struct machine_line *line);
	void (*violation)(void *data, const char *problem);
	/* The guest asks to be moved and waits for guest_answer_sentence(). */
	void (*sentence)(void *data, enum sentence sentence);
	/* A VMM that carries the guest has told its version. */
	void (*version)(void *data, const char *version);
	/* A time question was answered, with these figures in ns. */
	void (*time_told)(void *data, guint64 sequence, gint64 monotonic, gint64 pause_min,
			  gint64 pause_max);
	/* The guest asks whether to work another round. */
	gboolean (*wants_more)(void *data);
	/* The guest asks which boot this is: the answer, which the caller frees. */
	char *(*boot_asked)(void *data, unsigned boot);
	/* It is about to be saved while it runs, and stands still: the moment to copy its disk. */
	void (*stands_still)(void *data);
	/*
	 * There are two now: GUEST was saved while it ran, and goes on when it is told to
	 * (guest_go_on()), while a copy of it is the one that was asked to be saved.
	 */
	void (*snapshot_source)(void *data, struct guest *source);
	/* The guest asks whether its disk holds what it has said: the answer, which the caller
	 * frees. */
	char *(*disk_asked)(void *data);
	/* The guest, and every process that carried it, has ended. */
	void (*ended)(void *data, const struct vm_exit *exit);
	/* The guest cannot be carried on; PROBLEM is one line. Called once at most. */
	void (*failed)(void *data, const char *problem);
	/* Likewise: the VMM cannot do here what it is to be used for; REASON is one line. */
	void (*unable)(void *data, const char *reason);
};

/* All that this points to must outlive the guest, but for the two folders' names. */
struct guest_config {
	const struct vmm *vmm;
	const char *binary;	  /* the VMM's program */
	const char *other_binary; /* that every second VM of the guest runs; NULL: the same */
	struct vm_machine machine;
	struct vm_tuning tuning;
	struct ram_images *images; /* as struct vm_endpoint has them */
	const char *logdir;	   /* the folder of the guest's logs, which exists */
	const char *socket_dir;	   /* the folder of sockets for migrations */
};

/*
 * Starts the guest that CONFIG describes. The listener is not called before this returns. NULL
 * and ERROR if the guest cannot be started.
 */
struct guest *guest_start(const struct guest_config *config, const struct guest_listener *listener,
			  void *data, GError **error);

/*
 * Each of these does one thing to the guest and then calls DONE. One at a time.
 * They begin when the guest has read all answers that it was given.
 */
void guest_pause(struct guest *guest, gint64 microseconds, action_done_function done, void *data);
void guest_migrate(struct guest *guest, const struct migration_options *options,
		   action_done_function done, void *data);
/* A move that is begun and broken off: the guest stays. */
void guest_break_migration(struct guest *guest, const struct broken_migration_options *options,
			   action_done_function done, void *data);
/*
 * Done when the new boot has said hello; a guest that does not speak the protocol, when
 * the machine was reset.
 */
void guest_reset(struct guest *guest, action_done_function done, void *data);

/*
 * The guest is stopped and saved to a file, its VMM ends, and another one goes on with it
 * from the file. RUNNING: it runs on while it is saved, and from the file goes on what it was
 * when that began. The listener gets the original; there is one at a time, and the next
 * snapshot waits for its end.
 */
void guest_snapshot(struct guest *guest, gboolean running, action_done_function done, void *data);

/* The original goes on; what it does is told to LISTENER, from the main loop. */
void guest_go_on(struct guest *source, const struct guest_listener *listener, void *data);
/* Ends the original of GUEST. Its console's log is kept if KEEP. Not from inside its calls. */
void guest_end_snapshot_source(struct guest *guest, gboolean keep);

/* The byte that a guest waits for after a migration sentence. */
void guest_answer_sentence(struct guest *guest);

const struct console *guest_console(const struct guest *guest);
/* Why a log is not complete, or NULL. */
const char *guest_log_problem(const struct guest *guest);
/* What the guest, or a move, is waiting for, in a few words for a message, or NULL. */
const char *guest_waits_for(const struct guest *guest);

/* Kills what still runs. Not to be called from inside a call of the listener. */
void guest_free(struct guest *guest);

#endif
