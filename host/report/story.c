// SPDX-License-Identifier: GPL-2.0-or-later
/* Makes and frees the story of a case. See story.h. */
#include "report/story.h"

static void line_free(struct story_line *line)
{
	g_free(line->text);
	g_free(line);
}

struct story *story_new(void)
{
	struct story *story = g_new0(struct story, 1);

	story->console = g_ptr_array_new_with_free_func((GDestroyNotify)line_free);
	story->control = g_ptr_array_new_with_free_func((GDestroyNotify)line_free);
	return story;
}

void story_free(struct story *story)
{
	if (!story)
		return;
	g_ptr_array_unref(story->console);
	g_ptr_array_unref(story->control);
	g_free(story);
}

struct story_line *story_add_line(GPtrArray *lines, gint64 at_ns, unsigned number, char *text)
{
	struct story_line *line = g_new0(struct story_line, 1);

	line->at_ns = at_ns;
	line->number = number;
	line->text = text;
	g_ptr_array_add(lines, line);
	return line;
}
