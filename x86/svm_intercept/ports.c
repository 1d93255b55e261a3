// SPDX-License-Identifier: GPL-2.0-or-later
/* The I/O permission map (15.10). The head of svm_intercept.c says what is tested and how. */
#include "migrate.h"
#include "processor.h"
#include "x86/svm_intercept/svm_intercept.h"

/* With REP, they access two bytes, words or doublewords. */
#define STRING_STUB(id, instruction)                                                               \
	STUB(id,                                                                                   \
	     "mov operand_port, %edx; mov $2, %ecx; "                                              \
	     "mov $operand_buffer, %esi; mov $operand_buffer, %edi",                               \
	     instruction, "")

STRING_STUB(ins8, "insb")
STRING_STUB(ins16, "insw")
STRING_STUB(ins32, "insl")
STRING_STUB(outs8, "outsb")
STRING_STUB(outs16, "outsw")
STRING_STUB(outs32, "outsl")
STRING_STUB(rep_ins8, "rep insb")
STRING_STUB(rep_ins32, "rep insl")
STRING_STUB(rep_outs8, "rep outsb")
STRING_STUB(rep_outs16, "rep outsw")
STRING_STUB(ins8_a32, "addr32 insb")
STRING_STUB(rep_outs32_a32, "addr32 rep outsl")

/* EXITINFO1 without the port (15.10.2). */
#define ROW(id, bytes, exitinfo1)                                                                  \
	{                                                                                          \
		INSTRUCTION(id), .exit = SVM_EXIT_IOIO, .information = exitinfo1, .size = bytes    \
	}
#define IN(bits)  (SVM_IOIO_IN | SVM_IOIO_SZ##bits)
#define OUT(bits) (SVM_IOIO_SZ##bits)
#define STRING	  (SVM_IOIO_STR | SVM_IOIO_A64)
#define REPEATED  (SVM_IOIO_REP | STRING)

static const struct row port_accesses[] = {
	ROW(in8, 1, IN(8)),
	ROW(in16, 2, IN(16)),
	ROW(in32, 4, IN(32)),
	ROW(out8, 1, OUT(8)),
	ROW(out16, 2, OUT(16)),
	ROW(out32, 4, OUT(32)),
	ROW(ins8, 1, IN(8) | STRING),
	ROW(ins16, 2, IN(16) | STRING),
	ROW(ins32, 4, IN(32) | STRING),
	ROW(outs8, 1, OUT(8) | STRING),
	ROW(outs16, 2, OUT(16) | STRING),
	ROW(outs32, 4, OUT(32) | STRING),
	ROW(rep_ins8, 1, IN(8) | REPEATED),
	ROW(rep_ins32, 4, IN(32) | REPEATED),
	ROW(rep_outs8, 1, OUT(8) | REPEATED),
	ROW(rep_outs16, 2, OUT(16) | REPEATED),
	ROW(ins8_a32, 1, IN(8) | SVM_IOIO_STR | SVM_IOIO_A32),
	ROW(rep_outs32_a32, 4, OUT(32) | SVM_IOIO_REP | SVM_IOIO_STR | SVM_IOIO_A32),
};

#define ADDRESS_SIZES (SVM_IOIO_A16 | SVM_IOIO_A32 | SVM_IOIO_A64)
/*
 * With decode assists, the segment of a string's address: DS or ES, as the instruction encodes it.
 */
#define IOIO_SEGMENT GENMASK(12, 10)
/* No device has these ports. Accesses to the first one cross a byte of the map. */
#define SPARE_PORT 0xe5
#define LAST_PORT  0xffff

static u64 ignored_info; /* bits of EXITINFO1 that are not checked */

static bool iopm_bit(const struct l2 *l2, u32 bit)
{
	return l2->iopm[bit / 8] >> bit % 8 & 1;
}

/*
 * The map has bits for 64 Ki ports and for three more, which accesses to the last ones use
 * (15.10.1).
 */
static void set_iopm_bit(struct l2 *l2, u32 bit, bool on)
{
	l2_set_map_bit(l2->iopm, bit, on);
}

bool port_should_exit(const struct l2 *l2, const struct row *row)
{
	bool any = false;

	for (u32 i = 0; i < row->size; i++)
		any |= iopm_bit(l2, base_port + i);
	return any && svm_intercepts(l2, INTERCEPT_IOIO_PROT);
}

bool check_port(const struct l2 *l2, const struct row *row, const char *when)
{
	const struct vmcb_control_area *control = &l2->vmcb->control;
	u64 info = row->information | base_port << 16;
	bool good = report_if_failed(((control->exitinfo1 ^ info) & ~ignored_info) == 0,
				     "%s: %s, port 0x%x: EXITINFO1 is 0x%lx and not 0x%lx", when,
				     row->name, base_port, control->exitinfo1, info);
	return report_if_failed(control->exitinfo2 == (u64)row->after,
				"%s: %s, port 0x%x: EXITINFO2 is 0x%lx and not the next RIP, 0x%lx",
				when, row->name, base_port, control->exitinfo2, (u64)row->after) &&
	       good;
}

