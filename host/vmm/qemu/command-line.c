// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The command line of a QEMU: QEMU's manual page, and kvm-unit-tests' x86/run for what their
 * guests expect.
 */
#include <string.h>

#include "util/kvm.h"
#include "util/text.h"
#include "vmm/qemu/command-line.h"
#include "vmm/qemu/firmware.h"
#include "vmm/qemu/uefi.h"

/*
 * With a thread for each vCPU, TCG loses a guest's writes to memory now and then during a
 * migration; docs/findings.md has what was seen.
 */
#define RELIABLE_TCG "tcg,thread=single"

/* A guest has no use for these devices; without them QEMU starts sooner. */
#define DEFAULT_MACHINE "q35"
#define WITHOUT_DEVICES ",smbus=off,sata=off,usb=off,vmport=off,hpet=off"

#define LEAST_UEFI_MEMORY G_STRINGIFY(LEAST_UEFI_MEMORY_MIB)
/* MiB that kvm-unit-tests' x86/efi/run gives a guest. */
#define KVM_UNIT_TESTS_UEFI_MEMORY "256"

/* Entries for each vCPU, a power of 2. A full ring makes QEMU collect it. */
#define DIRTY_RING_SIZE 4096

static void add(GPtrArray *arguments, const char *argument)
{
	g_ptr_array_add(arguments, g_strdup(argument));
}

static gboolean has_argument(char **arguments, const char *name)
{
	return arguments && g_strv_contains((const char *const *)arguments, name);
}

/* The argument after the last NAME in ARGUMENTS, or NULL. */
static const char *argument(char **arguments, const char *name)
{
	const char *value = NULL;

	for (char **word = arguments; word && word[0] && word[1]; word++)
		if (g_str_equal(word[0], name))
			value = word[1];
	return value;
}

/* ---- the machine ---- */

static gboolean is_type(const char *type, const char *name)
{
	size_t length = strlen(name);

	return g_str_has_prefix(type, name) && (!type[length] || type[length] == ',');
}

/* The version that this run has chosen for the type of MACHINE, or NULL. */
static const char *version_of(const struct vm_machine *machine)
{
	if (!machine->type)
		return machine->kvm_unit_test ? machine->versions->pc : machine->versions->q35;
	if (is_type(machine->type, "q35"))
		return machine->versions->q35;
	if (is_type(machine->type, "pc"))
		return machine->versions->pc;
	return NULL;
}

/* The value of -machine, or NULL for QEMU's default. The caller frees it. */
static char *type_of(const struct vm_machine *machine)
{
	const char *properties = machine->type ? strchr(machine->type, ',') : NULL;
	const char *version = version_of(machine);
	gboolean ours = !machine->type && !machine->kvm_unit_test;

	if (version)
		return g_strconcat(version,
				   properties ? properties
				   : ours     ? WITHOUT_DEVICES
					      : NULL,
				   NULL);
	return g_strdup(ours ? DEFAULT_MACHINE WITHOUT_DEVICES : machine->type);
}

static void add_accelerator(GPtrArray *arguments, const struct vm_machine *machine)
{
	gboolean reliable = g_str_equal(machine->accel, "tcg") && !machine->kvm_unit_test;
	const char *accel = reliable ? RELIABLE_TCG : machine->accel;

	add(arguments, "-accel");
	if (machine->options & OPTION_DIRTY_RING)
		g_ptr_array_add(arguments,
				g_strdup_printf("%s,dirty-ring-size=%u", accel, DIRTY_RING_SIZE));
	else
		add(arguments, accel);
}

/* Under UEFI kvm-unit-tests' guests have one vCPU, as x86/efi/run starts them. */
static gboolean is_uefi_kvm_unit_test(const struct vm_machine *machine)
{
	return machine->kvm_unit_test && machine->firmware != FIRMWARE_USUAL;
}

