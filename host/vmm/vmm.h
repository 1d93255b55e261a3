/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the runner asks of a VMM. Each VMM is a `struct vmm`, whose folder is beside this file
 * (table.c). Each running virtual machine is a `struct vm` of one process. No function waits. If
 * something takes time, its end is told later, from the main loop, by a call of the listener or of
 * `done`.
 */
#ifndef FERRY_HOST_VM_H
#define FERRY_HOST_VM_H

#include <glib.h>

#include "report/action-stats.h"
#include "report/command.h"
#include "suite/firmware.h"
#include "suite/settings.h"
#include "util/log-file.h"
#include "vmm/ram-images.h"

struct vm;

/* What a VMM can do. Plans name what they need. */
enum vmm_capability {
	VMM_CAN_PAUSE = 1 << 0,
	VMM_CAN_MIGRATE = 1 << 1,
	VMM_CAN_RESET = 1 << 2,
	VMM_CAN_MIGRATE_POSTCOPY = 1 << 3,
	VMM_CAN_SAVE = 1 << 4,
	VMM_CAN_BREAK_MIGRATION = 1 << 5,
	VMM_CAN_SAVE_RUNNING = 1 << 6,
	VMM_CAN_RECOVER_POSTCOPY = 1 << 7,
	/* All of a guest is saved, restored in a VM made from nothing, and compared ... */
	VMM_CAN_CYCLE = 1 << 8, /* ... in the same process, also by itself all along */
	VMM_CAN_FILE = 1 << 9,	/* ... through a file, in another process */
	VMM_CAN_FORK = 1 << 10, /* ... in another process, and the guest that was saved goes on */
	/* Memory is carried by KVM's dirty tracking alone. */
	VMM_CAN_CARRY = 1 << 11,
};

/* What a VMM does to its guest by itself, or is ready to do, from the guest's start on. */
enum vm_habit {
	HABIT_NONE,
	HABIT_CYCLE_AT_EXITS,  /* VMM_CAN_CYCLE: at each exit to user space */
	HABIT_CYCLE_AT_RANDOM, /* VMM_CAN_CYCLE: at random moments */
	HABIT_CYCLE_BY_REVERT, /* VMM_CAN_CYCLE: at random moments, back into the same VM */
	HABIT_CARRY_BY_LOG,    /* VMM_CAN_CARRY: dirty pages are told in a bitmap */
	HABIT_CARRY_BY_RING,   /* VMM_CAN_CARRY: ... in rings */
};

/* The VMM cycles its guest by itself, whether the guest asks for something or not. */
static inline gboolean habit_is_cycle(enum vm_habit habit)
{
	return habit == HABIT_CYCLE_AT_EXITS || habit == HABIT_CYCLE_AT_RANDOM ||
	       habit == HABIT_CYCLE_BY_REVERT;
}

/*
 * Options for how a machine is made and how its stream is carried. They are the words that may
 * follow a plan's name (plan/option.c).
 */
enum vm_option {
	OPTION_MULTIFD = 1 << 0,       /* memory goes over several connections */
	OPTION_XBZRLE = 1 << 1,	       /* a page that was sent before is sent as a difference */
	OPTION_COMPRESS = 1 << 2,      /* pages are compressed by threads */
	OPTION_AUTO_CONVERGE = 1 << 3, /* a guest that writes too fast is slowed down */
	OPTION_DIRTY_RING = 1 << 4,    /* KVM tells in rings which pages are dirty */
	OPTION_HUGE_PAGES = 1 << 5,    /* the guest's memory is in pages of 2 MiB */
	OPTION_MEMFD = 1 << 6,	       /* the guest's memory is a shared memfd */
	OPTION_TCP = 1 << 7,	       /* the stream goes over TCP */
	OPTION_EXEC = 1 << 8,	       /* the stream goes through two processes and a FIFO */
	OPTION_FILE = 1 << 9,	     /* the stream goes into a file, which the destination reads */
	OPTION_DELAY = 1 << 10,	     /* the plan waits a little before each action */
	OPTION_NO_RANDOM = 1 << 11,  /* all VMMs have the same things at the same addresses */
	OPTION_DISK_ERROR = 1 << 12, /* the disk refuses a write before the guest is saved */
	OPTION_PREEMPT = 1 << 13, /* post-copy: pages that were asked for have their own stream */
	OPTION_RELEASE_RAM = 1 << 14, /* post-copy: the source gives back what it has sent */
	OPTION_ZLIB = 1 << 15,	      /* what goes over several connections is compressed */
	OPTION_LATE = 1 << 16, /* a migration is broken off when the guest was stopped for it */
	OPTION_PEEK = 1 << 17, /* the VMM reads all registers of a stopped guest */
};

