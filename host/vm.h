/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the runner asks of a VMM. Each VMM is one `struct vmm` in one file; each
 * running virtual machine is a `struct vm` of one process. Nothing here waits:
 * everything that takes time ends in a call of the listener or of a `done`.
 */
#ifndef FERRY_HOST_VM_H
#define FERRY_HOST_VM_H

#include <glib.h>

#include "log-file.h"

struct vm;

/* What a VMM can do; plans name what they need. */
enum vmm_capability {
	VMM_CAN_PAUSE = 1 << 0,
	VMM_CAN_MOVE_LIVE = 1 << 1,
};

/* Everything that a machine is made of. Strings are copied where they are kept. */
struct vm_config {
	const char *binary;	  /* the VMM's program */
	const char *accel;	  /* "kvm" or "tcg" */
	const char *file;	  /* flat binary of the guest */
	const char *command_line; /* the guest's; NULL for none */
	const char *runner_word;  /* one more of its words, left out where a person runs it */
	unsigned smp;		  /* vCPUs */
	unsigned memory_mib;
	const char *machine; /* NULL for the default */
	char **extra;	     /* further arguments for the VMM; may be NULL */
	gboolean foreign;    /* a guest of kvm-unit-tests: its machine, its test devices */

	const char *label;	     /* short, for the transcript: "1", "2", ... */
	struct log_file *transcript; /* of the control channel; must outlive the VM */
	const char *stderr_path;     /* appended to by the VMM */
	const char *command_path;    /* where to write the command line, or NULL */
	unsigned reply_seconds;	     /* how long the control channel may be silent when asked */
	const char *incoming;	     /* wait for a move on this socket path; NULL: boot the guest */
};

struct vm_exit {
	int wait_status;  /* as waitpid(2) gives it */
	gboolean started; /* the VMM had come up and answered */
	gboolean reset;	  /* the guest reset itself, or triple-faulted */
	char *stderr_end; /* the last line that the VMM wrote to stderr, or NULL */
};

/* "exit status 1: cannot load ...", "killed by signal 9 (Killed)". The caller frees it. */
char *vm_exit_describe(const struct vm_exit *exit);

struct vm_listener {
	/* The VMM has come up, and tells its version, "7.2.22". */
	void (*version)(void *owner, struct vm *vm, const char *version);
	/* The guest wrote to its console. Not called while the VM's output is held. */
	void (*output)(void *owner, struct vm *vm, const char *bytes, gsize length);
	/* A VM with `incoming` can be moved to; its output is held until vm_release_output(). */
	void (*ready)(void *owner, struct vm *vm);
	/* The process has ended and all its output was delivered. The VM may be freed. */
	void (*exited)(void *owner, struct vm *vm, const struct vm_exit *exit);
	/* The VMM cannot be talked to any more; PROBLEM is one line. The process may still run. */
	void (*broken)(void *owner, struct vm *vm, const char *problem);
};

/* How one move, or one pause, went. Times are of the host's clocks. */
struct move_stats {
	gint64 started;	      /* CLOCK_REALTIME, ns */
	gint64 total_ns;      /* from the order to the end */
	gint64 pause_min_ns;  /* the guest stood still for at least this long ... */
	gint64 pause_max_ns;  /* ... and at most this long */
	guint64 bytes;	      /* sent */
	guint64 passes;	      /* over memory */
	guint64 pages_sent;   /* zero pages included */
	guint64 pages_in_ram; /* pages that there are to send */
};

struct move_options {
	guint64 bandwidth; /* bytes a second; 0 for no limit */
};

/* PROBLEM is NULL after success; else STATS is NULL. */
typedef void (*move_done_function)(void *data, const struct move_stats *stats, const char *problem);

struct vmm {
	const char *name;
	unsigned capabilities; /* of enum vmm_capability */

	struct vm *(*start)(const struct vm_config *config, const struct vm_listener *listener,
			    void *owner, GError **error);
	/* Console input for the guest. A VMM that does not take it reports itself broken. */
	void (*send)(struct vm *vm, const char *bytes, gsize length);
	/* Delivers held output from now on. */
	void (*release_output)(struct vm *vm);
	/* Stops the guest for MICROSECONDS and lets it go on. */
	void (*pause)(struct vm *vm, gint64 microseconds, move_done_function done, void *data);
	/*
	 * Moves the guest to TO, which must be ready. All that the guest wrote in VM is
	 * delivered before `done`. If the move fails, the guest may go on in VM.
	 */
	void (*move)(struct vm *vm, struct vm *to, const struct move_options *options,
		     move_done_function done, void *data);
	/* Asks the process to end; `exited` follows. It is killed if it does not listen. */
	void (*quit)(struct vm *vm);
	/* Kills the process if it still runs, and waits for its end. No listener is called. */
	void (*free)(struct vm *vm);
};

/* The common head of every VMM's own struct. */
struct vm {
	const struct vmm *vmm;
};

extern const struct vmm qemu_vmm;

#endif
