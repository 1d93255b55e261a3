// SPDX-License-Identifier: GPL-2.0-or-later
/* See options.h. */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cpu-features.h"
#include "dirty.h"
#include "message.h"
#include "options.h"
#include "state/state.h"

#define VERSION		 "1"
#define USUAL_MEMORY_MIB 128
#define LEAST_MEMORY_MIB 8
#define USUAL_SHARE	 2
#define MOST_FORGOTTEN	 1000000000
#define MOST_FILES	 1023

static void print_help(void)
{
	printf("Usage: ferry-vmm [OPTION]... IMAGE | ferry-vmm --restore FILE\n"
	       "Runs the multiboot IMAGE on KVM. Its console is stdin and stdout.\n"
	       "\n"
	       "  --append TEXT       the guest's command line\n"
	       "  --cpus N            vCPUs (default 1)\n"
	       "  --memory MIB        RAM (default %d)\n"
	       "  --cpu LIST          features, as QEMU's -cpu has them: max,-x2apic,hv-time\n"
	       "                      (default: all that KVM has, without Hyper-V)\n"
	       "  --hyperv LIST       more parts of Hyper-V: hv-vpindex,hv-synic\n"
	       "  --cycle exit|kick|revert  save and restore at exits, at random, or in one VM\n"
	       "  --save FILE         when the guest asks to be migrated, save it and end\n"
	       "  --restore FILE      continue a saved guest\n"
	       "  --forget NAME,...   leave these out of each restore; 'list' lists the names\n"
	       "  --carry log|ring    migrate within this process, by KVM's dirty log or rings\n"
	       "  --forget-dirty N    leave out one dirty page in N, which a guest should notice\n"
	       "  --seed N            for random choices\n"
	       "  --irqchip WHERE     kernel (default), split or off\n"
	       "  --device FILE       instead of /dev/kvm\n"
	       "  --control FD, --restore-fd FD   for the runner (docs/native-vmm.md)\n"
	       "  --help, --version\n"
	       "\n"
	       "Options may begin with one dash. Exit status: 0 the guest reset itself, 2\n"
	       "usage or set-up, 4 a restore did not restore everything, 6 KVM gave up, 8 KVM\n"
	       "lacks something, odd: (the byte that the guest wrote to port 0xf4) * 2 + 1.\n",
	       USUAL_MEMORY_MIB);
}

static unsigned long number(const char *option, const char *text, unsigned long least,
			    unsigned long most)
{
	unsigned long value;
	char *end;

	errno = 0;
	value = strtoul(text, &end, 0);
	if (errno || end == text || *end || *text == '-' || value < least || value > most)
		die(STATUS_SETUP, "--%s wants a number from %lu to %lu, and not '%s'", option,
		    least, most, text);
	return value;
}

/* The index of TEXT in NAMES, a list that ends with NULL. */
static int one_of(const char *option, const char *text, const char *const *names)
{
	for (int i = 0; names[i]; i++)
		if (!strcmp(text, names[i]))
			return i;
	die(STATUS_SETUP, "--%s does not know '%s' (see --help)", option, text);
}

enum {
	APPEND = 1,
	CPUS,
	MEMORY,
	CYCLE,
	SEED,
	IRQCHIP,
	DEVICE,
	CONTROL,
	HELP,
	SHOW_VERSION,
	CPU,
	HYPERV,
	FORGET,
	SAVE,
	RESTORE,
	RESTORE_FD,
	CARRY,
	FORGET_DIRTY,
};

static const struct option known[] = {
	{ "append", required_argument, NULL, APPEND },
	{ "cpus", required_argument, NULL, CPUS },
	{ "memory", required_argument, NULL, MEMORY },
	{ "cpu", required_argument, NULL, CPU },
	{ "forget", required_argument, NULL, FORGET },
	{ "hyperv", required_argument, NULL, HYPERV },
	{ "cycle", required_argument, NULL, CYCLE },
	{ "carry", required_argument, NULL, CARRY },
	{ "forget-dirty", required_argument, NULL, FORGET_DIRTY },
	{ "seed", required_argument, NULL, SEED },
	{ "irqchip", required_argument, NULL, IRQCHIP },
	{ "device", required_argument, NULL, DEVICE },
	{ "control", required_argument, NULL, CONTROL },
	{ "save", required_argument, NULL, SAVE },
	{ "restore", required_argument, NULL, RESTORE },
	{ "restore-fd", required_argument, NULL, RESTORE_FD },
	{ "help", no_argument, NULL, HELP },
	{ "version", no_argument, NULL, SHOW_VERSION },
	{ 0 },
};