/*
 * Versions of the two machine types that guests are written for, e.g. "pc-q35-7.2". NULL: the
 * newest that the VMM has.
 */
struct machine_types {
	char *q35, *pc;
};

/* A VMM's programs, and what was found out about them before anything starts. */
struct vmm_programs {
	char *binary;
	char *other_binary;	    /* every second VM of a guest runs it; NULL: there is one */
	struct machine_types types; /* of guests that both can carry */
};

/* What the guest sees. It is the same for each VM that carries the guest. */
struct vm_machine {
	const char *accel; /* "kvm" or "tcg" */
	enum firmware firmware;
	const char *file;	  /* the guest's image, which FIRMWARE starts */
	const char *command_line; /* the guest's; NULL for none */
	const char *runner_word;  /* a further word, left out of the command for people */
	unsigned smp;		  /* vCPUs */
	unsigned memory_mib;	  /* RAM; with UEFI firmware at least LEAST_UEFI_MEMORY_MIB */
	const char *type;	  /* with its properties, "q35,accel=kvm"; NULL for the default */
	const struct machine_types *versions; /* of the type, where it is q35 or pc */
	enum vm_habit habit;
	guint32 seed;		/* of what the VMM does at random */
	const char *disk;	/* a raw image, for a device with `drive=disk`; NULL for none */
	char **arguments;	/* further ones for the VMM; may be NULL */
	gboolean kvm_unit_test; /* a guest of kvm-unit-tests: its machine, its test devices */
	/*
	 * The guest's first instruction waits for the first migration. Without this, a short guest
	 * would end before a migration can begin.
	 */
	gboolean waits_for_migration;
	unsigned uses;	  /* of enum vmm_capability: what the VMM will be asked to do */
	unsigned options; /* of enum vm_option */
};

/* What one VM has for itself: its program, its logs, and where its guest comes from. */
struct vm_endpoint {
	const char *binary;	     /* the VMM's program */
	const char *label;	     /* short, for the transcript: "1", "2", ... */
	struct log_file *transcript; /* of the control channel; must outlive the VM */
	const char *stderr_path;     /* appended to by the VMM */
	const char *command_path;    /* where to write the command line, or NULL */
	const char *incoming;	     /* wait for a guest on this socket path; NULL: boot it */
	int restore;		     /* an open file that save() wrote; 0: nothing to restore */
	gboolean postcopy;	     /* the guest comes by a post-copy migration */
	/* Made at both ends of each migration and snapshot, before the guest goes on; or NULL. */
	struct ram_images *images;
};

/* How fast the VMM is on this host, and what makes it faster. The guest does not see it. */
struct vm_tuning {
	const char *preforked;	/* path of lab/preforked.so, to start by fork; NULL: do not */
	unsigned gather_ms;	/* how long console output is gathered before it is read */
	gboolean high_priority; /* until the VM can take its guest (child.h) */
	unsigned reply_seconds; /* how long the control channel may be silent when asked */
};

/* Strings are copied where they are kept. */
struct vm_config {
	struct vm_machine machine;
	struct vm_endpoint endpoint;
	struct vm_tuning tuning;
};

struct vm_exit {
	int wait_status;  /* as waitpid(2) gives it */
	gboolean started; /* the VMM had come up and answered */
	gboolean reset;	  /* the guest reset itself, or triple-faulted */
	gboolean ordered; /* it was meant to end, in whatever way */
	char *stderr_end; /* the last line that the VMM wrote to stderr, or NULL */
	/* What it restored is not what it had saved; `stderr_end` tells what differs. */
	gboolean differs;
	int guest_status; /* what the guest left with, 0 to 127; -1: it did not leave */
	/* The VMM may have failed instead: its own failure would look like this `guest_status`. */
	gboolean doubtful;
};

/* "exit status 1: cannot load ...", "killed by signal 9 (Killed)". The caller frees it. */
char *vm_exit_describe(const struct vm_exit *exit);

