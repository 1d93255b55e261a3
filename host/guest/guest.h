/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A guest as the runner sees it, whichever VM carries it at the moment: its console, its questions,
 * and the actions on it. A struct guest owns every VM that it starts. The guest's logs are in one
 * folder: console, console-original-N (of snapshot source N), stderr, command, and qmp or, with
 * ferry-vmm, control.
 */
#ifndef FERRY_HOST_GUEST_H
#define FERRY_HOST_GUEST_H

#include "guest/console.h"
#include "report/result.h"
#include "vmm/vmm.h"

struct guest;

/* The message for a restore that changed the guest. %s is the VMM's line that says what differs. */
#define RESTORE_DIFFERS "what was restored is not what was saved: %s"

struct guest_listener {
	/*
	 * Called for each line of the console before the functions below, as in struct
	 * console_listener. May be NULL.
	 */
	void (*line)(void *data, const char *bytes, gsize length, unsigned number);
	/* Lines of the console, in order. `machine` gets no questions and no acknowledgements. */
	void (*human)(void *data, enum human_line kind, const char *text, unsigned number);
	void (*machine)(void *data, const struct machine_line *line);
	void (*violation)(void *data, const char *problem);
	/* The guest asks to be migrated, and waits for guest_answer_sentence(). */
	void (*sentence)(void *data, enum sentence sentence);
	/* A VMM that carries the guest has told its version. */
	void (*version)(void *data, const char *version);
	/* A VMM tells what it did to the guest by itself; keys and values are strings. */
	void (*figures)(void *data, GHashTable *values);
	/* A time question was answered, with these figures in ns. */
	void (*time_told)(void *data, guint64 sequence, gint64 monotonic, gint64 pause_min,
			  gint64 pause_max);
	/* The guest asks whether to run another round. */
	gboolean (*wants_more)(void *data);
	/* The guest asks which boot this is. Returns the answer, which the caller frees. */
	char *(*boot_asked)(void *data, unsigned boot);
	/*
	 * The guest is about to be saved while it runs, and is stopped for a moment. Its disk can
	 * be copied now.
	 */
	void (*stands_still)(void *data);
	/*
	 * The guest was saved while it ran, so there are two guests now. SOURCE is the one that was
	 * saved. It goes on when guest_go_on() is called. This listener stays with the guest that
	 * is restored from the file.
	 */
	void (*snapshot_source)(void *data, struct guest *source);
	/*
	 * The guest asks whether its disk holds what its disk marks say. Returns the answer, which
	 * the caller frees.
	 */
	char *(*disk_asked)(void *data);
	/* The guest, and every process that carried it, has ended. */
	void (*ended)(void *data, const struct vm_exit *exit);
	/* The guest cannot go on; PROBLEM is one line. Called at most once. */
	void (*failed)(void *data, enum failure_kind kind, const char *problem);
	/* Like failed(), for a VMM that cannot do on this host what the plan needs. */
	void (*unable)(void *data, const char *reason);
};

/* All that this points to must outlive the guest, except the two folders' names. */
struct guest_config {
	const struct vmm *vmm;
	const char *binary;	  /* the VMM's program */
	const char *other_binary; /* for every second VM of the guest; NULL: the same */
	struct vm_machine machine;
	struct vm_tuning tuning;
	struct ram_images *images; /* see struct vm_endpoint */
	const char *logdir;	   /* the folder of the guest's logs, which exists */
	const char *socket_dir;	   /* the folder of sockets for migrations */
};

/*
 * Starts the guest that CONFIG describes. The listener is not called before this returns. Returns
 * NULL and sets ERROR if the guest cannot be started.
 */
struct guest *guest_start(const struct guest_config *config, const struct guest_listener *listener,
			  void *data, GError **error);

/*
 * Each of these carries out one action on the guest and then calls DONE. There is one action at a
 * time. An action begins when the guest has read all answers that it was given.
 */
void guest_pause(struct guest *guest, gint64 microseconds, action_done_function done, void *data);
void guest_migrate(struct guest *guest, const struct migration_options *options,
		   action_done_function done, void *data);
/* Begins a migration and breaks it off. The guest stays where it is. */
void guest_break_migration(struct guest *guest, const struct broken_migration_options *options,
			   action_done_function done, void *data);
/* Saves and restores the guest COUNT times in its VM. */
void guest_cycle(struct guest *guest, unsigned count, action_done_function done, void *data);
/* Carries the guest's memory elsewhere by KVM's dirty tracking. The guest stays in its VM. */
void guest_carry(struct guest *guest, action_done_function done, void *data);
/*
 * DONE is called when the new boot has said hello. A guest that does not speak the protocol says no
 * hello, so for such a guest DONE is called when the machine was reset.
 */
void guest_reset(struct guest *guest, action_done_function done, void *data);
/*
 * Saves the guest to a file, from which another VMM restores it. Unless RUNNING, the guest is
 * stopped first, and its VMM ends. If RUNNING, the guest runs on while it is saved, the file holds
 * the state that the guest had when the save began, and the listener gets the snapshot source.
 * There is one source at a time: the next snapshot waits until the source has ended.
 */
void guest_snapshot(struct guest *guest, gboolean running, action_done_function done, void *data);

/* Lets the snapshot source go on. LISTENER is called from the main loop. */
void guest_go_on(struct guest *source, const struct guest_listener *listener, void *data);
/*
 * Ends GUEST's snapshot source. If KEEP, the log of its console stays. The source's listener must
 * not call this.
 */
void guest_end_snapshot_source(struct guest *guest, gboolean keep);

/* Whether the guest has suspended its VM, and has not yet said that it is awake. */
gboolean guest_is_suspended(const struct guest *guest);

/*
 * Sends the byte that a guest waits for after a migration sentence. A guest that is suspended gets
 * it when it is awake.
 */
void guest_answer_sentence(struct guest *guest);

const struct console *guest_console(const struct guest *guest);
/* Whether a VMM that carries the guest, or is to carry it, has crashed. */
gboolean guest_vmm_crashed(const struct guest *guest);
/* Why a log is not complete, or NULL. */
const char *guest_log_problem(const struct guest *guest);
/* What the guest or its action is waiting for, in a few words for a message, or NULL. */
const char *guest_waits_for(const struct guest *guest);

/*
 * Returns a number that changes whenever a CPU of the guest has run, or -1 if a CPU runs now, if
 * the VMM cannot tell, or if an action holds the guest. If only the guest's snapshot source is
 * left, the number is the source's.
 */
gint64 guest_activity(const struct guest *guest);

/*
 * How long UEFI firmware has run in all boots of the guest together, in us, and how long it has
 * been running now, or 0 if it does not run. Both are 0 for guests of foreign suites, which do not
 * say when the firmware has ended.
 */
gint64 guest_firmware_us(const struct guest *guest);
gint64 guest_in_firmware_us(const struct guest *guest);

/* Kills the guest's VMMs that still run. The listener must not call this. */
void guest_free(struct guest *guest);

#endif