static void forget(const char *list)
{
	const char *unknown;

	if (!strcmp(list, "list")) {
		state_print_pieces(stdout);
		exit(0);
	}
	unknown = state_forget(list);
	if (unknown)
		die(STATUS_SETUP, "--forget knows no '%s' (see --forget list)", unknown);
}

static void take(struct options *options, int option, const char *value)
{
	static const char *const cycles[] = { "never", "exit", "kick", "revert", NULL };
	static const char *const carries[] = { "never", "log", "ring", NULL };
	static const char *const irqchips[] = { "kernel", "split", "off", NULL };

	switch (option) {
	case APPEND:
		options->command_line = value;
		break;
	case CPUS:
		options->shape.cpus = number("cpus", value, 1, MOST_CPUS);
		break;
	case MEMORY:
		options->memory_mib = number("memory", value, LEAST_MEMORY_MIB, MOST_MEMORY_MIB);
		break;
	case CPU:
		options->cpu = value;
		hyperv_read_cpu(&options->shape.hyperv, value);
		options->shape.tsc_khz = features_tsc_khz(value);
		break;
	case FORGET:
		forget(value);
		break;
	case HYPERV:
		hyperv_read(&options->shape.hyperv, value);
		break;
	case CYCLE:
		options->cycle.when = one_of("cycle", value, cycles);
		break;
	case CARRY:
		options->carry = one_of("carry", value, carries);
		break;
	case FORGET_DIRTY:
		options->forget_dirty = number("forget-dirty", value, 1, MOST_FORGOTTEN);
		break;
	case SEED:
		options->cycle.seed = number("seed", value, 0, ~0ul);
		break;
	case IRQCHIP:
		options->shape.irqchip = one_of("irqchip", value, irqchips);
		break;
	case DEVICE:
		options->device = value;
		break;
	case CONTROL:
		options->control = number("control", value, 0, MOST_FILES);
		break;
	case SAVE:
		options->save = value;
		break;
	case RESTORE:
		options->restore = value;
		break;
	case RESTORE_FD:
		options->restore_fd = number("restore-fd", value, 0, MOST_FILES);
		break;
	case HELP:
		print_help();
		exit(0);
	case SHOW_VERSION:
		printf("ferry-vmm " VERSION "\n");
		exit(0);
	default:
		die(STATUS_SETUP, "bad usage (see --help)");
	}
}

void options_read(struct options *options, int argc, char **argv)
{
	int option;

	*options = (struct options){
		.command_line = "",
		.device = "/dev/kvm",
		.cpu = "",
		.memory_mib = USUAL_MEMORY_MIB,
		.shape = { .cpus = 1 },
		.cycle = { .busy = USUAL_SHARE },
		.control = -1,
		.restore_fd = -1,
	};
	while ((option = getopt_long_only(argc, argv, "", known, NULL)) >= 0)
		take(options, option, optarg);
	options->image = argv[optind];
	if (!options->image && !options->restore && options->restore_fd < 0)
		die(STATUS_SETUP, "name one image to run (see --help)");
	if (options->image && argv[optind + 1])
		die(STATUS_SETUP, "name one image to run (see --help), and not '%s', too",
		    argv[optind + 1]);
	hyperv_check(options->shape.hyperv);
	if (options->carry && options->cycle.when)
		die(STATUS_SETUP, "--carry and --cycle exclude each other");
	if (options->carry && options->save)
		die(STATUS_SETUP, "--carry and --save exclude each other");
	if (options->carry == CARRY_RING)
		options->shape.dirty_ring_bytes = DIRTY_RING_BYTES;
	if (options->shape.irqchip == IRQCHIP_OFF && options->shape.cpus > 1)
		die(STATUS_SETUP, "--irqchip off allows one vCPU only");
}