/*
 * Writes the command ARGUMENTS, quoted for a shell, to CONFIG's `command_path`. FALSE and ERROR if
 * it cannot be written.
 */
gboolean vm_write_command(const struct vm_config *config, const GPtrArray *arguments,
			  GError **error);

struct vm_listener {
	/* The VMM has started and tells its version, "7.2.22". */
	void (*version)(void *owner, struct vm *vm, const char *version);
	/* The guest wrote to its console. Not called while the VM's output is held. */
	void (*output)(void *owner, struct vm *vm, const char *bytes, gsize length);
	/*
	 * A VM with `incoming` or `restore` can take its guest. Its output is held until
	 * release_output().
	 */
	void (*ready)(void *owner, struct vm *vm);
	/* The guest has suspended its machine (ACPI's S3). */
	void (*suspended)(void *owner, struct vm *vm);
	/*
	 * The guest is about to be saved while it runs, and is stopped for a moment. All that it
	 * wrote was delivered. The part of its state that is not in the VM (its disk) is to be
	 * copied now.
	 */
	void (*stands_still)(void *owner, struct vm *vm);
	/* What the VMM did by itself: VALUES, of char *, as its result is to tell them. */
	void (*figures)(void *owner, struct vm *vm, GHashTable *values);
	/* The process has ended and all its output was delivered. The VM may be freed. */
	void (*exited)(void *owner, struct vm *vm, const struct vm_exit *exit);
	/* The VMM cannot be talked to any more; PROBLEM is one line. The process may still run. */
	void (*broken)(void *owner, struct vm *vm, const char *problem);
	/* On this host the VMM cannot do what it is to be used for. REASON is one line. */
	void (*unable)(void *owner, struct vm *vm, const char *reason);
};

struct migration_options {
	guint64 bandwidth;	/* bytes a second; 0 for no limit */
	gboolean kill_source;	/* the source is killed when it has sent all */
	gboolean postcopy;	/* the guest goes as soon as the stream flows */
	guint64 late_bandwidth; /* bytes a second, for what is left to send then */
	unsigned cuts;		/* how often the stream is then cut and recovered */
	guint cut_after_ms;	/* how long after the guest went, if the stream still flows */
};

/* How a migration is broken off in mid-flight. The guest then stays where it is. */
struct broken_migration_options {
	enum { BREAK_BY_CANCEL, BREAK_BY_DEATH } how; /* BREAK_BY_DEATH: of the destination */
	/* All memory was sent, and the guest was stopped, so that the rest can be sent. */
	gboolean late;
	guint64 bandwidth; /* bytes a second; of no meaning if it is late */
	guint after_ms;	   /* since the stream began to flow, or since the guest was stopped */
};

/* PROBLEM is NULL after success, and one line after failure; then STATS is NULL. */
typedef void (*action_done_function)(void *data, const struct action_stats *stats,
				     const char *problem);

/*
 * Every VMM has `name`, `transcript`, find_programs(), start(), send(), give_to(), quit(), kill()
 * and free(). A VMM that can migrate, save or restore also has release_output(). Each capability
 * has a function, which is NULL in a VMM that lacks it; lacks(), end() and activity() may be NULL
 * in any.
 */
struct vmm {
	const char *name;
	const char *transcript; /* the name of the log of its control channel */
	gboolean kvm_alone;	/* it has no other accelerator */
	unsigned capabilities;	/* of enum vmm_capability */
	unsigned options;	/* of enum vm_option: those that it knows */
	/*
	 * The options of `ferry run` that name its program and the second one, "--qemu" and
	 * "--qemu-dst", for the command that runs a case again. NULL: it has no such option, or
	 * cli/run-again.c repeats it.
	 */
	const char *binary_option, *other_binary_option;
	/*
	 * What a lab that does not see the host's files packs for it (lab/pack-files): "qemu", the
	 * default QEMU with its firmware, or a program in the build folder or in $PATH. NULL: all
	 * that lab/pack-files knows.
	 */
	const char *lab_files;
	/* Its program is a QEMU, so the versions of QEMU in known-issues.cfg are about it. */
	gboolean is_qemu;

