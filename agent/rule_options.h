/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Options of every command that evaluates rules: files, selection, outputs. Their rows stand first
 * in the command's option table, so that an index below RULE_OPTION_COUNT is one of them.
 */
#ifndef TIERCEL_RULE_OPTIONS_H
#define TIERCEL_RULE_OPTIONS_H

#include "agent/cmd.h"
#include "agent/config.h"
#include "agent/identity.h"
#include "agent/rules_load.h"

enum rule_option_id {
	RULE_OPTION_FILES, RULE_OPTION_BUNDLE,
	RULE_OPTION_MATCHING = RULE_OPTION_BUNDLE + BUNDLE_OPTION_COUNT,
	RULE_OPTION_PRIORITY, RULE_OPTION_ENABLE, RULE_OPTION_DISABLE, RULE_OPTION_ENABLE_TAG,
	RULE_OPTION_DISABLE_TAG, RULE_OPTION_APPEND,
	RULE_OPTION_STATIC, RULE_OPTION_NO_SUGGESTED, RULE_OPTION_TEXT, RULE_OPTION_ISO8601,
	RULE_OPTION_WARNINGS,
	RULE_OPTION_COUNT
};

#define RULE_OPTIONS                                                                              \
	[RULE_OPTION_FILES] = { 'r', "rules", "FILE|DIR", "rules to evaluate, repeatable" },      \
	BUNDLE_OPTIONS(RULE_OPTION_BUNDLE),                                                       \
	[RULE_OPTION_MATCHING] = { 0, "rule-matching", "first|all",                               \
				   "one alert per event (default) or one per matching rule" },    \
	[RULE_OPTION_PRIORITY] = { 0, "priority", "NAME", "only rules at least that urgent" },    \
	[RULE_OPTION_ENABLE] = { 0, "enable", "RULE", "enable rules by name, * is any text; in "  \
						      "order with the next three" },              \
	[RULE_OPTION_DISABLE] = { 'D', "disable", "RULE", "disable rules by name" },              \
	[RULE_OPTION_ENABLE_TAG] = { 't', "enable-tag", "TAG", "enable rules with a tag" },       \
	[RULE_OPTION_DISABLE_TAG] = { 'T', "disable-tag", "TAG", "disable rules with a tag" },    \
	[RULE_OPTION_APPEND] = { 0, "append-output", "TEMPLATE",                                  \
				 "text behind the output of every rule, repeatable" },            \
	[RULE_OPTION_STATIC] = { 0, "static", "NAME=TEXT", "define the field static.NAME" },      \
	[RULE_OPTION_NO_SUGGESTED] = { 0, "no-suggested-output", NULL,                            \
				       "do not append the container fields to outputs" },         \
	[RULE_OPTION_TEXT] = { 0, "text", NULL, "alerts as text lines instead of JSON" },         \
	[RULE_OPTION_ISO8601] = { 0, "iso8601", NULL, "times in front of the text as ISO 8601" }, \
	[RULE_OPTION_WARNINGS] = { 0, "warnings", NULL, "show warnings of the rules too" }

/* Texts are borrowed from the command line and the configuration. */
struct rule_options {
	struct io_names files;
	struct bundle_options bundle;
	bool match_all, no_suggested, text, iso8601, warnings;
	enum rule_priority priority;
	struct rule_selection *selections;
	uint32_t nselections, cap_selections;
	struct output_append *appends;
	uint32_t nappends, cap_appends;
	struct static_fields statics;
	struct arena arena;
};

void rule_options_init(struct rule_options *o);
void rule_options_done(struct rule_options *o);
/* Take one option of the table. EXIT_OK or an exit code; problems are printed. */
int rule_options_take(struct rule_options *o, const struct command *cmd, int opt, const char *arg);

/*
 * What the configuration and the identity of the node say about rules, but the files; before the
 * options of the command line. Both outlive `o`. EXIT_OK or an exit code.
 */
int rule_options_config(struct rule_options *o, const struct config *c, const struct identity *id);

/* Alert form: defaults of the machine, then what the options say. */
void rule_options_alert(const struct rule_options *o, struct alert_opts *ret_opts);
/* Options for loading, with `a` for what they point to. 0 or -ENOMEM. */
int rule_options_ruleset(const struct rule_options *o, struct arena *a,
			 struct ruleset_opts *ret_opts);
/* Is there anything to load: files or a bundle? */
static inline bool rule_options_any(const struct rule_options *o)
{
	return o->files.n || o->bundle.path;
}
/* Load the files and make them the rules of `engine`. EXIT_OK or an exit code. */
int rule_options_load(const struct rule_options *o, struct tiercel *engine, struct limits *limits);

#endif
