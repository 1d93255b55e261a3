// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * devices: the keyboard controller (Intel 8042; IBM PS/2 Hardware Interface Technical Reference,
 * "Keyboard and Auxiliary Device Controller"), and the keyboard and the mouse behind it. See
 * devices.c.
 *
 * Guest, controller and keyboard exchange commands and answers byte by byte. A broken hypervisor
 * loses a byte that waits to be read, or forgets which byte of a command or an answer is next. It
 * forgets how a driver has set the mouse up. The tests see other bytes than those that were to
 * come. They cannot tell what the mouse does with its settings, since nobody moves it.
 */
#include "io.h"
#include "migrate.h"
#include "report.h"
#include "x86/devices/devices.h"

#define DATA	0x60
#define STATUS	0x64 /* read */
#define COMMAND 0x64 /* written */

#define OUTPUT_FULL 0x01
#define INPUT_FULL  0x02
#define FROM_MOUSE  0x20

#define READ_COMMAND_BYTE  0x20
#define WRITE_COMMAND_BYTE 0x60
#define AS_IF_KEYBOARD	   0xd2 /* the next byte is one that the keyboard has sent */
#define AS_IF_MOUSE	   0xd3
#define TO_MOUSE	   0xd4 /* the next byte is for the mouse */

/* The command byte: no interrupts, no translation of scan codes, and the mouse is off. */
#define PLAIN	     0x20
#define KEYBOARD_OFF 0x10
#define SYSTEM_FLAG  0x04
#define TRANSLATE    0x40

/* The mouse's commands, and what its status tells. */
#define SCALE_BY_1     0xe6
#define SCALE_BY_2     0xe7
#define SET_RESOLUTION 0xe8
#define GET_STATUS     0xe9
#define SET_RATE       0xf3
#define ENABLE	       0xf4
#define DISABLE	       0xf5
#define MOUSE_ENABLED  0x20
#define MOUSE_SCALES   0x10

/* The keyboard's commands and answers. The mouse has the same ACK. */
#define SET_LEDS 0xed
#define ECHO	 0xee
#define IDENTIFY 0xf2
#define ACK	 0xfa

/* Throws away what waits to be read. */
static void drain(void)
{
	for (int i = 0; i < 64 && (inb(STATUS) & OUTPUT_FULL); i++)
		inb(DATA);
}

static void send(u16 port, u8 value)
{
	for (int i = 0; i < 1000 && (inb(STATUS) & INPUT_FULL); i++)
		;
	outb(value, port);
}

static u8 command_byte(void)
{
	send(COMMAND, READ_COMMAND_BYTE);
	wait_for_port("the command byte", STATUS, OUTPUT_FULL);
	return inb(DATA);
}

static void set_command_byte(u8 value)
{
	send(COMMAND, WRITE_COMMAND_BYTE);
	send(DATA, value);
}

FEATURE(KEYBOARD, "an 8042 keyboard controller (port 0x64)")
{
	return inb(STATUS) != 0xff;
}

static u8 original;

/* Afterwards nothing waits, and the keyboard sends nothing by itself. */
static void begin(void)
{
	drain();
	original = command_byte();
	set_command_byte(PLAIN);
	drain();
}

static void end(void)
{
	drain();
	set_command_byte(original);
}

/* Waits for a byte, and checks it. */
static void expect(const char *what, u8 value)
{
	u8 is;

	if (!wait_for_port(what, STATUS, OUTPUT_FULL))
		return;
	is = inb(DATA);
	report(is == value, "%s: %#x came, %#x expected", what, is, value);
}

TEST(keyboard_command_byte, .needs = KEYBOARD,
     .about = "the keyboard controller's command byte survives an action")
{
	static const u8 values[] = { PLAIN | KEYBOARD_OFF | SYSTEM_FLAG, PLAIN | TRANSLATE };

	begin();
	for (size_t i = 0; i < ARRAY_SIZE(values); i++) {
		u8 is;

		set_command_byte(values[i]);
		migrate_quiet();
		is = command_byte();
		report(is == values[i], "the command byte was %#x, and is %#x", values[i], is);
	}
	end();
}