	/*
	 * Fills in PROGRAMS. The caller clears them with vmm_programs_clear(), also after FALSE,
	 * when ERROR tells what is missing.
	 */
	gboolean (*find_programs)(struct vmm_programs *programs, const struct settings *wanted,
				  GError **error);
	/*
	 * What the VMM lacks of MACHINE, as one line that the caller frees; NULL: nothing. The
	 * accelerator and the files of MACHINE may be missing. May be NULL: it lacks nothing.
	 */
	char *(*lacks)(const struct vm_machine *machine);
	/* Ends what the VMM keeps between one VM and the next. May be NULL. */
	void (*end)(void);

	/*
	 * Starts a VM. LISTENER is called with OWNER, but not before this returns. The caller frees
	 * the VM with `free`. NULL and ERROR if it cannot be started.
	 */
	struct vm *(*start)(const struct vm_config *config, const struct vm_listener *listener,
			    void *owner, GError **error);
	/* Console input for the guest. A VMM that does not take it reports itself broken. */
	void (*send)(struct vm *vm, const char *bytes, gsize length);
	/* From now on the listener is called with OWNER. */
	void (*give_to)(struct vm *vm, void *owner);
	/* The output is not held any more, and is delivered from now on. */
	void (*release_output)(struct vm *vm);
	/* Stops the guest for MICROSECONDS and lets it go on. */
	void (*pause)(struct vm *vm, gint64 microseconds, action_done_function done, void *data);
	/* Saves and restores the guest COUNT times in this process. */
	void (*cycle)(struct vm *vm, unsigned count, action_done_function done, void *data);
	/* Carries the guest's memory elsewhere while it runs, and then lets it go on there. */
	void (*carry)(struct vm *vm, action_done_function done, void *data);
	/*
	 * Migrates the guest to TO, which must be ready. All that the guest wrote in VM is
	 * delivered before `done`. If the migration fails, the guest may go on in VM.
	 */
	void (*migrate)(struct vm *vm, struct vm *to, const struct migration_options *options,
			action_done_function done, void *data);
	/*
	 * Begins to migrate the guest to TO, which must be ready, and breaks that off. TO cannot be
	 * used after that. The stats are those of the moment before the break.
	 */
	void (*break_migration)(struct vm *vm, struct vm *to,
				const struct broken_migration_options *options,
				action_done_function done, void *data);
	/*
	 * Resets the whole machine, which goes on running. What the new boot writes may be
	 * delivered before `done`.
	 */
	void (*reset)(struct vm *vm, action_done_function done, void *data);
	/*
	 * Stops the guest and writes all of it to FILE. RUNNING: it is stopped only for a
	 * moment, and what it writes after that is held. What it wrote until it was stopped is
	 * delivered before `done`. Messages call the file PATH, which must outlive the action.
	 */
	void (*save)(struct vm *vm, int file, const char *path, gboolean running,
		     action_done_function done, void *data);
	/*
	 * Waits until VM, which was started with `restore` and is ready, has its guest. Then lets
	 * the guest go on.
	 */
	void (*restore)(struct vm *vm, action_done_function done, void *data);
	/*
	 * Wakes a guest that has suspended its machine. A machine that runs is left alone. NULL:
	 * guests of this VMM cannot suspend it.
	 */
	void (*wake)(struct vm *vm);
	/*
	 * A number that changes whenever a vCPU has run; -1 if one runs or is about to, or if that
	 * is not known. May be NULL.
	 */
	gint64 (*activity)(struct vm *vm);
	/* Asks the process to end. `exited` follows. */
	void (*quit)(struct vm *vm);
	/* Kills the process. `exited` follows, with `ordered`. */
	void (*kill)(struct vm *vm);
	/* Kills the process if it still runs, and waits for its end. No listener is called. */
	void (*free)(struct vm *vm);
};

/* The common head of every VMM's own struct. */
struct vm {
	const struct vmm *vmm;
	gboolean crashed; /* the process died of a signal that was not meant for it */
	/* The guest's clocks stop whenever the VMM does something to it by itself. */
	gboolean clocks_stop;
};

/* Every VMM, ended by NULL. The first is the default. */
extern const struct vmm *const vmms[];

void vmm_programs_clear(struct vmm_programs *programs);

/* The VMM NAME; NULL and ERROR if there is none. */
const struct vmm *vmm_find(const char *name, GError **error);

/* "qemu or native": what --vmm can be told. The caller frees it. */
char *vmm_names(void);

/* How a command names the VMM of results. NAME may be NULL, which is the default, or unknown. */
struct vmm_words vmm_words(const char *name);

#endif