static struct l2 *begin_ports(void)
{
	struct l2 *l2;

	/* The manual defines the address size for strings, which have a test of their own. */
	ignored_info = ADDRESS_SIZES | IOIO_SEGMENT;
	base_port = SPARE_PORT;
	l2 = begin(port_accesses, ARRAY_SIZE(port_accesses));
	svm_set_intercept(l2, INTERCEPT_IOIO_PROT);
	return l2;
}

/* Sets one bit at a time: from the port before PORT to the one after the widest access. */
static bool port_by_port(struct l2 *l2, u32 port, const char *when)
{
	bool good = true;
	u32 bit;

	base_port = port;
	for (bit = port - 1; good && bit <= port + 4; bit++) {
		if (bit > LAST_PORT + 3)
			break;
		report_prefix_pushf("port 0x%x, bit 0x%x set", port, bit);
		set_iopm_bit(l2, bit, true);
		good = quiet_turn(l2, when);
		set_iopm_bit(l2, bit, false);
		report_prefix_pop();
	}
	return report(good,
		      "%s: %d accesses to port 0x%x, for each bit of the map from 0x%x to 0x%x",
		      when, row_count, port, port - 1, bit - 1);
}

/*
 * A broken hypervisor looks only at the bit of the first port, at one byte of the map, or at a
 * neighbour's bit; or its own map interferes after the migration.
 */
TEST(ports_by_bit, .on = EACH_CPU, .needs = SVM,
     .about =
	     "a port access exits if the I/O map has a bit set for any of its ports, across a migration in L2")
{
	struct l2 *l2 = begin_ports();

	if (port_by_port(l2, SPARE_PORT, "before the migration")) {
		migrate_inside = true;
		port_by_port(l2, SPARE_PORT, "after a migration in L2");
		port_by_port(l2, SPARE_PORT + 3, "after the migration");
	}
	end(l2);
}

/* A broken hypervisor's map ends with the last port, but accesses may cross it. */
TEST(ports_last, .on = EACH_CPU, .needs = SVM,
     .about =
	     "accesses to the last ports exit by the three bits of the I/O map after them, across a migration in L2")
{
	struct l2 *l2 = begin_ports();

	migrate_inside = true;
	for (u32 port = LAST_PORT - 3; port <= LAST_PORT; port++)
		port_by_port(l2, port, "after a migration in L2");
	end(l2);
}

/* Sets the bits of all ports of the rows, but not those of the console and the time source. */
static void set_all_ports(struct l2 *l2, u8 byte)
{
	memset(l2->iopm + SPARE_PORT / 8, byte, 2);
	memset(l2->iopm + LAST_PORT / 8, byte, 2);
}

/* A broken hypervisor looks at the map though L1 does not intercept ports at all. */
TEST(ports_off, .on = EACH_CPU, .needs = SVM,
     .about =
	     "the I/O map has no effect without IOIO_PROT, and has it at once with it, across a migration in L2")
{
	struct l2 *l2 = begin_ports();

	memset(l2->iopm, 0xff, LAST_PORT / 8 + 2);
	svm_clear_intercept(l2, INTERCEPT_IOIO_PROT);
	if (migrated_turn(l2, "all bits but not IOIO_PROT, after a migration in L2")) {
		svm_set_intercept(l2, INTERCEPT_IOIO_PROT);
		turn(l2, "all bits and IOIO_PROT");
	}
	end(l2);
}

/* A broken hypervisor keeps a copy of the map from the entry before. */
TEST(ports_changed, .on = EACH_CPU, .needs = SVM,
     .about =
	     "bits of the I/O map that L1 changes take effect at the next entry, after a migration in L1 with GIF clear")
{
	struct l2 *l2 = begin_ports();

	set_all_ports(l2, 0xff);
	if (turn(l2, "intercepted, before the migration")) {
		set_all_ports(l2, 0);
		if (turn_after_migration_with_gif_clear(
			    l2, "no longer intercepted, after a migration in L1")) {
			set_all_ports(l2, 0xff);
			turn(l2, "intercepted again");
		}
	}
	end(l2);
}

/* The address size has a test of its own, since some emulated CPUs do not report it. */
TEST(ports_string_address, .on = EACH_CPU, .needs = SVM,
     .about = "EXITINFO1 of string I/O has the address size, after a migration in L2")
{
	struct l2 *l2 = begin_ports();

	for (int i = 0; i < row_count; i++)
		is_there[i] = rows[i].information & SVM_IOIO_STR;
	ignored_info = IOIO_SEGMENT;
	set_all_ports(l2, 0xff);
	migrated_turn(l2, "after a migration in L2");
	end(l2);
}
