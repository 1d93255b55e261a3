// SPDX-License-Identifier: GPL-2.0-or-later
/* Kinds of firmware. See firmware.h. */
#include <string.h>

#include "suite/firmware.h"
#include "util/text.h"

#define FLAT ".flat"

static const char *const words[] = {
	[FIRMWARE_USUAL] = "usual",
	[FIRMWARE_UEFI] = "uefi",
	[FIRMWARE_UEFI_SECURE] = "uefi-secure",
	[FIRMWARE_UEFI_SECURE + 1] = NULL,
};

const char *const *firmware_words(void)
{
	return words;
}

gboolean firmware_find(const char *word, enum firmware *firmware, GError **error)
{
	*firmware = FIRMWARE_USUAL;
	for (gsize i = 0; word && words[i]; i++)
		if (g_str_equal(words[i], word)) {
			*firmware = i;
			return TRUE;
		}
	if (!word)
		return TRUE;
	g_set_error(error, FERRY_ERROR, 0, "--firmware is usual, uefi or uefi-secure, not '%s'",
		    word);
	return FALSE;
}

enum firmware firmware_of(const char *word)
{
	enum firmware firmware;

	firmware_find(word, &firmware, NULL);
	return firmware;
}

char *firmware_image(enum firmware firmware, const char *file)
{
	gsize length = strlen(file) - (g_str_has_suffix(file, FLAT) ? strlen(FLAT) : 0);

	if (firmware == FIRMWARE_USUAL)
		return g_strdup(file);
	return g_strdup_printf("%.*s%s", (int)length, file,
			       firmware == FIRMWARE_UEFI ? ".efi" : ".secure.img");
}
