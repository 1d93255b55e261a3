/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A guest as the runner sees it, whichever VM carries it at the moment: its console, its questions,
 * and the actions on it. It owns every VM that it starts. Its logs are in one folder: console,
 * console-original-N (of the snapshot source number N), stderr, qmp, command.
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
	/* The guest asks to be migrated, and waits for guest_answer_sentence(). */
	void (*sentence)(void *data, enum sentence sentence);
	/* A VMM that carries the guest has told its version. */
	void (*version)(void *data, const char *version);
	/* A time question was answered, with these figures in ns. */
	void (*time_told)(void *data, guint64 sequence, gint64 monotonic, gint64 pause_min,
			  gint64 pause_max);
	/* The guest asks whether to work another round. */
	gboolean (*wants_more)(void *data);
	/* The guest asks which boot this is. Returns the answer, which the caller frees. */
	char *(*boot_asked)(void *data, unsigned boot);
	/* The guest is to be saved while it runs, and is stopped: the moment to copy its disk. */
	void (*stands_still)(void *data);
	/*
	 * The guest was saved while it ran, and there are two of it now. SOURCE is the one that
	 * was saved; it goes on when guest_go_on() is called. The one from the file is the
	 * guest that this listener is for.
	 */
	void (*snapshot_source)(void *data, struct guest *source);
	/*
	 * The guest asks whether its disk holds what it has said. Returns the answer, which the
	 * caller frees.
	 */
	char *(*disk_asked)(void *data);
	/* The guest, and every process that carried it, has ended. */
	void (*ended)(void *data, const struct vm_exit *exit);
	/* The guest cannot be carried on; PROBLEM is one line. Called once at most. */
	void (*failed)(void *data, const char *problem);
	/* As failed(), but the VMM cannot do here what the plan needs. REASON is one line. */
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
 * Each of these carries out one action on the guest and then calls DONE. There is one action at a
 * time. It begins when the guest has read all answers that it was given.
 */
void guest_pause(struct guest *guest, gint64 microseconds, action_done_function done, void *data);
void guest_migrate(struct guest *guest, const struct migration_options *options,
		   action_done_function done, void *data);
/* A migration that is begun and broken off. The guest stays. */
void guest_break_migration(struct guest *guest, const struct broken_migration_options *options,
			   action_done_function done, void *data);
/*
 * Done when the new boot has said hello, or when the machine was reset if the guest does not speak
 * the protocol.
 */
void guest_reset(struct guest *guest, action_done_function done, void *data);
/*
 * The guest is stopped and saved to a file. Its VMM ends, and another one restores the guest.
 * RUNNING: the guest runs on while it is saved, and the file holds what it was when that began. The
 * listener gets the snapshot source. There is one at a time, and the next snapshot waits for its
 * end.
 */
void guest_snapshot(struct guest *guest, gboolean running, action_done_function done, void *data);

/* The snapshot source goes on. LISTENER gets what it does, from the main loop. */
void guest_go_on(struct guest *source, const struct guest_listener *listener, void *data);
/* Ends GUEST's snapshot source. KEEP: the log of its console stays. Not from inside its calls. */
void guest_end_snapshot_source(struct guest *guest, gboolean keep);

/* The byte that a guest waits for after a migration sentence. */
void guest_answer_sentence(struct guest *guest);

const struct console *guest_console(const struct guest *guest);
/* Why a log is not complete, or NULL. */
const char *guest_log_problem(const struct guest *guest);
/* What the guest or its action is waiting for, in a few words for a message, or NULL. */
const char *guest_waits_for(const struct guest *guest);

/* Kills what still runs. Not to be called from inside a call of the listener. */
void guest_free(struct guest *guest);

#endif