TEST(keyboard_command_half_written, .needs = KEYBOARD,
     .about = "the keyboard controller takes the second byte of a command after an action")
{
	u8 is;

	begin();
	send(COMMAND, WRITE_COMMAND_BYTE);
	migrate_quiet();
	send(DATA, PLAIN | SYSTEM_FLAG);
	is = command_byte();
	report(is == (PLAIN | SYSTEM_FLAG), "the command byte is %#x, %#x was written", is,
	       PLAIN | SYSTEM_FLAG);
	end();
}

static void check_waiting_byte(u8 command, u8 value, u8 source)
{
	u8 status;

	send(COMMAND, command);
	send(DATA, value);
	if (!wait_for_port("a byte to read", STATUS, OUTPUT_FULL))
		return;
	migrate_quiet();
	status = inb(STATUS);
	report((status & (OUTPUT_FULL | FROM_MOUSE)) == (OUTPUT_FULL | source),
	       "the status is %#x, and bits %#x should be %#x", status, OUTPUT_FULL | FROM_MOUSE,
	       OUTPUT_FULL | source);
	expect("the byte that waited", value);
}

TEST(keyboard_byte_waits, .needs = KEYBOARD,
     .about = "a byte that waits at the keyboard controller can be read after an action")
{
	begin();
	check_waiting_byte(AS_IF_KEYBOARD, 0xa7, 0);
	check_waiting_byte(AS_IF_MOUSE, 0x5c, FROM_MOUSE);
	end();
}

TEST(keyboard_answer_half_read, .needs = KEYBOARD,
     .about = "the bytes of a keyboard's answer that were not read yet can be read after an action")
{
	begin();
	send(DATA, IDENTIFY);
	expect("the answer's first byte", ACK);
	migrate_quiet();
	expect("the answer's second byte", 0xab);
	migrate_quiet();
	expect("the answer's third byte", 0x83);
	migrate_quiet();
	report(!(inb(STATUS) & OUTPUT_FULL), "nothing more waits: the status is %#x", inb(STATUS));
	end();
}

TEST(keyboard_command_half_sent, .needs = KEYBOARD,
     .about =
	     "a keyboard that has got the first byte of a command takes the second after an action")
{
	begin();
	send(DATA, SET_LEDS);
	expect("the answer to 'set LEDs'", ACK);
	migrate_quiet();
	/* As a command of its own this byte would get another answer. */
	send(DATA, ECHO);
	expect("the answer to its second byte", ACK);
	send(DATA, ECHO);
	expect("the answer to 'echo'", ECHO);
	send(DATA, SET_LEDS);
	expect("the answer to 'set LEDs'", ACK);
	send(DATA, 0);
	expect("the answer to its second byte", ACK);
	end();
}

/* Sends the mouse a command, or its parameter. */
static void tell_mouse(u8 value)
{
	send(COMMAND, TO_MOUSE);
	send(DATA, value);
	expect("the mouse's answer to a command", ACK);
}

static void set_mouse(bool enabled, bool scales, u8 resolution, u8 rate)
{
	tell_mouse(scales ? SCALE_BY_2 : SCALE_BY_1);
	tell_mouse(SET_RESOLUTION);
	tell_mouse(resolution);
	tell_mouse(SET_RATE);
	tell_mouse(rate);
	tell_mouse(enabled ? ENABLE : DISABLE);
}

static void expect_of_mouse(bool enabled, bool scales, u8 resolution, u8 rate)
{
	tell_mouse(GET_STATUS);
	expect("the mouse's status: enabled 0x20, scaling 0x10",
	       (enabled ? MOUSE_ENABLED : 0) | (scales ? MOUSE_SCALES : 0));
	expect("the mouse's resolution", resolution);
	expect("the mouse's rate", rate);
}

TEST(mouse_settings, .needs = KEYBOARD,
     .about =
	     "a mouse's scaling, resolution, sampling rate, and that it is enabled survive an action")
{
	begin();
	set_command_byte(KEYBOARD_OFF);
	set_mouse(true, true, 3, 40);
	migrate_quiet();
	expect_of_mouse(true, true, 3, 40);
	set_mouse(false, false, 1, 200);
	migrate_quiet();
	expect_of_mouse(false, false, 1, 200);
	/* A command's first byte. The mouse takes the next one for a rate. */
	tell_mouse(SET_RATE);
	migrate_quiet();
	tell_mouse(60);
	expect_of_mouse(false, false, 1, 60);
	end();
}