/* A program's own -m, and --memory, do not count the memory that UEFI firmware needs. */
static gboolean needs_more_memory(const struct vm_machine *machine)
{
	const char *named = argument(machine->arguments, "-m");
	gint64 mib = machine->memory_mib;

	if (machine->firmware == FIRMWARE_USUAL || (machine->kvm_unit_test && !named))
		return FALSE;
	return (!named || text_number(named, 0, G_MAXINT, &mib)) && mib < LEAST_UEFI_MEMORY_MIB;
}

static void add_memory(GPtrArray *arguments, const struct vm_machine *machine)
{
	const char *named =
		needs_more_memory(machine) ? LEAST_UEFI_MEMORY : argument(machine->arguments, "-m");
	g_autofree char *size =
		named ? g_strdup(named) : g_strdup_printf("%u", machine->memory_mib);
	const char *unit = g_ascii_isdigit(size[strlen(size) - 1]) ? "M" : "";
	const char *kind = machine->options & OPTION_HUGE_PAGES ? ",hugetlb=on,hugetlbsize=2M" : "";

	if (!machine->kvm_unit_test && !named) {
		add(arguments, "-m");
		add(arguments, size);
	} else if (is_uefi_kvm_unit_test(machine) && !named) {
		add(arguments, "-m");
		add(arguments, KVM_UNIT_TESTS_UEFI_MEMORY);
	}
	if (!(machine->options & (OPTION_HUGE_PAGES | OPTION_MEMFD)))
		return;
	add(arguments, "-object");
	g_ptr_array_add(arguments,
			g_strdup_printf("memory-backend-memfd,id=memory,size=%s%s,share=on%s", size,
					unit, kind));
	add(arguments, "-machine");
	add(arguments, "memory-backend=memory");
}

/*
 * A guest of kvm-unit-tests gets the machine and the firmware that it was written for: QEMU's
 * defaults, as kvm-unit-tests' own runner has them.
 */
static void add_machine(GPtrArray *arguments, const struct vm_machine *machine)
{
	g_autofree char *type = type_of(machine);

	if (type) {
		add(arguments, "-machine");
		add(arguments, type);
	}
	add_accelerator(arguments, machine);
	if (machine->firmware != FIRMWARE_USUAL) {
		uefi_add_arguments(arguments, uefi_find(machine->firmware, NULL));
	} else if (!machine->kvm_unit_test && !has_argument(machine->arguments, "-bios")) {
		add(arguments, "-bios");
		add(arguments, FIRMWARE);
	}
	add_memory(arguments, machine);
	add(arguments, "-smp");
	g_ptr_array_add(arguments,
			g_strdup_printf("%u", is_uefi_kvm_unit_test(machine) ? 1 : machine->smp));
}

static void add_devices(GPtrArray *arguments, const struct vm_machine *machine)
{
	add(arguments, "-device");
	add(arguments, "isa-debug-exit,iobase=0xf4,iosize=0x4");
	if (machine->kvm_unit_test) {
		add(arguments, "-device");
		add(arguments, "pc-testdev");
		add(arguments, "-device");
		add(arguments, "pci-testdev");
		add(arguments, "-global");
		add(arguments, "kvm-pit.lost_tick_policy=discard");
	}
	if (g_str_equal(machine->accel, "kvm") && kvm_offers()->refuses_arch_capabilities) {
		add(arguments, "-global");
		add(arguments, "x86_64-cpu.arch-capabilities=off");
	}
	add(arguments, "-serial");
	add(arguments, "chardev:console");
	add(arguments, "-chardev");
	add(arguments, "stdio,id=console,signal=off");
	if (machine->disk) {
		add(arguments, "-drive");
		g_ptr_array_add(arguments, g_strdup_printf("if=none,id=disk,format=raw,file=%s",
							   machine->disk));
	}
}

