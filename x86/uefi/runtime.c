// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * UEFI's runtime services (UEFI Specification 2.10, chapter 8) before and after an action, and
 * while the guest is migrated. The time comes from the real-time clock. Variables are in flash
 * memory, which takes commands (QEMU's hw/block/pflash_cfi01.c; JEDEC's Common Flash Interface): a
 * store is a write command and a data byte, and meanwhile reads give the chip's status. With SMM
 * the services do all that in SMM.
 *
 * A broken hypervisor or VMM loses the contents of the flash, or what the chip was doing when the
 * guest was stopped, or brings the clock back with another time; or the firmware's code has gone.
 * The tests see a status that is no success, or other data than they wrote. They cannot tell a
 * chip that lost a byte from one that lost a command.
 */
#include "libcflat.h"
#include "efi/efi.h"
#include "efi/efi-runtime.h"
#include "host.h"

#define EFI_OUT_OF_RESOURCES (EFI_ERROR_BIT | 9)
#define KEPT                                                                                       \
	(EFI_VARIABLE_NON_VOLATILE | EFI_VARIABLE_BOOTSERVICE_ACCESS | EFI_VARIABLE_RUNTIME_ACCESS)

#define DATA_SIZE 48

#define WORK_MS		 1000
#define READS_PER_STORE	 8
#define MOST_STORES	 50
#define FIRST_GENERATION 100
#define SECOND_NS	 1000000000l
/* How far a clock of whole seconds may be off, with the time that a question to the host takes. */
#define CLOCK_SLACK_S 2

/* Made for this program. */
static const struct efi_guid vendor = {
	0x7a0f4c52, 0x91d3, 0x4be6, { 0x8a, 0x27, 0x5f, 0x1c, 0xe4, 0x90, 0x36, 0xbd }
};
static const u16 name[] = { 'F', 'e', 'r', 'r', 'y', 0 };

struct data {
	u8 bytes[DATA_SIZE];
};

/* Differs in each byte from that of any generation near it. */
static struct data data_of(u32 generation)
{
	struct data data;

	for (int i = 0; i < DATA_SIZE; i++)
		data.bytes[i] = generation * 37 + i * 11;
	return data;
}

static bool set(u32 generation)
{
	struct data data = data_of(generation);
	efi_status status = efi_runtime()->set_variable(name, &vendor, KEPT, sizeof(data), &data);

	/* OVMF without SMM cleans up its store only at its next start. */
	if (status == EFI_OUT_OF_RESOURCES) {
		report_skip("the firmware has no room for another variable");
		return false;
	}
	return report_if_failed(status == EFI_SUCCESS, "SetVariable() says 0x%lx", status);
}

static bool check_is(u32 generation)
{
	struct data wanted = data_of(generation), data = { 0 };
	u64 size = sizeof(data);
	u32 attributes = 0;
	efi_status status = efi_runtime()->get_variable(name, &vendor, &attributes, &size, &data);

	if (broken("variable"))
		data.bytes[7]++;
	return report_if_failed(status == EFI_SUCCESS, "GetVariable() says 0x%lx", status) &&
	       report_if_failed(attributes == KEPT && size == sizeof(data),
				"the variable has attributes 0x%x and %lu bytes", attributes,
				size) &&
	       report_if_failed(!memcmp(&data, &wanted, sizeof(data)),
				"the variable has other data than was stored");
}

static void delete_it(void)
{
	efi_status status = efi_runtime()->set_variable(name, &vendor, KEPT, 0, NULL);
	struct data data;
	u64 size = sizeof(data);

	report_if_failed(status == EFI_SUCCESS, "SetVariable() without data returns 0x%lx", status);
	status = efi_runtime()->get_variable(name, &vendor, NULL, &size, &data);
	report(status == EFI_NOT_FOUND, "a variable that was deleted is not found (0x%lx)", status);
}

TEST(services_are_there, .needs = UEFI,
     .about = "the table of UEFI's runtime services has its signature before and after an action")
{
	const struct efi_runtime_services *services = efi_runtime();

	report(services->signature == EFI_RUNTIME_SERVICES_SIGNATURE, "the signature is 0x%lx",
	       services->signature);
	migrate();
	report(services->signature == EFI_RUNTIME_SERVICES_SIGNATURE,
	       "afterwards the signature is 0x%lx", services->signature);
}

/* Days since 1970-01-01, by the proleptic Gregorian calendar. */
static s64 days_of(s64 year, unsigned month, unsigned day)
{
	static const u16 before[] = { 0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334 };
	s64 leaps = (year - (month <= 2)) / 4 - (year - (month <= 2)) / 100 +
		    (year - (month <= 2)) / 400;

	return year * 365 + leaps + before[month - 1] + day - 1 - (1970 * 365 + 477);
}

/* Seconds since 1970. */
static bool get_time(s64 *seconds)
{
	struct efi_time time = { 0 };
	efi_status status = efi_runtime()->get_time(&time, NULL);

	if (!report_if_failed(status == EFI_SUCCESS, "GetTime() returns 0x%lx", status) ||
	    !report_if_failed(time.month >= 1 && time.month <= 12 && time.day >= 1 &&
				      time.day <= 31 && time.hour < 24 && time.minute < 60 &&
				      time.second < 60,
			      "GetTime() tells %d-%d-%d %d:%d:%d", time.year, time.month, time.day,
			      time.hour, time.minute, time.second))
		return false;
	*seconds = days_of(time.year, time.month, time.day) * 86400 + time.hour * 3600 +
		   time.minute * 60 + time.second;
	return true;
}

/* The clock, and the host's time just before and just after it was read, in ns. */
struct reading {
	s64 seconds, before, after;
};

static bool read_both(struct reading *reading)
{
	struct host_time host;

	host_time(&host);
	reading->before = host.realtime;
	if (!get_time(&reading->seconds))
		return false;
	host_time(&host);
	reading->after = host.realtime;
	return true;
}

TEST(time_goes_on, .needs = ALL_OF(UEFI, HOST_ANSWERS),
     .about = "UEFI's GetTime() goes on with the host's clock over an action")
{
	struct reading first, second;
	s64 passed, least, most;

	if (!read_both(&first))
		return;
	migrate();
	if (!read_both(&second))
		return;
	passed = second.seconds - first.seconds + (broken("time") ? 60 : 0);
	/* The real-time clock does not stop with the guest. */
	least = (second.before - first.after) / SECOND_NS - CLOCK_SLACK_S;
	most = (second.after - first.before) / SECOND_NS + CLOCK_SLACK_S;
	report(passed >= 0, "GetTime() went on by %ld s", passed);
	report(passed >= least && passed <= most,
	       "GetTime() went on by %ld s, and the host's clock by %ld to %ld s", passed,
	       least + CLOCK_SLACK_S, most - CLOCK_SLACK_S);
}

TEST(variable_kept, .needs = UEFI,
     .about =
	     "a UEFI variable that was stored before an action is read after it, changed and deleted")
{
	if (!set(1))
		return;
	check_is(1);
	migrate();
	report(check_is(1), "the variable is as it was");
	if (set(2))
		report(check_is(2), "it takes other data");
	delete_it();
}

TEST(variable_stored_on_the_way, .needs = UEFI,
     .about = "UEFI variables are stored and read while the guest is migrated again and again")
{
	u32 wrong = 0, stores = 0;
	struct deadline deadline;
	bool has_room = true;

	migrate_begin_continuous();
	deadline_start(&deadline, WORK_MS);
	/* The store of OVMF without SMM fills up, so most of the work is reading. */
	for (u32 i = 0; has_room && !deadline_passed(&deadline); i++) {
		if (i % READS_PER_STORE == 0 && stores < MOST_STORES)
			has_room = set(FIRST_GENERATION + stores++);
		if (has_room)
			wrong += !check_is(FIRST_GENERATION + stores - 1);
	}
	migrate_end_continuous();
	report(!wrong, "of %u stores, %u reads gave other data", stores, wrong);
	delete_it();
}