static void add_guest(GPtrArray *arguments, const struct vm_machine *machine,
		      const char *runner_word)
{
	if (machine->firmware == FIRMWARE_UEFI_SECURE) {
		g_autofree char *words =
			g_strjoin(" ", machine->command_line ?: "", runner_word, NULL);

		uefi_add_disk(arguments, machine->file, words);
		return;
	}
	add(arguments, "-kernel");
	add(arguments, machine->file);
	if (machine->command_line) {
		add(arguments, "-append");
		g_ptr_array_add(arguments, g_strdup_printf("%s%s%s", machine->command_line,
							   runner_word ? " " : "",
							   runner_word ? runner_word : ""));
	}
}

/* "-cpu max" is everything that the host offers. A program may say otherwise. */
static void add_further(GPtrArray *arguments, const struct vm_machine *machine)
{
	if (!machine->kvm_unit_test && !has_argument(machine->arguments, "-cpu")) {
		add(arguments, "-cpu");
		add(arguments, "max");
	}
	for (char **word = machine->arguments; word && *word; word++)
		add(arguments, *word);
	/* If an option comes twice, the last one counts. */
	if (needs_more_memory(machine)) {
		add(arguments, "-m");
		add(arguments, LEAST_UEFI_MEMORY);
	}
}

static void add_firmware_folders(GPtrArray *arguments, const char *binary)
{
	for (const char *const *folder = qemu_firmware_folders(binary); *folder; folder++) {
		add(arguments, "-L");
		add(arguments, *folder);
	}
}

static GPtrArray *command_line(const struct vm_config *config, const char *runner_word)
{
	GPtrArray *arguments = g_ptr_array_new_with_free_func(g_free);

	add(arguments, config->endpoint.binary);
	add(arguments, "--no-reboot");
	add(arguments, "-nodefaults");
	add(arguments, "-no-user-config");
	add_firmware_folders(arguments, config->endpoint.binary);
	add(arguments, "-display");
	add(arguments, "none");
	add_machine(arguments, &config->machine);
	add_devices(arguments, &config->machine);
	add_guest(arguments, &config->machine, runner_word);
	add_further(arguments, &config->machine);
	return arguments;
}

/* ---- for the runner ---- */

gboolean qemu_has_firmware(const struct vm_config *config, GError **error)
{
	const struct vm_machine *machine = &config->machine;

	if (machine->firmware != FIRMWARE_USUAL)
		return uefi_find(machine->firmware, error) != NULL;
	return machine->kvm_unit_test || has_argument(machine->arguments, "-bios") ||
	       qemu_finds_firmware(config->endpoint.binary, error);
}

gboolean qemu_waits_for_migration(const struct vm_config *config)
{
	return config->machine.waits_for_migration && !config->endpoint.incoming &&
	       !config->endpoint.restore;
}

gboolean qemu_starts_stopped(const struct vm_config *config)
{
	if (!config->endpoint.incoming)
		return FALSE;
	return config->machine.options & OPTION_PEEK ||
	       (config->endpoint.images && ram_images_wanted(config->endpoint.images));
}

GPtrArray *qemu_command_line(const struct vm_config *config)
{
	GPtrArray *arguments = command_line(config, config->machine.runner_word);

	add(arguments, "-chardev");
	g_ptr_array_add(arguments, g_strdup_printf("socket,id=qmp,fd=%d", MONITOR_FD));
	add(arguments, "-mon");
	add(arguments, "chardev=qmp,mode=control");
	if (config->endpoint.incoming || config->endpoint.restore) {
		add(arguments, "-incoming");
		add(arguments, "defer");
	}
	if (qemu_starts_stopped(config) || qemu_waits_for_migration(config))
		add(arguments, "-S");
	g_ptr_array_add(arguments, NULL);
	return arguments;
}

/* ---- for people ---- */

gboolean qemu_write_command(const struct vm_config *config, GError **error)
{
	g_autoptr(GPtrArray) arguments = command_line(config, NULL);

	return vm_write_command(config, arguments, error);
}
